"""From what a spec asks for to whom the operator may be for it: policies and identities, resolved. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Protocol

from .errors import shown
from .fields import ROLE_ARN_PATTERN
from .generated import Held, Holdings
from .identity import (
    AMBIENT,
    AccessKeys,
    AccountRole,
    Ambient,
    AssumedRole,
    Identity,
    StoredKeys,
    account_origin,
    keys_origin,
)
from .model import AwsSpec, Entry
from .policy import Ask, Policy, Verdict, judge
from .reasons import Failure, Reason
from .registry import Registry, is_registry, parse_registry
from .resource import InvalidSpec, Resource
from .scope import Scope

DEFAULT_AUDIENCE = "sts.amazonaws.com"
ROLE_ANNOTATION = "eks.amazonaws.com/role-arn"
AUDIENCE_ANNOTATION = "eks.amazonaws.com/audience"
"""Those of the EKS Pod Identity Webhook, which every IRSA guide uses."""

ROLE_CHARACTERS = 640
"""As in the field `aws.role_arn`."""

AUDIENCE_CHARACTERS = 1024
"""Each is part of what a token is shared by. OpenID Connect sets no limit; URLs and names are far shorter."""

KEY_ID, SECRET_KEY, SESSION_TOKEN = "aws_access_key_id", "aws_secret_access_key", "aws_session_token"


MOST_NAMED = 32
"""How many different ServiceAccounts and Secrets the resources of one namespace may name. Each costs a connection and
some 0.3 MiB, and one namespace must not use up what all share."""


MOST_LABEL_CHARACTERS = 1 << 15
"""Of all labels of a namespace, keys and values."""


class Missing(Enum):
    """Why something that a resource names cannot be looked at."""

    ABSENT = auto()
    NOT_YET = auto()
    REFUSED = auto()
    TOO_MANY = auto()


@dataclass(frozen=True, slots=True)
class Account:
    """What counts of a ServiceAccount."""

    namespace: str
    name: str
    resource_version: str
    role_arn: str
    audience: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """What counts of a Secret with AWS keys.

    Attributes:
        keys: None when they are not all there.
        lacking: name of the first data key that is missing or empty.
        oversized: name of the first data key that is longer than what AWS gives; empty for none.
    """

    namespace: str
    name: str
    resource_version: str
    keys: AccessKeys | None
    lacking: str = ""
    oversized: str = ""


@dataclass(frozen=True, slots=True)
class NamespaceLabels:
    """What counts of a Namespace.

    Attributes:
        oversized: whether its labels are too many to be kept, so that no selector can be judged.
    """

    name: str
    resource_version: str
    labels: Mapping[str, str]
    terminating: bool = False
    oversized: bool = False


class Surroundings(Protocol):
    """What else in the cluster a resource depends on, as last seen."""

    def policies(self) -> Sequence[Policy]:
        """All AccessPolicies."""

    def labels(self, namespace: str) -> Mapping[str, str] | Missing:
        """The labels of a namespace."""

    def account(self, namespace: str, name: str) -> Account | Missing:
        """A ServiceAccount."""

    def credentials(self, namespace: str, name: str) -> Credentials | Missing:
        """A Secret with AWS keys."""


@dataclass(frozen=True, slots=True)
class Login:
    """One registry that the generated Secret is to open.

    Attributes:
        host: of the registry.
        scope: of the token for it; None when it cannot be told.
        problem: why its identity cannot be used now.
        origin: of its identity, known before the identity is.
    """

    host: str
    scope: Scope | None
    problem: Failure | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """What a resource may do, and as whom.

    Attributes:
        logins: one for each registry of the spec, in its order.
        denied: why policy refuses it; empty when it does not.
        audited: what policy would deny or change if it were enforced.
        removable: stored tokens that policy would remove if it were enforced: registry, token, and why.
        waiting: something has to be seen first: nothing is to be said or done.
        unknown: why policy cannot be judged; nothing is to be done, and what is stored is kept.
        revoked: registries whose stored token was had with an identity that policy refuses now.
    """

    logins: tuple[Login, ...] = ()
    denied: str = ""
    audited: str = ""
    removable: tuple[tuple[str, Held, str], ...] = ()
    waiting: bool = False
    unknown: str = ""
    revoked: frozenset[str] = frozenset()


WAITING = Access(waiting=True)
_LABELS_REFUSED = (
    "AccessPolicies select namespaces by label, and the operator may not list namespaces: give its ServiceAccount the"
    " rights of docs/install.md"
)


_LABELS_OVERSIZED = (
    f"namespace {{}} has more than {MOST_LABEL_CHARACTERS >> 10} KiB of labels, so no AccessPolicy can be judged by"
    " them: remove those that are not used"
)


def assess(resource: Resource, around: Surroundings, *, stored: Holdings, policy_required: bool) -> Access:
    """What a resource may do, and as whom.

    Args:
        resource: of whatever spec.
        around: what else it depends on.
        stored: the tokens that it has, which may be those of a former identity.
        policy_required: whether nothing is allowed while there is no policy.
    """
    namespace, policies = resource.key.namespace, around.policies()
    labels: Mapping[str, str] | Missing = {}
    if any(policy.needs_labels for policy in policies):
        labels = around.labels(namespace)
    if isinstance(labels, Missing):
        return _without_labels(labels, namespace)
    judged = partial(judge, namespace=namespace, labels=labels, policies=policies, required=policy_required)
    verdicts = {host: judged(_asked(host, one)) for host, one in stored.items() if is_registry(host)}
    revoked = frozenset(host for host, verdict in verdicts.items() if not verdict.served or verdict.default_role_arn)
    removable = tuple(
        (host, stored[host], verdict.audited)
        for host, verdict in verdicts.items()
        if verdict.audited and host not in revoked
    )
    if isinstance(resource.spec, InvalidSpec):
        return Access(revoked=revoked, removable=removable)
    logins, reported = [], []
    for entry in resource.spec.entries:
        identity = _identity(entry, resource.home, around)
        if identity is None:
            return WAITING
        verdict = judged(_ask(entry, identity))
        if not verdict.served:
            return Access(denied=verdict.refusal)
        if verdict.audited:
            reported.append(verdict.audited)
        logins.append(_login(entry, identity, verdict))
    removable = tuple(one for one in removable if one[2] not in reported)
    return Access(logins=tuple(logins), audited="; ".join(reported), revoked=revoked, removable=removable)


def _without_labels(why: Missing, namespace: str) -> Access:
    if why is Missing.REFUSED:
        return Access(unknown=_LABELS_REFUSED)
    if why is Missing.TOO_MANY:
        return Access(unknown=_LABELS_OVERSIZED.format(namespace))
    return WAITING  # a namespace that holds a resource will be seen


def audited(access: Access, held: Holdings) -> str:
    """What enforcing every policy would deny, change or remove; empty for nothing.

    Args:
        access: what policy says of the resource.
        held: the tokens that are stored now. One that has been replaced since it was judged is not reported.
    """
    removed = [
        f"the stored token for {host} would be removed: {why}"
        for host, one, why in access.removable
        if held.get(host) == one
    ]
    return "; ".join(filter(None, (access.audited, *removed)))


def _asked(host: str, one: Held) -> Ask:
    region = parse_registry(host).region
    if one.role_arn:
        return Ask(host, region, "role", one.role_arn)
    return Ask(host, region, "keys" if one.origin.startswith(keys_origin("")) else "ambient")


def _ask(entry: Entry, identity: Identity | Failure) -> Ask:
    host, region = entry.registry.host, entry.registry.region
    match identity:
        case Ambient():
            return Ask(host, region, "ambient")
        case AssumedRole(role_arn=role) | AccountRole(role_arn=role):
            return Ask(host, region, "role", role)
    return Ask(host, region, "keys" if entry.aws.credentials_secret else "unknown")


def _login(entry: Entry, identity: Identity | Failure, verdict: Verdict) -> Login:
    host, aws = entry.registry.host, entry.aws
    origin = account_origin(aws.service_account) if aws.service_account else keys_origin(aws.credentials_secret)
    if isinstance(identity, Failure):
        return Login(host, None, identity, origin)
    if verdict.default_role_arn:
        identity = AssumedRole(verdict.default_role_arn)
    return _checked(entry.registry, identity)


def _checked(registry: Registry, identity: Identity) -> Login:
    scope = Scope.of(registry, identity)
    if isinstance(identity, AssumedRole | AccountRole):
        partition = identity.role_arn.split(":")[1]
        if partition != registry.partition:
            text = f"{identity.words} is in partition {partition}, and {registry.host} in {registry.partition}"
            return Login(registry.host, scope, Failure(Reason.IDENTITY_UNAVAILABLE, text), identity.origin)
    return Login(registry.host, scope, origin=identity.origin)


def _identity(entry: Entry, namespace: str, around: Surroundings) -> Identity | Failure | None:
    """Who an entry asks to be, or why that is nobody; None when that cannot be told yet."""
    aws = entry.aws
    if aws.service_account:
        account, name = (
            around.account(namespace, aws.service_account),
            f"ServiceAccount {namespace}/{aws.service_account}",
        )
        if isinstance(account, Missing):
            return _missing(account, name, f"with the annotation {ROLE_ANNOTATION}")
        return _of_account(aws, account, name)
    if aws.credentials_secret:
        keys, name = (
            around.credentials(namespace, aws.credentials_secret),
            f"Secret {namespace}/{aws.credentials_secret}",
        )
        if isinstance(keys, Missing):
            return _missing(keys, name, f"with {KEY_ID} and {SECRET_KEY}")
        return _of_keys(keys, name)
    if aws.role_arn:
        return AssumedRole(aws.role_arn, aws.external_id, aws.access)
    return AMBIENT


def _unavailable(text: str) -> Failure:
    return Failure(Reason.IDENTITY_UNAVAILABLE, text)


def _missing(why: Missing, name: str, wanted: str) -> Failure | None:
    if why is Missing.NOT_YET:
        return None
    if why is Missing.TOO_MANY:
        return _unavailable(
            f"{name} is one too many: the resources of a namespace may name {MOST_NAMED} different ServiceAccounts and"
            " Secrets with keys. Share some, or use another namespace"
        )
    if why is Missing.REFUSED:
        return _unavailable(f"the operator may not read {name}: give it the rights of docs/install.md")
    return _unavailable(f"{name} does not exist. Make it, {wanted}")


def _of_account(aws: AwsSpec, account: Account, name: str) -> Identity | Failure:
    role = account.role_arn
    if not role:
        return _unavailable(f"{name} has no annotation {ROLE_ANNOTATION} that names the role to assume")
    if not re.fullmatch(ROLE_ARN_PATTERN, role):
        return _unavailable(f"the annotation {ROLE_ANNOTATION} of {name} is no ARN of an IAM role: {shown(role)}")
    if len(account.audience) > AUDIENCE_CHARACTERS:
        return _unavailable(
            f"the annotation {AUDIENCE_ANNOTATION} of {name} has more than {AUDIENCE_CHARACTERS} characters. Shorten it"
        )
    return AccountRole(account.namespace, account.name, role, account.audience or DEFAULT_AUDIENCE, aws.access)


def _of_keys(found: Credentials, name: str) -> Identity | Failure:
    if found.oversized:
        return _unavailable(f"{found.oversized} in {name} is too long to be what AWS gave. Correct it")
    if found.keys is None:
        return _unavailable(f"{name} lacks {found.lacking}. It needs {KEY_ID} and {SECRET_KEY}")
    return StoredKeys(found.namespace, found.name, found.keys.version, found.keys)
