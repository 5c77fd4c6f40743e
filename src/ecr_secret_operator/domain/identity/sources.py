"""The ServiceAccounts and the Secrets with AWS keys that resources name, and the identities that they give. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto
from typing import Literal, NamedTuple, Protocol

from ...api.fields import ROLE_ARN_PATTERN
from ...api.model import RegistryEntry
from ...errors import shown
from ...reasons import Failure, Reason
from .identity import AMBIENT, AccessKeys, AccountRole, AssumedRole, Identity, StoredKeys

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
"""How many different ServiceAccounts and Secrets the resources of one namespace may name. Each is watched on a
connection of its own."""


class Missing(Enum):
    """Why something that a resource names is not known."""

    ABSENT = auto()
    NOT_YET = auto()
    REFUSED = auto()

    TOO_MANY = auto()
    """Its namespace has as many as one namespace may have."""

    ALL_TAKEN = auto()
    """The operator watches as many as it may, and its namespace has its fair share of them."""


class Named(NamedTuple):
    """A ServiceAccount, or a Secret with AWS keys, that a resource names as its identity."""

    kind: Literal["ServiceAccount", "Secret"]
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


@dataclass(frozen=True, slots=True)
class RoleAccount:
    """What counts of a ServiceAccount."""

    namespace: str
    name: str
    resource_version: str
    role_arn: str
    audience: str


@dataclass(frozen=True, slots=True)
class KeySecret:
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


class IdentitySources(Protocol):
    """What is known of the ServiceAccounts and Secrets that resources name."""

    def account(self, namespace: str, name: str) -> RoleAccount | Missing:
        """A ServiceAccount."""

    def credentials(self, namespace: str, name: str) -> KeySecret | Missing:
        """A Secret with AWS keys."""


def named_by(entry: RegistryEntry, namespace: str) -> Named | None:
    """What has to be read for the identity of an entry; None when the entry alone says whose it is.

    Args:
        entry: of the spec.
        namespace: of the ServiceAccounts and Secrets that it names.
    """
    if entry.aws.service_account:
        return Named("ServiceAccount", namespace, entry.aws.service_account)
    if entry.aws.credentials_secret:
        return Named("Secret", namespace, entry.aws.credentials_secret)
    return None


def identity_of(entry: RegistryEntry, namespace: str, sources: IdentitySources) -> Identity | Failure | None:
    """The identity that an entry asks for, or why it cannot be used; None when that is not known yet.

    Args:
        entry: of the spec.
        namespace: of the ServiceAccounts and Secrets that it names.
        sources: what is known of them.
    """
    aws, named = entry.aws, named_by(entry, namespace)
    if named and named.kind == "ServiceAccount":
        account = sources.account(namespace, named.name)
        if isinstance(account, Missing):
            return _missing(account, named, f"with the annotation {ROLE_ANNOTATION}")
        return _of_account(account, named)
    if named:
        keys = sources.credentials(namespace, named.name)
        if isinstance(keys, Missing):
            return _missing(keys, named, f"with {KEY_ID} and {SECRET_KEY}")
        return _of_keys(keys, named)
    if aws.role_arn:
        return AssumedRole(aws.role_arn, aws.external_id)
    return AMBIENT


def _unavailable(text: str) -> Failure:
    return Failure(Reason.IDENTITY_UNAVAILABLE, text)


def _missing(why: Missing, name: Named, wanted: str) -> Failure | None:
    if why is Missing.NOT_YET:
        return None
    if why is Missing.TOO_MANY:
        return _unavailable(
            f"{name} is one too many: the resources of a namespace may name {MOST_NAMED} different ServiceAccounts and"
            " Secrets with keys. Share some, or use another namespace"
        )
    if why is Missing.ALL_TAKEN:
        return _unavailable(
            f"{name} is not watched: the operator watches as many ServiceAccounts and Secrets with keys as it may, and"
            f" namespace {name.namespace} has its share of them. Name fewer, or raise --max-identity-watches"
        )
    if why is Missing.REFUSED:
        return _unavailable(f"the operator may not read {name}: give it the permissions of docs/install.md")
    return _unavailable(f"{name} does not exist. Make it, {wanted}")


def _of_account(account: RoleAccount, name: Named) -> Identity | Failure:
    role = account.role_arn
    if not role:
        return _unavailable(f"{name} has no annotation {ROLE_ANNOTATION} that names the role to assume")
    if not re.fullmatch(ROLE_ARN_PATTERN, role):
        return _unavailable(f"the annotation {ROLE_ANNOTATION} of {name} is no ARN of an IAM role: {shown(role)}")
    if len(account.audience) > AUDIENCE_CHARACTERS:
        return _unavailable(
            f"the annotation {AUDIENCE_ANNOTATION} of {name} has more than {AUDIENCE_CHARACTERS} characters. Shorten it"
        )
    return AccountRole(account.namespace, account.name, role, account.audience or DEFAULT_AUDIENCE)


def _of_keys(found: KeySecret, name: Named) -> Identity | Failure:
    if found.oversized:
        return _unavailable(f"{found.oversized} in {name} is too long to be what AWS gave. Correct it")
    if found.keys is None:
        return _unavailable(f"{name} lacks {found.lacking}. It needs {KEY_ID} and {SECRET_KEY}")
    return StoredKeys(found.namespace, found.name, found.keys.version, found.keys)
