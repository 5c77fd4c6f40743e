"""The placements of cluster resources: one for each namespace that a ClusterPullSecret selects.

A placement is reconciled like a resource in its namespace. Its status stays here, in memory, and is summed up in the
status of the cluster resource.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...api.pull_secrets import ClusterPullSecretSpec
from ...api.selectors import NamespaceLabels
from ...domain.resource import InvalidSpec, Key, Resource, condition_of
from ...domain.status.outcome import READY, Status
from ...domain.status.placements import Placements, first_status
from ...runtime.cache import Cache, Change
from ...runtime.dynamic import SyncState
from .keys import is_cluster
from .resources import ResourceStore
from .secrets import SecretStore

_REFUSED = (
    "the operator may not list namespaces, and so cannot tell which are selected: give its ServiceAccount the"
    " permissions of docs/install.md"
)


class PlacementStore:
    """The placements of all cluster resources.

    Args:
        resources: all resources.
        secrets: all generated Secrets.
        namespaces: the namespaces, as far as they are watched.
        own_namespace: the operator's: where cluster resources have the identities that they name.
    """

    def __init__(
        self,
        resources: ResourceStore,
        secrets: SecretStore,
        namespaces: Cache[str, NamespaceLabels],
        *,
        own_namespace: str,
    ) -> None:
        self._resources = resources
        self._secrets = secrets
        self._namespaces = namespaces
        self._own_namespace = own_namespace
        self._statuses: dict[str, dict[str, Status]] = {}
        self._departed: tuple[Key | None, tuple[str, ...]] = None, ()
        resources.cache.listen(self._resource_changed, core=True)
        namespaces.listen(self._namespace_changed)

    def is_state_known(self, key: Key, namespaces: SyncState) -> bool:
        """Whether the state of a placement is known: only once namespaces have been listed."""
        return self._resources.get(key.cluster_key) is None or namespaces is SyncState.SYNCED

    def placement(self, key: Key) -> Resource | None:
        """A placement, also in a namespace that is no longer selected; None when resource or namespace is gone."""
        cluster_resource = self._resources.get(key.cluster_key)
        namespace = self._namespaces.get(key.namespace)
        if cluster_resource is None or namespace is None:
            return None
        status = self._statuses.get(cluster_resource.uid, {}).get(key.namespace) or first_status(
            cluster_resource, key.namespace
        )
        selected = self.selects(cluster_resource, namespace)
        return cluster_resource.placement(key.namespace, status, selected=selected, identities_in=self._own_namespace)

    def set_status(self, placement: Resource, status: Status) -> None:
        """Stores the status of a placement; an empty status removes it."""
        cluster_resource, namespace = self._resources.get(placement.requester), placement.key.namespace
        if status and cluster_resource and cluster_resource.uid == placement.uid and self._exists(namespace):
            self._statuses.setdefault(placement.uid, {})[namespace] = status
        else:  # also when it went while this was on its way
            self._statuses.get(placement.uid, {}).pop(namespace, None)

    def placements(self, key: Key, namespaces: SyncState) -> Placements | None:
        """A cluster resource and its placements; None when it is gone, or its namespaces are not listed yet.

        Args:
            key: of the cluster resource.
            namespaces: whether the namespaces have been listed.
        """
        cluster_resource = self._resources.get(key)
        if cluster_resource is None or namespaces is SyncState.PENDING:
            return None
        if namespaces is SyncState.FORBIDDEN:
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

    def namespaces_of(self, key: Key) -> tuple[str, ...]:
        """The namespaces whose placements a change of a cluster resource concerns.

        They are selected, have its Secret, or have a status of it. For the resource that was removed last, they are all
        that there were: what is remembered of its placements can be dropped.
        """
        cluster_resource = self._resources.get(key)
        owned = self._secrets.namespaces_of(key)
        if cluster_resource is None:
            departed, namespaces = self._departed
            return tuple(dict.fromkeys((*owned, *(namespaces if departed == key else ()))))
        statuses = self._statuses.get(cluster_resource.uid, ())
        return tuple(dict.fromkeys((*self._selected(cluster_resource), *owned, *statuses)))

    def has_status(self, cluster_resource: Resource, namespace: str) -> bool:
        """Whether the placement in a namespace has a status."""
        return namespace in self._statuses.get(cluster_resource.uid, ())

    def _exists(self, name: str) -> bool:
        return self._namespaces.get(name) is not None

    def selects(self, cluster_resource: Resource, namespace: NamespaceLabels) -> bool:
        """Whether a namespace is to have the Secret of a cluster resource.

        A terminating namespace has none. A resource that is being deleted creates no more Secrets. While the spec is
        suspended or invalid, or the namespace has too many labels, the namespaces that have the Secret keep it.
        """
        spec = cluster_resource.spec
        has_it = self._secrets.is_owner(cluster_resource.key.placement(namespace.name))
        if namespace.terminating or (cluster_resource.deleting and not has_it):
            return False
        if namespace.oversized:
            return has_it  # no selector can be judged
        if isinstance(spec, ClusterPullSecretSpec) and spec.namespaces.selects(namespace.name, namespace.labels):
            return True
        return has_it and (isinstance(spec, InvalidSpec) or spec.suspend)

    def _selected(self, cluster_resource: Resource) -> Iterator[str]:
        return (one.name for one in self._namespaces if self.selects(cluster_resource, one))

    def _resource_changed(self, change: Change[Resource]) -> None:
        old, new = change.old, change.new
        if old and (new is None or new.uid != old.uid):
            self._statuses.pop(old.uid, None)
            if is_cluster(old.key):
                self._departed = old.key, tuple(one.name for one in self._namespaces)

    def _namespace_changed(self, change: Change[NamespaceLabels]) -> None:
        if change.new is None:
            for statuses in self._statuses.values():
                statuses.pop(change.subject.name, None)
