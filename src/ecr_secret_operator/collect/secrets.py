"""Secrets without their values: which there are, whose, and the names of what is in them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ..doctor.observed import Keys
from ..domain.secret.stored import OwnerReference, StoredSecret
from ..errors import Forbidden, NotFound
from ..kube.client import Client
from ..kube.objects import Meta
from ..kube.secrets import collection

_EMPTY = b'""'


class _Unread(msgspec.Struct):
    """A Secret whose values are left undecoded, and forgotten at once."""

    metadata: Meta
    type: str = "Opaque"
    immutable: bool | None = None
    data: dict[str, msgspec.Raw] | None = None

    @property
    def names(self) -> list[str]:
        return [name for name, value in (self.data or {}).items() if bytes(value) != _EMPTY]


async def keys(client: Client, namespace: str, name: str) -> Keys | None:
    """The names of a Secret's data; None where one may not look. Raises ApiError."""
    try:
        found = await client.get(f"{collection(namespace)}/{name}", _Unread)
    except NotFound:
        return Keys(there=False)
    except Forbidden:
        return None
    return Keys(there=True, names=frozenset(found.names))


async def generated(client: Client, namespace: str, name: str) -> Mapping[str, StoredSecret | None]:
    """The Secret of this name by its namespace: None where one may not look, no entry where there is none."""
    try:
        found = await client.get(f"{collection(namespace)}/{name}", _Unread)
    except NotFound:
        return {}
    except Forbidden:
        return {namespace: None}
    meta = found.metadata
    owners = tuple(
        OwnerReference(one.api_version, one.kind, one.name, one.uid, bool(one.controller))
        for one in meta.owner_references or ()
    )
    stored = StoredSecret(
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        resource_version=meta.resource_version,
        secret_type=found.type,
        immutable=bool(found.immutable),
        deleting=meta.deletion_timestamp is not None,
        labels=meta.labels or {},
        annotations=meta.annotations or {},
        owners=owners,
        data_keys=tuple(found.names),
        data_digest="",
        passwords={},
        finalizers=meta.holders,
    )
    return {namespace: stored}
