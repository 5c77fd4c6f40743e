"""A generated Secret as it is stored: its labels and annotations, the tokens in it, and the seal over them.

Annotations make restarts free and drift visible: when each token was issued, when it expires and what it is good for,
for which resource and under which name the Secret was made, and a digest over all that.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from ...api.fields import GROUP
from ..identity.scope import Scope
from ..kinds import COMPACT, KINDS, SecretData
from ..resource import Key, Resource
from ..tokens.token import Sensitive, Token

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"

MANAGED_BY = "ecr-secret-operator"

MANAGED_SELECTOR = f"{MANAGED_BY_LABEL}={MANAGED_BY}"

EXPIRES_AT = f"{GROUP}/expires-at"

ISSUED_AT = f"{GROUP}/issued-at"

DIGEST = f"{GROUP}/digest"

OWNER = f"{GROUP}/owner"

NAME = f"{GROUP}/name"
"""The Secret's own name: a copy that somebody made of it, annotations and all, is told by that."""

TOKENS = f"{GROUP}/tokens"
"""Of each token in the Secret: its registry, its times, and marks of what it is good for; never the token."""

COPIED = f"{GROUP}/copied"
"""Which labels and annotations came from `spec.metadata`, so that those taken out there are taken out here."""

LONG_CHARACTERS = 256
"""A longer annotation that a resource asked for is kept as a digest: it is only ever compared."""


@lru_cache(maxsize=1024)
def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC with whole seconds, as the API server writes times."""
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def parse_time(text: str | None) -> datetime | None:
    """Reads an RFC 3339 time; None when it is none."""
    try:
        moment = datetime.fromisoformat(text or "")
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def data_digest(secret_type: str, data: SecretData) -> str:
    """SHA-256 over a Secret's type and data, in hex."""
    digest = hashlib.sha256(secret_type.encode())
    for key in sorted(data):
        for part in (key, data[key]):
            raw = part.encode("utf-8", "surrogateescape")
            digest.update(len(raw).to_bytes(8, "big") + raw)
    return digest.hexdigest()


def text_digest(text: str) -> bytes:
    """SHA-256 over a long text that is only compared."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


@dataclass(frozen=True, slots=True)
class Copied:
    """The labels and annotations of a Secret that come from `spec.metadata`, as the annotation COPIED lists them.

    Attributes:
        labels, annotations: their keys.
    """

    labels: tuple[str, ...]
    annotations: tuple[str, ...]

    @classmethod
    def of(cls, labels: Iterable[str], annotations: Iterable[str]) -> Copied:
        """Those with these keys."""
        return cls(tuple(sorted(labels)), tuple(sorted(annotations)))

    @classmethod
    def parse(cls, text: str) -> Copied:
        """Reads the value of the annotation; ignores what it cannot read."""
        entries = [entry.partition(":") for entry in text.split()]
        return cls(
            tuple(key for kind, _, key in entries if kind == "label"),
            tuple(key for kind, _, key in entries if kind == "annotation"),
        )

    @property
    def annotation(self) -> dict[str, str]:
        """The annotation, to be merged into those of the Secret; empty when nothing is copied."""
        entries = [f"label:{key}" for key in self.labels] + [f"annotation:{key}" for key in self.annotations]
        return {COPIED: " ".join(entries)} if entries else {}


@dataclass(frozen=True, slots=True)
class StoredToken:
    """A token as a Secret holds it.

    Attributes:
        mark: `Scope.mark` of what it was asked for: partition, region, service, identity.
        version: of the identity's keys, where they have one.
        origin: `origin` of the identity.
        role_arn: of the identity, where it is a role.
    """

    token: Token
    mark: str
    version: str = ""
    origin: str = ""
    role_arn: str = ""

    @classmethod
    def of(cls, scope: Scope, token: Token) -> StoredToken:
        """A token that was had for a scope."""
        who = scope.identity
        return cls(token, scope.mark, who.version, who.origin, who.role_arn)


StoredTokens = Mapping[str, StoredToken]
"""Registry host to token."""


@dataclass(frozen=True, slots=True)
class OwnerReference:
    """One entry of `metadata.ownerReferences`.

    Ours is the controller, but does not block the owner's deletion: that would need permissions for the resource's
    finalizers where the OwnerReferencesPermissionEnforcement admission plugin runs, as on OpenShift.
    """

    api_version: str
    kind: str
    name: str
    uid: str
    controller: bool = True
    block_owner_deletion: bool = False

    @property
    def ours(self) -> bool:
        """Whether it points to one of this operator's resources."""
        return self.api_version.partition("/")[0] == GROUP and self.kind in KINDS

    @property
    def points_to(self) -> tuple[str, str, str, str]:
        """Who it points to; how it does so may differ."""
        return self.api_version, self.kind, self.name, self.uid

    def manifest(self) -> dict[str, Any]:
        """As the API server takes it."""
        return {
            "apiVersion": self.api_version,
            "kind": self.kind,
            "name": self.name,
            "uid": self.uid,
            **({"controller": True} if self.controller else {}),
            **({"blockOwnerDeletion": True} if self.block_owner_deletion else {}),
        }


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """A Secret as it is stored, without its data: those are reduced to a digest and the token.

    In memory there is no more of it than the operator itself may have written (`kube.kept`, ADR 38).

    Attributes:
        namespace, name, uid, resource_version: of the version seen.
        secret_type: its `type`.
        immutable: whether its data can't be updated.
        deleting: whether it is being deleted, and only a finalizer holds it.
        labels, annotations: the operator's own, and those that a resource asked for.
        owners: its ownerReferences.
        data_keys: names of its data entries.
        data_digest: over type and data; compares with that of a rendered Secret.
        passwords: the tokens in it by registry host, as far as they can be found.
        owner_key: the resource that it was made for, from its ownerReference, else from its annotation.
        finalizers: those that hold it while it is being deleted.
        digests: `text_digest` of the annotations that are too long to be kept, by their key.
        partial: whether `owners` or `data_keys` lack some: before an update it has to be read whole.
        reduced: whether its namespace takes too much memory: only what says whose it is was kept.
    """

    namespace: str
    name: str
    uid: str
    resource_version: str
    secret_type: str
    immutable: bool
    deleting: bool
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    owners: tuple[OwnerReference, ...]
    data_keys: tuple[str, ...]
    data_digest: str
    passwords: Mapping[str, Sensitive]
    owner_key: Key | None = field(init=False)
    finalizers: tuple[str, ...] = ()
    digests: tuple[tuple[str, bytes], ...] = ()
    partial: bool = False
    reduced: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "owner_key", self._find_owner())

    @property
    def managed(self) -> bool:
        """Whether it carries the operator's label."""
        return self.labels.get(MANAGED_BY_LABEL) == MANAGED_BY

    @property
    def stored_tokens(self) -> StoredTokens:
        """The tokens in it with what the annotations say of them; none when the seal over both does not hold."""
        if not is_sealed(self.data_digest, self.annotations):
            return {}
        try:
            return {
                host: StoredToken(Token(self.passwords[host], issued, expires), *who)
                for host, issued, expires, who in _read_tokens(self.annotations[TOKENS])
            }
        except (KeyError, ValueError, TypeError, AttributeError, RecursionError):
            return {}

    def has_valid_token(self, now: datetime) -> bool:
        """Whether it holds a token that is still valid, whichever resource it was made for."""
        return any(not one.token.expired(now) for one in self.stored_tokens.values())

    def has_token_for(self, hosts: frozenset[str]) -> bool:
        """Whether it holds a token for one of these registries."""
        return bool(hosts) and not self.stored_tokens.keys().isdisjoint(hosts)

    def _find_owner(self) -> Key | None:
        for owner in self.owners:
            if owner.ours:
                return Key(owner.kind, self.namespace, owner.name)
        key = Key.parse(self.annotations.get(OWNER, ""))
        return key if key and key.namespace == self.namespace and key.kind in KINDS else None

    @property
    def original(self) -> bool:
        """Whether it is the Secret that was written, and no copy of it under another name."""
        return self.annotations.get(NAME) == self.name

    def has_annotation(self, key: str, text: str | None = None) -> bool:
        """Whether it has an annotation, and with this text if one is given."""
        found = self.annotations.get(key)
        if found is not None:
            return text is None or found == text
        digest = dict(self.digests).get(key)
        return digest is not None and (text is None or digest == text_digest(text))

    def made_for(self, resource: Resource) -> bool:
        """Whether the operator made it for this resource.

        True with an ownerReference to it, whatever became of the label; or with its name in the owner annotation
        and the label or the digest, which is what a retained Secret has, and one restored from a backup.
        """
        if any(owner.uid == resource.uid for owner in self.owners):
            return True
        return (self.managed or DIGEST in self.annotations) and self.owner_key == resource.key


def written_tokens(held: StoredTokens) -> str:
    """The annotation that lists the tokens of a Secret, without the tokens themselves, as JSON."""
    entries = {
        host: {
            "issued": format_time(one.token.issued_at),
            "expires": format_time(one.token.expires_at),
            "for": one.mark,
            **({"with": one.version} if one.version else {}),
            "by": one.origin,
            **({"role": one.role_arn} if one.role_arn else {}),
        }
        for host, one in held.items()
    }
    return COMPACT.encode(entries)


_Written = tuple[str, datetime, datetime, tuple[str, str, str, str]]


@lru_cache(maxsize=16)
def _read_tokens(text: str) -> tuple[_Written, ...]:
    """Reads what `written_tokens` wrote. Secrets with the same tokens say the same, and each is asked several times."""
    return tuple(_read_token(host, entry) for host, entry in json.loads(text).items())


def _read_token(host: str, entry: Mapping[str, object]) -> _Written:
    issued, expires = parse_time(str(entry["issued"])), parse_time(str(entry["expires"]))
    if issued is None or expires is None or issued >= expires:
        raise ValueError("no life span")
    who = (str(entry["for"]), str(entry.get("with", "")), str(entry.get("by", "")), str(entry.get("role", "")))
    return host, issued, expires, who


def seal(digest: str, tokens: str, owner: str) -> str:
    """The seal over a Secret: SHA-256 of its data's digest, the annotation that lists its tokens, and its owner."""
    return "sha256:" + hashlib.sha256(f"{digest}\n{tokens}\n{owner}".encode()).hexdigest()


def is_sealed(digest: str, annotations: Mapping[str, str]) -> bool:
    """Whether a Secret's annotations and data are those that the operator wrote together.

    Args:
        digest: `data_digest` of the Secret.
        annotations: of the Secret.
    """
    return annotations.get(DIGEST) == seal(digest, annotations.get(TOKENS, ""), annotations.get(OWNER, ""))
