"""The generated Secrets, found by name and by the resource that they were made for."""

from __future__ import annotations

from collections.abc import Iterator

from ...domain.resource import Key, Resource
from ...domain.secret.stored import StoredSecret
from ...runtime.allowance import Allowance
from ...runtime.cache import Cache
from ...runtime.index import Index
from .keys import NamespacedName, is_placement
from .resources import target_of


def _namespaced_name(secret: StoredSecret) -> NamespacedName:
    return secret.namespace, secret.name


def _owner(secret: StoredSecret) -> tuple[Key, ...]:
    return (secret.owner_key,) if secret.owner_key else ()


def _cluster(secret: StoredSecret) -> tuple[Key, ...]:
    """The cluster resource whose placement a Secret was made for."""
    owner = secret.owner_key
    return (owner.cluster_key,) if owner and is_placement(owner) else ()


class SecretStore:
    """All generated Secrets.

    Args:
        allowance: bounds the memory that they take.
    """

    def __init__(self, allowance: Allowance[StoredSecret] | None = None) -> None:
        self.cache: Cache[NamespacedName, StoredSecret] = Cache(
            _namespaced_name, core=lambda one: (one.uid, one.owner_key), allowance=allowance
        )
        self._by_owner = Index(self.cache, key_of=_namespaced_name, derived=_owner)
        self._by_cluster = Index(self.cache, key_of=_namespaced_name, derived=_cluster)

    def get(self, namespace: str, name: str) -> StoredSecret | None:
        """A Secret as last seen; None when there is none."""
        return self.cache.get((namespace, name))

    def of(self, resource: Resource) -> tuple[StoredSecret, ...]:
        """Managed Secrets, as last seen, that carry the generated name of a resource or were made for it."""
        name, owned = target_of(resource), self._by_owner.get(resource.key)
        places = dict.fromkeys(((resource.key.namespace, name), *owned) if name else owned)
        found = (self.cache.get(place) for place in places)
        return tuple(secret for secret in found if secret)

    def is_owner(self, key: Key) -> bool:
        """Whether a Secret was made for a resource or a placement."""
        return key in self._by_owner

    def namespaces_of(self, cluster_key: Key) -> Iterator[str]:
        """The namespaces that have a Secret of a cluster resource."""
        return (namespace for namespace, _ in self._by_cluster.get(cluster_key))
