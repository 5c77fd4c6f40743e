"""The placements of cluster resources: one for each namespace that a ClusterPullSecret selects.

A placement is reconciled like a resource in its namespace. Its status stays here, in memory, and is summed up in the
status of the cluster resource.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..api.pull_secrets import ClusterPullSecretSpec
from ..api.selectors import NamespaceLabels
from ..domain.identity.sources import Missing
from ..domain.kinds import KINDS
from ..domain.ports import Enqueue
from ..domain.resource import InvalidSpec, Key, Resource, condition_of
from ..domain.secret.stored import StoredSecret
from ..domain.status.outcome import READY, Status
from ..domain.status.placements import Placements, first_status
from ..runtime.cache import Cache
from ..runtime.dynamic import SyncState
from ..runtime.index import Index
from ..runtime.queue import ignore
from .dependencies import DependencyStore

_REFUSED = (
    "the operator may not list namespaces, and so cannot tell which are selected: give its ServiceAccount the"
    " permissions of docs/install.md"
)


def is_cluster(key: Key) -> bool:
    """Whether a key names a cluster resource, and not one of its placements."""
    return key.kind in KINDS and KINDS[key.kind].clustered and not key.namespace


def is_placement(key: Key) -> bool:
    """Whether a key names a placement."""
    return key.kind in KINDS and KINDS[key.kind].clustered and bool(key.namespace)


def _placements(secret: StoredSecret) -> list[Key]:
    owner = secret.owner_key
    return [owner] if owner and is_placement(owner) else []


def _clusters(secret: StoredSecret) -> list[Key]:
    return [placement.cluster_key for placement in _placements(secret)]


def _namespaced_name(secret: StoredSecret) -> tuple[str, str]:
    return secret.namespace, secret.name


class PlacementStore:
    """The placements of all cluster resources.

    Args:
        resources: all resources; must be empty still.
        secrets: all generated Secrets; must be empty still.
        dependencies: knows the namespaces.
    """

    def __init__(
        self,
        resources: Cache[Key, Resource],
        secrets: Cache[tuple[str, str], StoredSecret],
        dependencies: DependencyStore,
    ) -> None:
        self._resources = resources
        self._dependencies = dependencies
        self._statuses: dict[str, dict[str, Status]] = {}
        self._known: dict[Key, None] = {}
        self._by_cluster = Index(secrets, key_of=_namespaced_name, derived=_clusters)
        self._by_placement = Index(secrets, key_of=_namespaced_name, derived=_placements)
        self._enqueue: Enqueue[Key] = ignore
        resources.listen(self._resource_changed)
        dependencies.namespaces.listen(self._namespace_changed)

    def on_change(self, enqueue: Enqueue[Key]) -> None:
        """Sets what is called with the keys that a change concerns."""
        self._enqueue = enqueue

    def is_state_known(self, key: Key) -> bool:
        """Whether the state of a placement is known: only once namespaces have been listed."""
        return self._resources.get(key.cluster_key) is None or self._dependencies.namespaces_state is SyncState.SYNCED

    def placement(self, key: Key) -> Resource | None:
        """A placement, also in a namespace that is no longer selected; None when resource or namespace is gone."""
        cluster_resource = self._resources.get(key.cluster_key)
        namespace = self._dependencies.namespace(key.namespace)
        if cluster_resource is None or isinstance(namespace, Missing):
            return None
        status = self._statuses.get(cluster_resource.uid, {}).get(key.namespace) or first_status(
            cluster_resource, key.namespace
        )
        selected = self._selects(cluster_resource, namespace)
        return cluster_resource.placement(
            key.namespace, status, selected=selected, identities_in=self._dependencies.own_namespace
        )

    def set_status(self, placement: Resource, status: Status) -> None:
        """Stores the status of a placement; an empty status removes it."""
        cluster_resource, namespace = self._resources.get(placement.requester), placement.key.namespace
        if status and cluster_resource and cluster_resource.uid == placement.uid and self._exists(namespace):
            self._statuses.setdefault(placement.uid, {})[namespace] = status
        else:  # also when it went while this was on its way
            self._statuses.get(placement.uid, {}).pop(namespace, None)
        self._enqueue(placement.requester)

    def placements(self, key: Key) -> Placements | None:
        """A cluster resource and its placements; None when it is gone, or its namespaces are not listed yet."""
        cluster_resource = self._resources.get(key)
        if cluster_resource is None or self._dependencies.namespaces_state is SyncState.PENDING:
            return None
        if self._dependencies.namespaces_state is SyncState.FORBIDDEN:
            return Placements(cluster_resource, 0, {}, problem=_REFUSED)
        known, selected = self._statuses.get(cluster_resource.uid, {}), set(self._selected(cluster_resource))
        if isinstance(cluster_resource.spec, InvalidSpec):
            return Placements(cluster_resource, len(selected), {})
        statuses = {
            name: status
            for name, status in known.items()
            if status.get("observedGeneration") == cluster_resource.generation
            and self._exists(name)
            and (name in selected or condition_of(status, READY).get("status") != "True")  # else it is being removed
        }
        pending = sum(name not in statuses for name in selected)
        return Placements(cluster_resource, len(selected), statuses, pending)

    def wake(self, key: Key) -> None:
        """Enqueues a cluster resource and all its placements."""
        self._enqueue(key)
        cluster_resource = self._resources.get(key)
        selected = self._selected(cluster_resource) if cluster_resource else ()
        owned = (namespace for namespace, _ in self._by_cluster.get(key))
        for namespace in dict.fromkeys(
            (*selected, *owned, *self._statuses.get(cluster_resource.uid if cluster_resource else "", ()))
        ):
            self._enqueue(key.placement(namespace), low_priority=True)

    def _exists(self, name: str) -> bool:
        return self._dependencies.namespaces.get(name) is not None

    def _selects(self, cluster_resource: Resource, namespace: NamespaceLabels) -> bool:
        """Whether a namespace is to have the Secret.

        While the spec rests or cannot be read, or the namespace has too many labels, those are that have it. A resource
        that is being deleted comes to no new ones. A namespace that terminates is to have none.
        """
        spec, has_it = (
            cluster_resource.spec,
            bool(self._by_placement.get(cluster_resource.key.placement(namespace.name))),
        )
        if namespace.terminating or (cluster_resource.deleting and not has_it):
            return False
        if namespace.oversized:
            return has_it  # no selector can be judged
        if isinstance(spec, ClusterPullSecretSpec) and spec.namespaces.selects(namespace.name, namespace.labels):
            return True
        return has_it and (isinstance(spec, InvalidSpec) or spec.suspend)

    def _selected(self, cluster_resource: Resource) -> Iterator[str]:
        return (one.name for one in self._dependencies.namespaces if self._selects(cluster_resource, one))

    def _resource_changed(self, old: Resource | None, new: Resource | None) -> None:
        found = new or old
        if found is None or not is_cluster(found.key):
            return
        if new is None:
            self._known.pop(found.key, None)
        else:
            self._known[found.key] = None
        if old and (new is None or new.uid != old.uid):
            self._statuses.pop(old.uid, None)
        if new and (old is None or _placement_inputs(new) != _placement_inputs(old)):
            self.wake(new.key)

    def _namespace_changed(self, old: NamespaceLabels | None, new: NamespaceLabels | None) -> None:
        found = new or old
        for key in self._known if found else ():
            cluster_resource = self._resources.get(key)
            if cluster_resource is None or found is None:
                continue
            if new is None:
                self._statuses.get(cluster_resource.uid, {}).pop(found.name, None)
            selected = any(one is not None and self._selects(cluster_resource, one) for one in (old, new))
            if selected or found.name in self._statuses.get(cluster_resource.uid, ()):
                self._enqueue(key.placement(found.name))
                self._enqueue(key)


def _placement_inputs(resource: Resource) -> tuple[str, int, str, bool]:
    """The part of a cluster resource that its placements depend on."""
    return resource.uid, resource.generation, resource.refresh_request, resource.deleting
