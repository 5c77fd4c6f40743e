"""Connects the parts of the state: stores, informers, the dispatcher of changes, and clients.

A change reaches the stores first, then the informers whose need may have changed, and last the dispatcher, which
enqueues keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..api.selectors import NamespaceLabels
from ..domain.identity.access_policy import Policy
from ..domain.identity.sources import Named
from ..domain.links import LinkedAccount, links_of
from ..domain.ports import Enqueue
from ..domain.resource import Key, Resource
from ..kube import kept
from ..kube import resources as kube_resources
from ..kube.client import Client
from ..observability.metrics import ResourceMetrics
from ..runtime.cache import Change
from ..runtime.parts import run_parts
from ..runtime.reflector import WatchObserver
from .clients import ResourceClient, SecretClient
from .dependencies import DependencyStore
from .dispatcher import Dispatcher
from .dynamic import AccountInformers, NamespaceInformer
from .facts import AccountsListed, IdentityListed, NamespacesListed, PoliciesChanged
from .identity_watches import IdentityWatches
from .informers import Absorbers, Informers
from .metrics import metrics_of
from .routes import labels_changed
from .service_accounts import ServiceAccountClient
from .stores.bundle import Stores
from .stores.keys import is_cluster


class ClusterState:
    """What the operator has seen of one cluster.

    Args:
        client: the API server.
        namespaces: to watch; empty for all. Cluster resources are reconciled only if all namespaces are watched.
        observer: receives the results of watches.
        own_namespace: the operator's.
        policy_required: whether nothing is allowed while there is no AccessPolicy.
        most_identity_watches: of ServiceAccounts and Secrets with AWS keys, in all namespaces.
        check_lead: called before each write; raises ApiError when another replica may lead by now.

    Attributes:
        stores: all that is known.
        resources: reads and writes resources and placements.
        secrets: reads and writes generated Secrets.
        informers: the watches that always run.
        dependencies: what policies and identities allow.
        service_accounts: the links of ServiceAccounts.
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
        stores = self.stores = Stores(own_namespace, kube_resources.allowance(), kept.allowance())
        self._dispatcher = Dispatcher(stores)
        dispatch = self._dispatcher.dispatch
        self._namespaces = NamespaceInformer(client, stores, observer, settled=self._namespaces_settled)
        self.resources = ResourceClient(
            client, stores, namespaces=self._namespaces, dispatch=dispatch, check_lead=check_lead
        )
        self.secrets = SecretClient(client, stores, check_lead=check_lead)
        absorb = Absorbers(self.resources.absorb, self.secrets.absorb)
        self.informers = Informers(client, stores, observer, namespaces=namespaces, absorb=absorb)
        self._accounts = AccountInformers(
            client, stores, observer, places=self.informers.places, settled=self._accounts_settled
        )
        self.service_accounts = ServiceAccountClient(
            client, stores, self.informers, self._namespaces, self._accounts, dispatch=dispatch, check_lead=check_lead
        )
        identities = IdentityWatches(
            client,
            stores.identities,
            observer,
            most=most_identity_watches,
            reserved=own_namespace,
            settled=self._identity_settled,
        )
        self.dependencies = DependencyStore(
            stores, self.informers, self._namespaces, identities, policy_required=policy_required
        )
        self._listen()

    def _listen(self) -> None:
        """Connects the caches with the informers, which come first, and with the dispatcher."""
        stores, dispatch = self.stores, self._dispatcher.dispatch
        stores.resources.cache.listen(self._resource_changed, core=True)
        stores.policies.listen(self._policy_changed)
        stores.namespaces.listen(self._namespace_changed)
        stores.accounts.labelled.listen(self._labelled_account_changed)
        stores.resources.cache.listen(dispatch)
        stores.secrets.cache.listen(dispatch)
        stores.namespaces.listen(dispatch)
        stores.accounts.cache.listen(dispatch)
        stores.identities.accounts.listen(dispatch)
        stores.identities.secrets.listen(dispatch)

    def on_change(self, enqueue: Enqueue[Key]) -> None:
        """Sets what is called with the keys that each change wakes."""
        self._dispatcher.on_change(enqueue)

    async def watch(self) -> None:
        """Watches until cancelled. Ends otherwise only with an error that is a bug."""
        parts = {
            "watch what is always watched": self.informers.run(),
            "watch namespaces while they are needed": self._namespaces.run(),
            "watch ServiceAccounts while they are needed": self._accounts.run(),
            "watch identities while they are needed": self.dependencies.identity_watches.run(),
            "route changes of policies": self._route_policy_changes(),
        }
        await run_parts(parts)

    async def _route_policy_changes(self) -> None:
        await self.informers.policies_listed()
        self._dispatcher.dispatch_later(Change(None, PoliciesChanged()))
        await self._dispatcher.run(prepare=self.dependencies.watch_identities)

    def states(self) -> Iterator[ResourceMetrics]:
        """What metrics show of each resource that there is now. May be iterated in another thread."""
        return map(metrics_of, list(self.stores.resources.cache))

    # Which informers are needed

    def _resource_changed(self, change: Change[Resource]) -> None:
        key = change.subject.key
        if is_cluster(key):
            self._namespaces.update()
        if links_of(change.old) or links_of(change.new):
            self._accounts.update()
        self.dependencies.watch_identities((key,))

    def _labelled_account_changed(self, _change: Change[LinkedAccount]) -> None:
        self._accounts.update()

    def _policy_changed(self, _change: Change[Policy]) -> None:
        self._namespaces.update()
        self._dispatcher.dispatch_later(Change(None, PoliciesChanged()))

    def _namespace_changed(self, change: Change[NamespaceLabels]) -> None:
        if labels_changed(change):
            self.dependencies.watch_identities(self.stores.resources.in_namespace(change.subject.name))

    # What no cache reports

    def _namespaces_settled(self) -> None:
        self._dispatcher.dispatch_later(Change(None, NamespacesListed()))

    def _accounts_settled(self) -> None:
        self._dispatcher.dispatch(Change(None, AccountsListed()))

    def _identity_settled(self, named: Named) -> None:
        self._dispatcher.dispatch(Change(None, IdentityListed(named)))
