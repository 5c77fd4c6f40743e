"""What policies and identities allow resources, and which identities are watched for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..domain.identity.access_policy import Policy
from ..domain.identity.authorization import Authorization, assess, needed
from ..domain.identity.sources import KeySecret, Missing, Named, RoleAccount
from ..domain.resource import Key, Resource
from ..domain.secret.annotations import StoredTokens
from .dynamic import NamespaceInformer
from .identity_watches import MISSING, IdentityWatches
from .informers import Informers
from .stores.bundle import Stores


class DependencyStore:
    """What resources depend on, as last seen, and what it allows them. Implements the port Authorizer.

    Args:
        stores: the policies, the namespaces and the resources.
        informers: say whether the policies are known.
        namespaces: says whether the namespaces are known.
        identity_watches: know the ServiceAccounts and Secrets with AWS keys.
        policy_required: whether nothing is allowed while there is no policy.
    """

    def __init__(
        self,
        stores: Stores,
        informers: Informers,
        namespaces: NamespaceInformer,
        identity_watches: IdentityWatches,
        *,
        policy_required: bool,
    ) -> None:
        self._stores = stores
        self._informers = informers
        self._namespaces = namespaces
        self.identity_watches = identity_watches
        self._policy_required = policy_required

    def authorize(self, resource: Resource, stored: StoredTokens) -> Authorization:
        """What a resource may do now, and as whom; `stored` are the tokens that it has."""
        return assess(resource, self, stored=stored, policy_required=self._policy_required)

    def policies(self) -> Sequence[Policy]:
        """All AccessPolicies."""
        return tuple(self._stores.policies)

    def labels(self, namespace: str) -> Mapping[str, str] | Missing:
        """The labels of a namespace."""
        found = self._stores.namespaces.get(namespace)
        if found is None:
            return MISSING[self._namespaces.state]
        return Missing.TOO_MANY if found.oversized else found.labels

    def account(self, namespace: str, name: str) -> RoleAccount | Missing:
        """A ServiceAccount."""
        return self.identity_watches.account(namespace, name)

    def credentials(self, namespace: str, name: str) -> KeySecret | Missing:
        """A Secret with AWS keys."""
        return self.identity_watches.credentials(namespace, name)

    def watch_identities(self, keys: Sequence[Key]) -> None:
        """Watches the identities that resources name, as far as policy lets them use these. Ends other watches.

        Nothing changes for a resource as long as policies, or labels that they select by, are not known.
        """
        needs: dict[Key, frozenset[Named]] = {}
        for key in keys:
            resource = self._stores.resources.get(key)
            if resource is None:
                needs[key] = frozenset()
            elif self._informers.policies_synced():
                names = needed(resource, self, policy_required=self._policy_required)
                if names is not None:
                    here = self._stores.own_namespace
                    needs[key] = frozenset(one._replace(namespace=one.namespace or here) for one in names)
        self.identity_watches.need(needs)
