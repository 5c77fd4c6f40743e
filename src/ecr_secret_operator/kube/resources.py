"""The custom resources: how they are watched, parsed, and told their status."""

from __future__ import annotations

from dataclasses import replace
from sys import getsizeof
from typing import Any

import msgspec

from ..api.fields import API_VERSION, GROUP
from ..api.model import NO_METADATA
from ..api.pull_secrets import RegistriesSpec
from ..domain.kinds import KINDS, Kind
from ..domain.resource import InvalidSpec, Key, Resource
from ..domain.status.outcome import Status
from ..errors import Conflict, Invalid, NotFound
from ..runtime.allowance import Allowance, Weight
from .client import Client
from .objects import CustomObject
from .sharing import shared
from .source import Absorb, KubeSource, OptionalSource

MOST_NAMESPACE_BYTES = 1 << 24
"""What the specs of one namespace's resources may take in memory beyond what ordinary ones take."""

_ORDINARY_BYTES = 1 << 13
_REGISTRY_BYTES = 1 << 10
_LINK_BYTES = 1 << 10
"""What each further registry and each link takes, the objects that hold it included."""

REFRESH_ANNOTATION = f"{GROUP}/refresh"
_REQUEST_CHARACTERS = 256


def collection(kind: Kind, namespace: str | None) -> str:
    """The API path of one kind in one namespace, or in all."""
    return f"/apis/{API_VERSION}/" + (f"namespaces/{namespace}/{kind.plural}" if namespace else kind.plural)


def convert(kind: Kind, raw: CustomObject, *, before: Resource | None = None) -> Resource:
    """Converts a resource to what is kept in memory of it. Never raises, whatever is stored.

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
        status=shared(status),
    )


def weigh(resource: Resource) -> Weight | None:
    """The memory that a spec takes beyond an ordinary one, in bytes; None for an ordinary one."""
    spec, size = resource.spec, 0
    if isinstance(spec, InvalidSpec):
        return None
    if spec.metadata is not NO_METADATA:
        for texts in (spec.metadata.labels, spec.metadata.annotations):
            size += sum(getsizeof(key) + getsizeof(text) for key, text in texts.items())
    if isinstance(spec, RegistriesSpec):
        size += len(spec.additional_registries) * _REGISTRY_BYTES + len(spec.link) * _LINK_BYTES
    return Weight(size) if size > _ORDINARY_BYTES else None


def reduced(resource: Resource) -> Resource:
    """A copy of a resource without its spec, for a namespace whose resources take too much memory."""
    message = (
        f"the resources of namespace {resource.key.namespace} take more than {MOST_NAMESPACE_BYTES >> 20} MiB of the"
        " operator's memory, so this one is left as it is. Shorten spec.metadata, name fewer registries, or use more"
        " namespaces: it is then served by itself, within ten minutes"
    )
    return replace(resource, spec=InvalidSpec(message, limited=True))


def is_reduced(resource: Resource) -> bool:
    """Whether a resource was made by `reduced`."""
    return isinstance(resource.spec, InvalidSpec) and resource.spec.limited


def allowance() -> Allowance[Resource]:
    """The bound on the memory that the specs of each namespace take."""
    return Allowance(
        most=MOST_NAMESPACE_BYTES,
        group_of=lambda one: one.key.namespace,
        weigh=weigh,
        reduce=reduced,
        is_reduced=is_reduced,
    )


def source(
    client: Client, kind: Kind, namespace: str | None, *, absorb: Absorb[Resource] = lambda _meta, _read: False
) -> KubeSource[CustomObject, Resource]:
    """The list and watch of the resources of one kind, in one namespace or in all."""
    return (OptionalSource if kind.clustered else KubeSource)(
        client,
        collection(kind, namespace),
        raw=CustomObject,
        convert=lambda raw: convert(kind, raw),
        covers=lambda resource: (
            resource.key.kind == kind.name and (namespace is None or resource.key.namespace == namespace)
        ),
        absorb=absorb,
        allowance=allowance,
    )


class StatusWriter:
    """Stores the status of resources.

    Args:
        client: the API server.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def publish(self, resource: Resource, status: Status) -> Resource:
        """Stores a status, and returns the resource as it is stored afterwards.

        The patch tests the uid, because the API server ignores the uid in a merge patch of `/status`: that would give
        the status of a deleted resource to the next one of its name.

        Raises:
            Conflict: another resource of this name has taken its place.
            ApiError: the API server refused the status or did not answer.
        """
        kind = KINDS[resource.key.kind]
        path = f"{collection(kind, resource.key.namespace)}/{resource.key.name}"
        operations: list[dict[str, Any]] = [
            {"op": "test", "path": "/metadata/uid", "value": resource.uid},
            {"op": "add", "path": "/status", "value": status},
        ]
        try:
            stored = await self._client.json_patch(f"{path}/status", operations, CustomObject)
        except Invalid:  # a failed test has the same code as a status that is not valid
            if (await self._client.get(path, CustomObject)).metadata.uid != resource.uid:
                raise Conflict(f"another resource took the place of {resource.key.spoken}") from None
            raise
        return convert(kind, stored, before=resource)


class _ApiResource(msgspec.Struct):
    name: str


class _ApiResources(msgspec.Struct):
    resources: list[_ApiResource]


async def served_kinds(client: Client) -> frozenset[str]:
    """Asks by discovery, which needs no permissions, for the plurals of the group's served kinds. Raises ApiError."""
    try:
        return frozenset(entry.name for entry in (await client.get(f"/apis/{API_VERSION}", _ApiResources)).resources)
    except NotFound:
        return frozenset()
