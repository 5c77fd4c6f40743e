"""From what a spec asks for to whom the operator may be for it: policies and identities, resolved. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from ...api.limits import SESSION_POLICY_CHARACTERS
from ...api.model import RegistryEntry
from ...api.registry import Registry, is_registry, parse_registry
from ...api.selectors import MOST_LABEL_CHARACTERS
from ...reasons import Failure, Reason
from ..resource import InvalidSpec, Resource
from ..secret.annotations import StoredToken, StoredTokens
from .access_policy import Policy
from .identity import (
    AccountRole,
    Ambient,
    AssumedRole,
    Identity,
    StoredKeys,
    account_origin,
    keys_origin,
)
from .limit import UNLIMITED, LimitRequest, TokenLimit
from .policy import AccessRequest, Verdict, judge
from .scope import Scope
from .session_policy import session_policy
from .sources import IdentitySources, Missing, Named, identity_of, named_by


class Dependencies(IdentitySources, Protocol):
    """What else in the cluster a resource depends on, as last seen."""

    def policies(self) -> Sequence[Policy]:
        """All AccessPolicies."""

    def labels(self, namespace: str) -> Mapping[str, str] | Missing:
        """The labels of a namespace."""


@dataclass(frozen=True, slots=True)
class RegistryLogin:
    """One registry that the generated Secret is to open.

    Attributes:
        host: of the registry.
        scope: of the token for it; None when it is not known.
        problem: why its identity cannot be used now.
        origin: of its identity, known before the identity is.
        limit: of the token.
    """

    host: str
    scope: Scope | None
    problem: Failure | None = None
    origin: str = ""
    limit: TokenLimit = UNLIMITED


@dataclass(frozen=True, slots=True)
class Authorization:
    """What a resource may do, and as whom.

    Attributes:
        logins: one for each registry of the spec, in its order.
        denied: why policy refuses it; empty when it does not.
        audited: what policy would deny or change if it were enforced.
        removable: stored tokens that policy would remove if it were enforced: registry, token, and why.
        waiting: something has to be seen first: nothing is to be said or done.
        unknown: why policy cannot be judged; nothing is to be done, and what is stored is kept.
        revoked: registries whose stored token policy denies now, for its identity or its limit.
        too_wide: those of them for which policy denies the limit only.
    """

    logins: tuple[RegistryLogin, ...] = ()
    denied: str = ""
    audited: str = ""
    removable: tuple[tuple[str, StoredToken, str], ...] = ()
    waiting: bool = False
    unknown: str = ""
    revoked: frozenset[str] = frozenset()
    too_wide: frozenset[str] = frozenset()


WAITING = Authorization(waiting=True)
HOW_TO_LIMIT = (
    "AWS limits roles (aws.role_arn, aws.service_account, or default_role_arn of an AccessPolicy) and the keys of an"
    " IAM user: use one of these"
)
_LABELS_REFUSED = (
    "AccessPolicies select namespaces by label, and the operator may not list namespaces: give its ServiceAccount the"
    " permissions of docs/install.md"
)


_LABELS_OVERSIZED = (
    f"{{}} has more than {MOST_LABEL_CHARACTERS >> 10} KiB of labels, so no AccessPolicy can be judged by"
    " them: remove those that are not used"
)


def assess(
    resource: Resource, dependencies: Dependencies, *, stored: StoredTokens, policy_required: bool
) -> Authorization:
    """What a resource may do, and as whom.

    Args:
        resource: of whatever spec.
        dependencies: what else it depends on.
        stored: the tokens that it has, which may be those of a former identity.
        policy_required: whether nothing is allowed while there is no policy.
    """
    judged = _judge_of(resource, dependencies, policy_required=policy_required)
    if isinstance(judged, Missing):
        return _without_labels(judged, resource.place)
    requests = {host: _asked(host, one) for host, one in stored.items() if is_registry(host)}
    verdicts = {host: judged(request) for host, request in requests.items()}
    revoked = frozenset(host for host, verdict in verdicts.items() if not verdict.served or verdict.default_role_arn)
    unlimited = {host: judged(replace(requests[host], limit=LimitRequest())) for host in revoked}
    too_wide = frozenset(host for host, verdict in unlimited.items() if verdict.served and not verdict.default_role_arn)
    # As a spec asks for the same limit: what is reported of a registry is not reported of its token, too.
    removable = tuple(
        (host, stored[host], why)
        for host, verdict in verdicts.items()
        if verdict.audited and host not in revoked and (why := judged(_as_in_a_spec(requests[host])).audited)
    )
    found = Authorization(revoked=revoked, removable=removable, too_wide=too_wide)
    if isinstance(resource.spec, InvalidSpec):
        return found
    logins, reported = [], []
    for entry in resource.spec.entries:
        if named_by(entry, resource.home) and not (early := judged(_ask(entry))).served:
            return Authorization(denied=early.refusal)
        identity = identity_of(entry, resource.home, dependencies)
        if identity is None:
            return _denied_anyway(resource.spec.entries, resource.home, dependencies, judged) or WAITING
        verdict = judged(_ask(entry, identity))
        if not verdict.served:
            return Authorization(denied=verdict.refusal)
        if verdict.audited:
            reported.append(verdict.audited + _not_limitable(entry, identity, verdict))
        logins.append(_login(entry, identity, verdict))
    removable = tuple(one for one in removable if one[2] not in reported)
    return replace(found, logins=tuple(logins), audited="; ".join(reported), removable=removable)


def needed(resource: Resource, dependencies: Dependencies, *, policy_required: bool) -> frozenset[Named] | None:
    """The ServiceAccounts and Secrets that have to be read for a resource; None when that is not known yet.

    Nothing has to be read for a resource that policy denies whatever is read.

    Args:
        resource: with any spec. Of a cluster resource all are needed: policy judges it in each namespace.
        dependencies: policies and labels.
        policy_required: whether nothing is allowed while there is no policy.
    """
    if isinstance(resource.spec, InvalidSpec):
        return frozenset()
    entries = resource.spec.entries
    named = frozenset(found for entry in entries if (found := named_by(entry, resource.home)))
    if not named or not resource.key.namespace:
        return named
    judged = _judge_of(resource, dependencies, policy_required=policy_required)
    if isinstance(judged, Missing):
        return None
    return (
        named
        if all(judged(_ask_early(entry, resource.home, dependencies)).served for entry in entries)
        else frozenset()
    )


def _ask_early(entry: RegistryEntry, home: str, dependencies: Dependencies) -> AccessRequest:
    """What an entry asks to use, as far as that is known before the object that it names is read."""
    return _ask(entry) if named_by(entry, home) else _ask(entry, identity_of(entry, home, dependencies))


def _denied_anyway(
    entries: Sequence[RegistryEntry],
    home: str,
    dependencies: Dependencies,
    judged: Callable[[AccessRequest], Verdict],
) -> Authorization | None:
    """The denial of an entry that is judged before anything is read; None if there is none.

    What the other entries name is not read then (`needed`), so nothing would end the wait for it.
    """
    verdicts = (judged(_ask_early(entry, home, dependencies)) for entry in entries)
    return next((Authorization(denied=one.refusal) for one in verdicts if not one.served), None)


def _judge_of(
    resource: Resource, dependencies: Dependencies, *, policy_required: bool
) -> Callable[[AccessRequest], Verdict] | Missing:
    """What judges the asks of a resource; why nothing does when the labels of its namespace are not known."""
    namespace, policies = resource.key.namespace, dependencies.policies()
    labels: Mapping[str, str] | Missing = {}
    if any(policy.needs_labels for policy in policies):
        labels = dependencies.labels(namespace)
    if isinstance(labels, Missing):
        return labels
    return partial(
        judge,
        namespace=namespace,
        place=resource.place,
        labels=labels,
        policies=policies,
        required=policy_required,
    )


def _without_labels(why: Missing, place: str) -> Authorization:
    if why is Missing.REFUSED:
        return Authorization(unknown=_LABELS_REFUSED)
    if why is Missing.TOO_MANY:
        return Authorization(unknown=_LABELS_OVERSIZED.format(place))
    return WAITING  # a namespace that holds a resource will be seen


def audited(authorization: Authorization, held: StoredTokens) -> str:
    """What enforcing every policy would deny, change or remove; empty for nothing.

    Args:
        authorization: what policy says of the resource.
        held: the tokens that are stored now. One that has been replaced since it was judged is not reported.
    """
    removed = [
        f"the stored token for {host} would be removed: {why}"
        for host, one, why in authorization.removable
        if held.get(host) == one
    ]
    return "; ".join(filter(None, (authorization.audited, *removed)))


def _as_in_a_spec(asked: AccessRequest) -> AccessRequest:
    """The request of a resource for such a token: where that has no limit, policy may choose one."""
    return replace(asked, limit=LimitRequest.of(asked.limit.access, asked.limit.repositories or ()))


def _asked(host: str, one: StoredToken) -> AccessRequest:
    """What a stored token would ask for, had it to be requested."""
    region = parse_registry(host).region
    limit = LimitRequest(one.limit.access, one.limit.repositories)
    if one.role_arn:
        return AccessRequest(host, region, "role", one.role_arn, limit=limit)
    return AccessRequest(host, region, "keys" if one.origin.startswith(keys_origin("")) else "ambient", limit=limit)


def _ask(entry: RegistryEntry, identity: Identity | Failure | None = None) -> AccessRequest:
    """What an entry asks to use; of an identity that is not known yet, as much as the entry says."""
    asked = partial(AccessRequest, entry.registry.host, entry.registry.region)
    limit = LimitRequest.of(entry.aws.access, entry.aws.repositories)
    match identity:
        case Ambient():
            return asked("ambient", limit=limit)
        case AssumedRole(role_arn=role, external_id=external_id):
            return asked("role", role, external_id, limit=limit)
        case AccountRole(role_arn=role):
            return asked("role", role, limit=limit)
    return asked("keys" if entry.aws.credentials_secret else "unknown", limit=limit)


def _login(entry: RegistryEntry, identity: Identity | Failure, verdict: Verdict) -> RegistryLogin:
    host, aws = entry.registry.host, entry.aws
    origin = account_origin(aws.service_account) if aws.service_account else keys_origin(aws.credentials_secret)
    if isinstance(identity, Failure):
        return RegistryLogin(host, None, identity, origin, verdict.limit)
    if verdict.default_role_arn:
        identity = AssumedRole(verdict.default_role_arn)
    scope = Scope.of(entry.registry, identity, verdict.limit)
    return RegistryLogin(host, scope, _unusable(entry.registry, scope), identity.origin, verdict.limit)


def _not_limitable(entry: RegistryEntry, identity: Identity | Failure, verdict: Verdict) -> str:
    """What an enforced limit would end in, if the token cannot be limited so; empty if it can, as far as is known."""
    if isinstance(identity, Failure) or verdict.refusal:
        return ""
    failure = _unusable(entry.registry, Scope.of(entry.registry, identity, verdict.limit_if_enforced))
    return f", and the resource would fail then: {failure.message}" if failure else ""


def _unusable(registry: Registry, scope: Scope) -> Failure | None:
    """Why AWS could not give the token of a scope for a registry; None if it can be asked."""
    identity = scope.identity
    if isinstance(identity, AssumedRole | AccountRole):
        partition = identity.role_arn.split(":")[1]
        if partition != registry.partition:
            text = f"{identity.words} is in partition {partition}, and {registry.host} in {registry.partition}"
            return Failure(Reason.IDENTITY_UNAVAILABLE, text)
    if scope.limit.limits and isinstance(identity, StoredKeys) and identity.keys.session_token:
        text = (
            f"the token for {registry.host} cannot be limited to {scope.limit}, because {identity.words} are temporary"
            f" ones. {HOW_TO_LIMIT}"
        )
        return Failure(Reason.IDENTITY_UNAVAILABLE, text)
    length = len(session_policy(scope))
    if length > SESSION_POLICY_CHARACTERS:
        text = (
            f"the session policy that limits the token for {registry.host} would have {length} characters, and STS"
            f" allows {SESSION_POLICY_CHARACTERS}: name fewer or shorter patterns in aws.repositories, or in"
            " limit.repositories of the AccessPolicy"
        )
        return Failure(Reason.INVALID_SPEC, text)
    return None
