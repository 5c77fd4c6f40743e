"""All stores in one object, which the routing table and the reconcilers read."""

from __future__ import annotations

from ...api.selectors import NamespaceLabels
from ...domain.identity.access_policy import Policy
from ...domain.resource import Key, Resource
from ...domain.secret.stored import StoredSecret
from ...runtime.allowance import Allowance
from ...runtime.cache import Cache
from .accounts import AccountStore
from .identities import IdentityStore
from .keys import is_placement
from .placements import PlacementStore
from .resources import ResourceStore
from .secrets import SecretStore


class Stores:
    """All that is known of the cluster.

    Args:
        own_namespace: the operator's: where cluster resources have the identities that they name.
        resource_allowance: bounds the memory that resources take.
        secret_allowance: bounds the memory that generated Secrets take.
    """

    def __init__(
        self,
        own_namespace: str,
        resource_allowance: Allowance[Resource] | None = None,
        secret_allowance: Allowance[StoredSecret] | None = None,
    ) -> None:
        self.own_namespace = own_namespace
        self.resources = ResourceStore(resource_allowance)
        self.secrets = SecretStore(secret_allowance)
        self.policies: Cache[str, Policy] = Cache(lambda policy: policy.name)
        self.namespaces: Cache[str, NamespaceLabels] = Cache(lambda namespace: namespace.name)
        self.accounts = AccountStore()
        self.identities = IdentityStore()
        self.placements = PlacementStore(self.resources, self.secrets, self.namespaces, own_namespace=own_namespace)

    def get(self, key: Key) -> Resource | None:
        """A resource or a placement as last seen; None when it is gone."""
        return self.placements.placement(key) if is_placement(key) else self.resources.get(key)

    @property
    def selects_by_label(self) -> bool:
        """Whether a policy selects namespaces by label."""
        return any(policy.needs_labels for policy in self.policies)
