"""The custom resources, found by the Secret that they generate, by namespace, and by the ServiceAccounts they link."""

from __future__ import annotations

from ...domain.links import links_of
from ...domain.resource import InvalidSpec, Key, Resource
from ...runtime.allowance import Allowance
from ...runtime.cache import Cache
from ...runtime.index import Index
from .keys import NamespacedName


def _key(resource: Resource) -> Key:
    return resource.key


def target_of(resource: Resource) -> str:
    """The name of the Secret that a resource generates; empty if its spec is invalid."""
    return "" if isinstance(resource.spec, InvalidSpec) else resource.spec.generated_secret_name


def _targets(resource: Resource) -> list[NamespacedName]:
    name = target_of(resource)
    return [(resource.key.namespace, name)] if name else []


def _linked_accounts(resource: Resource) -> list[NamespacedName]:
    """The ServiceAccounts that a resource links. Those of a cluster resource have no namespace here."""
    return [(resource.key.namespace, account) for account in links_of(resource)]


def _in_namespace(keys: tuple[Key, ...], cluster_keys: tuple[Key, ...], namespace: str) -> tuple[Key, ...]:
    """These keys, and those of the placements of cluster resources in a namespace."""
    if not cluster_keys or not namespace:
        return keys
    return (*keys, *(key.placement(namespace) for key in cluster_keys))


class ResourceStore:
    """All custom resources.

    Args:
        allowance: bounds the memory that they take.
    """

    def __init__(self, allowance: Allowance[Resource] | None = None) -> None:
        self.cache: Cache[Key, Resource] = Cache(
            _key, core=lambda one: (one.uid, one.deleting, one.spec), allowance=allowance
        )
        self._by_target = Index(self.cache, key_of=_key, derived=_targets)
        self._by_namespace = Index(self.cache, key_of=_key, derived=lambda resource: (resource.key.namespace,))
        self._by_account = Index(self.cache, key_of=_key, derived=_linked_accounts)

    def get(self, key: Key) -> Resource | None:
        """A resource as last seen; None when it is gone."""
        return self.cache.get(key)

    def keys(self) -> tuple[Key, ...]:
        """The keys of all resources."""
        return tuple(resource.key for resource in self.cache)

    def cluster_keys(self) -> tuple[Key, ...]:
        """The keys of all cluster resources."""
        return self._by_namespace.get("")

    def in_namespace(self, namespace: str) -> tuple[Key, ...]:
        """The keys of the resources in a namespace. Placements do not count."""
        return self._by_namespace.get(namespace)

    def naming(self, namespace: str, secret: str) -> tuple[Key, ...]:
        """The keys of the resources and placements that name a Secret as the one that they generate."""
        return _in_namespace(
            self._by_target.get((namespace, secret)), self._by_target.get(("", secret)) if namespace else (), namespace
        )

    def naming_anywhere(self, secret: str) -> tuple[Key, ...]:
        """The keys of the resources of all namespaces that name a Secret of this name."""
        return tuple(resource.key for resource in self.cache if target_of(resource) == secret)

    def linking(self, namespace: str, account: str) -> tuple[Key, ...]:
        """The keys of the resources and placements that link a ServiceAccount."""
        everywhere = self._by_account.get(("", account))
        return _in_namespace(self._by_account.get((namespace, account)), everywhere, namespace)

    def is_linked(self, namespace: str, account: str) -> bool:
        """Whether a resource or a placement links a ServiceAccount."""
        return (namespace, account) in self._by_account or ("", account) in self._by_account

    def has_links(self) -> bool:
        """Whether any resource links a ServiceAccount."""
        return len(self._by_account) > 0

    def with_links(self) -> tuple[Key, ...]:
        """The keys of all resources that link ServiceAccounts."""
        return self._by_account.all()
