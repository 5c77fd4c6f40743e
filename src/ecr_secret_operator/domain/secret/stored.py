"""A generated Secret as it is stored: its labels and annotations, its owners, and the tokens in it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ...api.fields import GROUP
from ..kinds import KINDS, SecretData
from ..resource import Key, Resource
from ..tokens.token import Sensitive, Token
from .annotations import DIGEST, NAME, OWNER, TOKENS, StoredToken, StoredTokens, is_sealed, read_tokens

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"

MANAGED_BY = "ecr-secret-operator"

MANAGED_SELECTOR = f"{MANAGED_BY_LABEL}={MANAGED_BY}"


LONG_CHARACTERS = 256
"""A longer annotation that a resource asked for is kept as a digest: it is only ever compared."""


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
                for host, issued, expires, who in read_tokens(self.annotations[TOKENS])
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
