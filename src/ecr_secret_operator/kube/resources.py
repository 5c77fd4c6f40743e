"""The custom resources: how they are watched, parsed, and told their status."""

from __future__ import annotations

import msgspec

from ..domain.errors import NotFound
from ..domain.fields import API_VERSION, GROUP
from ..domain.kinds import KINDS, Kind
from ..domain.resource import Key, Resource
from ..domain.status import Status, status_patch
from .client import Client
from .objects import CustomObject
from .sharing import shared
from .source import Known, KubeSource, OptionalSource

REFRESH_ANNOTATION = f"{GROUP}/refresh"
_REQUEST_CHARACTERS = 256


def collection(kind: Kind, namespace: str | None) -> str:
    """The API path of one kind in one namespace, or in all."""
    return f"/apis/{API_VERSION}/" + (f"namespaces/{namespace}/{kind.plural}" if namespace else kind.plural)


def convert(kind: Kind, raw: CustomObject, *, before: Resource | None = None) -> Resource:
    """A resource as it is kept in memory. Never fails, whatever is stored.

    Args:
        kind: of which it is.
        raw: as it was read.
        before: the same resource in an earlier version: its spec is not parsed once more where it is the same.
    """
    meta = raw.metadata
    status = raw.status if isinstance(raw.status, dict) else {}
    same = before is not None and (before.uid, before.generation) == (meta.uid, meta.generation)
    return Resource(
        key=Key(kind.name, meta.namespace, meta.name),
        uid=meta.uid,
        resource_version=meta.resource_version,
        generation=meta.generation,
        created_at=meta.creation_timestamp,
        deleting=meta.deletion_timestamp is not None,
        deleted_at=meta.deletion_timestamp or "",
        finalizers=meta.holders,
        refresh_request=(meta.annotations or {}).get(REFRESH_ANNOTATION, "")[:_REQUEST_CHARACTERS],
        spec=before.spec if before and same else kind.parse(raw.spec),
        status=status if before else shared(status),
    )


def source(
    client: Client, kind: Kind, namespace: str | None, *, known: Known[Resource] = lambda _meta, _read: False
) -> KubeSource[CustomObject, Resource]:
    """The resources of one kind in one namespace, or in all."""
    return (OptionalSource if kind.clustered else KubeSource)(
        client,
        collection(kind, namespace),
        raw=CustomObject,
        convert=lambda raw: convert(kind, raw),
        covers=lambda resource: (
            resource.key.kind == kind.name and (namespace is None or resource.key.namespace == namespace)
        ),
        known=known,
    )


class StatusWriter:
    """Stores the status of resources.

    Args:
        client: the API server.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def publish(self, resource: Resource, status: Status) -> Resource:
        """Stores a status; gives the resource as it is stored then.

        Raises:
            Conflict: another resource of this name has taken its place.
        """
        kind = KINDS[resource.key.kind]
        path = f"{collection(kind, resource.key.namespace)}/{resource.key.name}/status"
        body = {"metadata": {"uid": resource.uid}, "status": status_patch(resource.status, status)}
        raw = await self._client.patch(path, body, CustomObject)
        if raw.status == status:
            raw.status = status  # whose texts are shared with those of other resources
        return convert(kind, raw, before=resource)


class _ApiResource(msgspec.Struct):
    name: str


class _ApiResources(msgspec.Struct):
    resources: list[_ApiResource]


async def served_kinds(client: Client) -> frozenset[str]:
    """The plurals of the group's kinds that are served, by discovery, which needs no rights. Raises ApiError."""
    try:
        return frozenset(entry.name for entry in (await client.get(f"/apis/{API_VERSION}", _ApiResources)).resources)
    except NotFound:
        return frozenset()
