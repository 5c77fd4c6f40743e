"""Clients of the reconcilers: reads come from the stores, writes go to the API server.

Before each write, a client checks that this process still has the Lease. Each write names the version that was judged.
What was written is stored at once, with its author: the reconcile that wrote it is not woken by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..domain.kinds import Kind
from ..domain.ports import Existing
from ..domain.resource import Key, Resource
from ..domain.secret.render import Desired
from ..domain.secret.stored import StoredSecret
from ..domain.status.outcome import Status
from ..domain.status.placements import Placements
from ..errors import Superseded
from ..kube import resources as kube_resources
from ..kube import secrets as kube_secrets
from ..kube.client import Client
from ..kube.objects import Version
from ..kube.source import Absorb
from ..runtime.cache import Change
from ..runtime.inflight import InFlightWrites
from .dynamic import NamespaceInformer
from .stores.bundle import Stores
from .stores.resources import target_of


def _mutable_fields(resource: Resource) -> tuple[object, ...]:
    """The mutable fields of a resource except its status."""
    return resource.generation, resource.deleting, resource.finalizers, resource.refresh_request, resource.spec


class ResourceClient:
    """The custom resources and their placements. Implements the ports Resources and Clusters.

    Args:
        client: the API server.
        stores: where resources are found, and stored after a write.
        namespaces: says whether all namespaces are known.
        dispatch: called with the change of a placement's status, which no watch reports.
        check_lead: called before each write; raises ApiError when another replica may lead by now.
    """

    def __init__(
        self,
        client: Client,
        stores: Stores,
        *,
        namespaces: NamespaceInformer,
        dispatch: Callable[[Change[Any]], None],
        check_lead: Callable[[], None],
    ) -> None:
        self._stores = stores
        self._namespaces = namespaces
        self._dispatch = dispatch
        self._check_lead = check_lead
        self._status = kube_resources.StatusWriter(client)
        self._in_flight = InFlightWrites(stores.resources.cache)

    def absorb(self, kind: Kind) -> Absorb[Resource]:
        """Gives what takes the watch events of status writes to resources of a kind."""
        return lambda meta, read: self._in_flight.absorb(
            Key(kind.name, meta.namespace, meta.name), meta.resource_version, read
        )

    def get(self, key: Key) -> Resource | None:
        """A resource or a placement as last seen; None when it is gone."""
        return self._stores.get(key)

    def rivals(self, resource: Resource) -> tuple[Resource, ...]:
        """The other resources of its namespace that name the same Secret, as last seen."""
        name = target_of(resource)
        naming = self._stores.resources.naming(resource.key.namespace, name) if name else ()
        return tuple(found for key in naming if key != resource.key and (found := self.get(key)))

    def placements(self, key: Key) -> Placements | None:
        """A cluster resource and its placements; None when it is gone, or its namespaces are not listed yet."""
        return self._stores.placements.placements(key, self._namespaces.state)

    async def publish(self, resource: Resource, status: Status) -> None:
        """Stores a status. That of a placement stays in memory, and is summed up in that of its cluster resource."""
        if resource.cluster is not None:
            self._stores.placements.set_status(resource, status)
            self._dispatch(Change(resource, replace(resource, status=status), author=resource.key))
            return
        self._check_lead()
        with self._in_flight.writing(resource.key):
            stored = await self._status.publish(resource, status)
            as_known = stored.status == status and _mutable_fields(stored) == _mutable_fields(resource)
            self._stores.resources.cache.put(stored, author=resource.key if as_known else None)


class SecretClient:
    """The generated Secrets. Implements the port Secrets.

    Args:
        client: the API server.
        stores: where Secrets are found, and stored after a write.
        check_lead: called before each write; raises ApiError when another replica may lead by now.
    """

    def __init__(self, client: Client, stores: Stores, *, check_lead: Callable[[], None]) -> None:
        self._store = stores.secrets
        self._check_lead = check_lead
        self._writer = kube_secrets.SecretWriter(client, on_seen=self._store.cache.put)
        self._in_flight = InFlightWrites(self._store.cache)

    def absorb(self, meta: Version, read: Callable[[], StoredSecret]) -> bool:
        """Takes the watch event of a write, unless it has to be applied now. Returns whether it did."""
        return self._in_flight.absorb((meta.namespace, meta.name), meta.resource_version, read)

    def of(self, resource: Resource) -> tuple[StoredSecret, ...]:
        """Managed Secrets, as last seen, that carry the generated name of a resource or were made for it."""
        return self._store.of(resource)

    async def read(self, namespace: str, name: str) -> Existing | None:
        """What is stored under a name right now, managed or not. Raises ApiError."""
        return await self._writer.read(namespace, name)

    async def managers(self, namespace: str, name: str) -> tuple[str, ...]:
        """The field managers besides the operator that have written to a Secret."""
        return await self._writer.managers(namespace, name)

    async def create(self, desired: Desired) -> StoredSecret:
        """Creates a Secret. Raises ApiError; AlreadyExists when the name is taken."""
        self._check_lead()
        with self._in_flight.writing((desired.namespace, desired.name)):
            return self._stored(await self._writer.create(desired))

    async def update(self, stored: StoredSecret, desired: Desired) -> StoredSecret:
        """Updates only the version that was judged. Raises ApiError."""
        self._check_lead()
        with self._in_flight.writing((desired.namespace, desired.name)):
            return self._stored(await self._writer.update(stored, desired))

    async def replace(self, stored: StoredSecret, desired: Desired) -> StoredSecret:
        """Deletes the version that was judged and creates its successor. Raises ApiError.

        Nothing is deleted for a successor that would be refused.
        """
        self._check_lead()
        with self._in_flight.writing((desired.namespace, desired.name)):
            return self._stored(await self._writer.replace(stored, desired))

    async def delete(self, stored: StoredSecret) -> None:
        """Deletes only the version that was judged. Raises ApiError."""
        self._check_lead()
        await self._writer.delete(stored)

    def _stored(self, written: StoredSecret) -> StoredSecret:
        """Stores what was written. Raises Superseded when it has been deleted meanwhile."""
        self._store.cache.put(written, author=written.owner_key)
        if not self._store.cache.has((written.namespace, written.name), written.resource_version):
            # No watch reports the deletion of a Secret that was never seen.
            raise Superseded(f"Secret {written.namespace}/{written.name} was deleted before its write was answered")
        return written
