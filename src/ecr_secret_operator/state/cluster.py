"""The world as last seen: custom resources and generated Secrets, found from both ends, and written to.

Implements the ports Resources and Secrets over the caches (runtime) and the writers (kube). Whatever changes in it is
turned into keys here: the only place that knows which resource a changed Secret concerns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from ..domain.kinds import KINDS, Kind
from ..domain.ports import Enqueue, Existing
from ..domain.resource import InvalidSpec, Key, Resource, condition_of, text_of
from ..domain.secret.ownership import claimed
from ..domain.secret.render import Desired
from ..domain.secret.stored import StoredSecret
from ..domain.status.events import link_failure
from ..domain.status.outcome import POLICY_ALLOWED, READY, REFRESHING, Status
from ..domain.status.placements import Placements
from ..domain.times import parse_time
from ..errors import Superseded
from ..kube import kept
from ..kube import resources as kube_resources
from ..kube import secrets as kube_secrets
from ..kube.client import Client
from ..kube.objects import Version
from ..kube.source import Absorb
from ..observability.metrics import ResourceMetrics
from ..reasons import Reason
from ..runtime.cache import Cache
from ..runtime.index import Index
from ..runtime.inflight import InFlightWrites
from ..runtime.parts import run_parts
from ..runtime.queue import ignore
from ..runtime.reflector import Reflector, WatchObserver
from .dependencies import DependencyStore
from .placements import PlacementStore, is_cluster, is_placement
from .service_accounts import ServiceAccountStore

_NamespacedName = tuple[str, str]
_Reflector = Reflector[Any, Any]


def _namespaced_name(secret: StoredSecret) -> _NamespacedName:
    return secret.namespace, secret.name


def _key(resource: Resource) -> Key:
    return resource.key


def _mutable_fields(resource: Resource) -> tuple[object, ...]:
    """The mutable fields of a resource except its status."""
    return resource.generation, resource.deleting, resource.finalizers, resource.refresh_request, resource.spec


def _target(resource: Resource) -> list[_NamespacedName]:
    if isinstance(resource.spec, InvalidSpec):
        return []
    return [(resource.key.namespace, resource.spec.generated_secret_name)]


def _owner(secret: StoredSecret) -> list[Key]:
    return [secret.owner_key] if secret.owner_key else []


class ClusterState:
    """What the operator has seen of one cluster.

    Args:
        client: the API server.
        namespaces: to look at; empty for all. Cluster resources are served only by who looks at all.
        observer: is told how watches fare.
        own_namespace: the operator's.
        policy_required: whether nothing is allowed while there is no AccessPolicy.
        most_identity_watches: of ServiceAccounts and Secrets with AWS keys, in all namespaces.
        check_lead: called before each write; raises ApiError when another replica may lead by now.

    Attributes:
        dependencies: what else in the cluster the resources depend on.
        placement_store: cluster resources, one namespace at a time.
        service_accounts: ServiceAccounts, as far as links are concerned.
    """

    def __init__(
        self,
        client: Client,
        *,
        namespaces: tuple[str, ...],
        observer: WatchObserver,
        own_namespace: str,
        policy_required: bool,
        most_identity_watches: int,
        check_lead: Callable[[], None] = lambda: None,
    ) -> None:
        self._check_lead = check_lead
        self._resources: Cache[Key, Resource] = Cache(
            _key,
            core=lambda one: (one.uid, one.deleting, one.spec),
            allowance=kube_resources.allowance(),
        )
        self._secrets: Cache[_NamespacedName, StoredSecret] = Cache(
            _namespaced_name,
            core=lambda one: (one.uid, one.owner_key),
            allowance=kept.allowance(),
        )
        self._by_target = Index(self._resources, key_of=_key, derived=_target)
        self._by_owner = Index(self._secrets, key_of=_namespaced_name, derived=_owner)
        self.dependencies = DependencyStore(
            client,
            self._resources,
            observer=observer,
            own_namespace=own_namespace,
            policy_required=policy_required,
            most_identity_watches=most_identity_watches,
        )
        self.placement_store = PlacementStore(self._resources, self._secrets, self.dependencies)
        places: tuple[str | None, ...] = namespaces or (None,)
        self.service_accounts = ServiceAccountStore(
            client,
            self._resources,
            self._secrets,
            get=self.get,
            has_synced=self._has_synced,
            is_state_known=self._is_state_known,
            places=places,
            observer=observer,
            check_lead=check_lead,
        )
        self._status = kube_resources.StatusWriter(client)
        self._writer = kube_secrets.SecretWriter(client, on_seen=self._secrets.put)
        self._status_writes = InFlightWrites(self._resources)
        self._secret_writes = InFlightWrites(self._secrets)
        self._suppressed_key: Key | None = None
        self._wake: Enqueue[Key] = ignore
        self._confined = bool(namespaces)

        def absorb(kind: Kind) -> Absorb[Resource]:
            return lambda meta, read: self._status_writes.absorb(
                Key(kind.name, meta.namespace, meta.name), meta.resource_version, read
            )

        self._reflectors: dict[str | None, list[_Reflector]] = {
            place: [
                Reflector(kube_secrets.source(client, place, absorb=self._absorb_secret), self._secrets, observer),
                *(
                    Reflector(
                        kube_resources.source(client, kind, place, absorb=absorb(kind)), self._resources, observer
                    )
                    for kind in KINDS.values()
                    if not kind.clustered
                ),
            ]
            for place in places
        }
        self._cluster_reflectors = [
            Reflector(kube_resources.source(client, kind, None, absorb=absorb(kind)), self._resources, observer)
            for kind in KINDS.values()
            if kind.clustered and not self._confined  # several that are confined would contradict each other there
        ]

    def _absorb_secret(self, meta: Version, read: Callable[[], StoredSecret]) -> bool:
        return self._secret_writes.absorb((meta.namespace, meta.name), meta.resource_version, read)

    @property
    def _needed(self) -> list[_Reflector]:
        """The reflectors without which nothing can be served."""
        return [reflector for reflectors in self._reflectors.values() for reflector in reflectors]

    @property
    def _all_reflectors(self) -> list[_Reflector]:
        return [
            *self._needed,
            *self._cluster_reflectors,
            self.dependencies.policy_reflector,
            *self.service_accounts.reflectors,
        ]

    def _has_synced(self, namespace: str) -> bool:
        """Whether all resources and generated Secrets of a namespace have been seen, as far as they may be."""
        there = self._reflectors.get(namespace) or self._reflectors.get(None, [])
        answered = all(reflector.answered.is_set() for reflector in self._cluster_reflectors)
        return answered and all(reflector.synced.is_set() for reflector in there)

    def _is_state_known(self, key: Key) -> bool:
        """Whether the state of a resource or a placement is known, which takes a watch of its namespace."""
        if not is_placement(key):
            return True
        looks = not self._confined and all(reflector.synced.is_set() for reflector in self._cluster_reflectors)
        return looks and self.placement_store.is_state_known(key)

    async def watch(self) -> None:
        """Watches until cancelled. Ends otherwise only with an error that is a bug."""
        reflectors = (*self._needed, *self._cluster_reflectors, *self.service_accounts.reflectors)
        parts = {f"watch {reflector.name}": reflector.run() for reflector in reflectors}
        parts["watch what resources depend on"] = self.dependencies.watch()
        parts["watch ServiceAccounts while they are needed"] = self.service_accounts.dynamic.run()
        await run_parts(parts)

    def on_change(self, enqueue: Enqueue[Key]) -> None:
        """Has every change call this with the keys of the resources that it concerns."""

        def resource_changed(old: Resource | None, new: Resource | None) -> None:
            resource = new or old
            if resource and resource.key != self._suppressed_key:
                enqueue(resource.key, low_priority=self._resources.listing)
            if old and claimed(old) != claimed(new):
                self._wake_rivals(old)

        def secret_changed(old: StoredSecret | None, new: StoredSecret | None) -> None:
            for secret in (old, new):
                if secret:
                    concerned = (*_owner(secret), *self._naming(_namespaced_name(secret)))
                    self._enqueue_all(tuple(key for key in concerned if key != self._suppressed_key), enqueue)

        def enqueue_with_placements(key: Key, *, low_priority: bool = False) -> None:
            if is_cluster(key):
                self.placement_store.wake(key)
            else:
                enqueue(key, low_priority=low_priority)

        self._wake = enqueue_with_placements
        self._resources.listen(resource_changed)
        self._secrets.listen(secret_changed)
        self.dependencies.on_change(enqueue_with_placements)
        self.placement_store.on_change(enqueue)
        self.service_accounts.on_change(enqueue_with_placements)

    def _cache_own_write(self, cache: Cache[Any, Any], written: Resource | StoredSecret, writer: Key | None) -> None:
        """Caches the response to our own write without enqueuing the resource that caused it."""
        self._suppressed_key = writer
        try:
            cache.put(written)
        finally:
            self._suppressed_key = None

    def _naming(self, place: _NamespacedName) -> Iterator[Key]:
        """All resources and placements that name this Secret."""
        yield from self._by_target.get(place)
        namespace, name = place
        if namespace:
            yield from (key.placement(namespace) for key in self._by_target.get(("", name)))

    def _wake_rivals(self, resource: Resource) -> None:
        """Has those looked at that name the same Secret: someone may have waited for the name."""
        for place in _target(resource):
            keys = tuple(self._naming(place))
            if is_cluster(resource.key):
                keys = tuple(one.key for one in self._resources if place[1] in (name for _, name in _target(one)))
            self._enqueue_all(tuple(key for key in keys if key != resource.key), self._wake)

    @staticmethod
    def _enqueue_all(keys: tuple[Key, ...], enqueue: Enqueue[Key]) -> None:
        for key in keys:
            enqueue(key)

    async def synced(self) -> None:
        """Waits until everything has been listed once.

        Of several namespaces, one that may not be listed keeps nobody waiting: it is served once it may be. A Secret
        that was not seen is found by the write that meets it. Policies must have been seen: else nobody would know
        whom they refuse. Cluster resources may not be installed, or not be allowed to be listed.
        """
        await self.dependencies.policy_reflector.synced.wait()
        for reflector in self._needed:
            await (reflector.answered if self._confined else reflector.synced).wait()
        for reflector in self._cluster_reflectors:
            await reflector.answered.wait()

    def trouble(self, now: float, silence: float) -> str | None:
        """Why what is cached cannot be relied on; None when it can.

        Args:
            now: monotonic time.
            silence: seconds without a word from the API server that are too many.
        """
        if not self.dependencies.policy_reflector.synced.is_set():
            return f"not listed yet: {self.dependencies.policy_reflector.name}"
        needed = self._needed
        missing = [reflector.name for reflector in needed if not reflector.synced.is_set()]
        refused = [reflector.name for reflector in needed if reflector.answered.is_set() and reflector.name in missing]
        if missing and not (self._confined and missing == refused and len(missing) < len(needed)):
            return f"not listed yet: {', '.join(missing[:5])}"
        unheard = [reflector for reflector in self._all_reflectors if now - reflector.last_heard > silence]
        if any(reflector.unauthorized for reflector in unheard):
            return "the API server refuses the operator's credentials"
        if unheard:
            return "nothing has been heard from the API server for a while"
        return None

    def silence(self, now: float) -> float:
        """Seconds since the API server was last heard, on the watch where that is longest ago.

        Args:
            now: monotonic time.
        """
        return max(now - reflector.last_heard for reflector in self._all_reflectors)

    def states(self) -> Iterator[ResourceMetrics]:
        """What metrics show of each resource that there is now. May be iterated in another thread."""
        return map(_state, list(self._resources))

    # Resources

    def get(self, key: Key) -> Resource | None:
        """A resource or a placement as last seen; None when it is gone."""
        return self.placement_store.placement(key) if is_placement(key) else self._resources.get(key)

    def rivals(self, resource: Resource) -> tuple[Resource, ...]:
        """The other resources of its namespace that name the same Secret, as last seen."""
        keys = (key for place in _target(resource) for key in self._naming(place) if key != resource.key)
        return tuple(found for key in keys if (found := self.get(key)))

    async def publish(self, resource: Resource, status: Status) -> None:
        """Stores a status. That of a placement stays in memory, and is summed up in that of its cluster resource."""
        if resource.cluster is not None:
            self.placement_store.set_status(resource, status)
            self.service_accounts.on_status_changed(resource)
            if claimed(resource) != claimed(replace(resource, status=status)):
                self._wake_rivals(resource)
            return
        self._check_lead()
        with self._status_writes.writing(resource.key):
            stored = await self._status.publish(resource, status)
            as_known = stored.status == status and _mutable_fields(stored) == _mutable_fields(resource)
            self._cache_own_write(self._resources, stored, resource.key if as_known else None)

    def placements(self, key: Key) -> Placements | None:
        """A cluster resource and its placements; None when it is gone, or its namespaces are not listed yet."""
        return self.placement_store.placements(key)

    # Secrets

    def of(self, resource: Resource) -> tuple[StoredSecret, ...]:
        """Managed Secrets, as last seen, that carry its generated name or were made for it."""
        places = dict.fromkeys((*_target(resource), *self._by_owner.get(resource.key)))
        found = (self._secrets.get(place) for place in places)
        return tuple(secret for secret in found if secret)

    async def read(self, namespace: str, name: str) -> Existing | None:
        """What is stored under a name right now, managed or not."""
        return await self._writer.read(namespace, name)

    async def managers(self, namespace: str, name: str) -> tuple[str, ...]:
        """The field managers besides the operator that have written to a Secret."""
        return await self._writer.managers(namespace, name)

    async def create(self, desired: Desired) -> StoredSecret:
        """Creates; AlreadyExists when the name is taken."""
        self._check_lead()
        with self._secret_writes.writing((desired.namespace, desired.name)):
            return self._cache_written_secret(await self._writer.create(desired))

    async def update(self, stored: StoredSecret, desired: Desired) -> StoredSecret:
        """Updates just the version that was judged."""
        self._check_lead()
        with self._secret_writes.writing((desired.namespace, desired.name)):
            return self._cache_written_secret(await self._writer.update(stored, desired))

    async def replace(self, stored: StoredSecret, desired: Desired, *, keep: bool) -> StoredSecret:
        """Deletes the version that was judged and creates its successor; with `keep`, only if that is accepted."""
        self._check_lead()
        with self._secret_writes.writing((desired.namespace, desired.name)):
            return self._cache_written_secret(await self._writer.replace(stored, desired, keep=keep))

    async def delete(self, stored: StoredSecret) -> None:
        """Deletes just the version that was judged."""
        self._check_lead()
        await self._writer.delete(stored)

    def _cache_written_secret(self, written: StoredSecret) -> StoredSecret:
        self._cache_own_write(self._secrets, written, written.owner_key)
        if not self._secrets.has(_namespaced_name(written), written.resource_version):
            # Of one that was never seen, nobody is told that it has gone.
            raise Superseded(f"Secret {written.namespace}/{written.name} was deleted before its write was answered")
        return written


def _state(resource: Resource) -> ResourceMetrics:
    """What metrics show of a resource, from its status."""
    status = resource.status
    ready, refreshing, audited = (condition_of(status, kind) for kind in (READY, REFRESHING, POLICY_ALLOWED))
    fails = refreshing.get("status") == "False" and refreshing.get("reason") != Reason.SUSPENDED
    return ResourceMetrics(
        resource.key,
        expires_at=parse_time(text_of(status, "expiresAt")),
        ready=ready.get("status") == "True",
        denied="audit" if audited else "enforce" if ready.get("reason") == Reason.POLICY_DENIED else "",
        due_at=parse_time(text_of(status, "nextRefreshTime")),
        failing=text_of(refreshing, "reason") if fails else "",
        unlinked=link_failure(status),
    )
