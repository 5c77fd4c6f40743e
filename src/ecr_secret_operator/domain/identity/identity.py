"""Whose AWS identity asks for a token. Part of the key under which a token is shared, so each part of it counts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..tokens.token import Sensitive

MARK_CHARACTERS = 16


def mark(parts: Iterable[str]) -> str:
    """A short name for some texts, the same wherever it is computed: 16 hex digits of SHA-256."""
    digest = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogateescape")
        digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()[:MARK_CHARACTERS]


def account_origin(name: str) -> str:
    """The origin of the role of a ServiceAccount, known before its role is."""
    return f"serviceaccount/{name}"


def keys_origin(secret: str) -> str:
    """The origin of the keys in a Secret."""
    return f"secret/{secret}"


@dataclass(frozen=True, slots=True)
class Ambient:
    """The operator's own, from the SDK's default chain."""

    version: str = ""
    role_arn: str = ""

    @property
    def origin(self) -> str:
        """Where a resource has it from, whatever it turns out to be."""
        return "ambient"

    @property
    def parts(self) -> tuple[str, ...]:
        """What tells it from others."""
        return ("ambient",)

    def __str__(self) -> str:
        return "ambient"

    @property
    def words(self) -> str:
        """It, in a sentence."""
        return "the operator's own identity"


@dataclass(frozen=True, slots=True)
class AssumedRole:
    """A role that the operator assumes with its own identity.

    The external id is part of the key: a resource that does not name it must not get a token that was obtained with it.
    """

    role_arn: str
    external_id: str = ""
    version: str = ""

    @property
    def origin(self) -> str:
        """Where a resource has it from, whatever it turns out to be."""
        return "role"

    @property
    def parts(self) -> tuple[str, ...]:
        """What tells it from others."""
        return ("role", self.role_arn, self.external_id)

    def __str__(self) -> str:
        return f"role/{self.role_arn}"

    @property
    def words(self) -> str:
        """It, in a sentence."""
        return f"role {self.role_arn}, assumed with the operator's own identity"


@dataclass(frozen=True, slots=True)
class AccountRole:
    """A role that is assumed with the token of a ServiceAccount (web identity, IRSA)."""

    namespace: str
    service_account: str
    role_arn: str
    audience: str
    version: str = ""

    @property
    def origin(self) -> str:
        """Where a resource has it from, whatever it turns out to be."""
        return account_origin(self.service_account)

    @property
    def parts(self) -> tuple[str, ...]:
        """What tells it from others."""
        return ("account", self.namespace, self.service_account, self.role_arn, self.audience)

    def __str__(self) -> str:
        return f"serviceaccount/{self.namespace}/{self.service_account}/{self.role_arn}"

    @property
    def words(self) -> str:
        """It, in a sentence."""
        return f"role {self.role_arn} of ServiceAccount {self.namespace}/{self.service_account}"


@dataclass(frozen=True, slots=True)
class AccessKeys:
    """An IAM user's keys, or temporary ones."""

    access_key_id: str
    secret_access_key: Sensitive
    session_token: Sensitive | None = None

    @property
    def version(self) -> str:
        """Another one for other keys."""
        token = self.session_token.reveal() if self.session_token else ""
        return mark(("keys", self.access_key_id, self.secret_access_key.reveal(), token))


@dataclass(frozen=True, slots=True)
class StoredKeys:
    """Keys in a Secret of the resource's namespace.

    It is the Secret that names the identity: other keys in it are a new version of the same one, which has to ask for a
    token of its own, but does not make the old one worthless.
    """

    namespace: str
    secret: str
    version: str
    keys: AccessKeys = field(compare=False, repr=False)
    role_arn: str = ""

    @property
    def origin(self) -> str:
        """Where a resource has it from, whatever it turns out to be."""
        return keys_origin(self.secret)

    @property
    def parts(self) -> tuple[str, ...]:
        """What tells it from others."""
        return ("keys", self.namespace, self.secret)

    def __str__(self) -> str:
        return f"secret/{self.namespace}/{self.secret}"

    @property
    def words(self) -> str:
        """It, in a sentence."""
        return f"the keys in Secret {self.namespace}/{self.secret}"


AMBIENT = Ambient()

Identity = Ambient | AssumedRole | AccountRole | StoredKeys
