"""Informers of namespaces and of ServiceAccounts, which run only while something needs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..api.selectors import NamespaceLabels
from ..domain.links import LinkedAccount
from ..kube import links, namespaces
from ..kube.client import Client
from ..runtime.dynamic import DynamicInformers, SyncState
from ..runtime.reflector import Reflector, WatchObserver
from .stores.bundle import Stores
from .stores.keys import NamespacedName

_NAMESPACES = "namespaces"


class NamespaceInformer:
    """Watches all namespaces while there is a cluster resource, or a policy that selects namespaces by label.

    Args:
        client: the API server.
        stores: say whether the watch is needed, and receive the namespaces.
        observer: receives the results of the watch.
        settled: called when the namespaces have been listed, or the API server has refused to list them.
    """

    def __init__(self, client: Client, stores: Stores, observer: WatchObserver, *, settled: Callable[[], None]) -> None:
        self._client = client
        self._stores = stores
        self._observer = observer
        self._dynamic: DynamicInformers[str] = DynamicInformers(self._reflector, settled=lambda _need: settled())

    def update(self) -> None:
        """Starts or stops the watch."""
        if self._stores.resources.cluster_keys() or self._stores.selects_by_label:
            self._dynamic.start(_NAMESPACES)
        elif _NAMESPACES in self._dynamic:
            self._dynamic.stop(_NAMESPACES)
            for namespace in list(self._stores.namespaces):
                self._stores.namespaces.forget(namespace.name)

    @property
    def state(self) -> SyncState:
        """Whether all namespaces are known."""
        return self._dynamic.state(_NAMESPACES)

    async def run(self) -> None:
        """Watches until cancelled. Raises the error of a watch that failed."""
        await self._dynamic.run()

    def _reflector(self, _need: str) -> Reflector[str, NamespaceLabels]:
        return Reflector(namespaces.source(self._client), self._stores.namespaces, self._observer)


class AccountInformers:
    """Watches all ServiceAccounts while a resource links one, or one has the operator's label.

    Args:
        client: the API server.
        stores: say whether the watches are needed, and receive the ServiceAccounts.
        observer: receives the results of the watches.
        places: the watched namespaces; None means all.
        settled: called when ServiceAccounts have been listed, or the API server has refused to list them.
    """

    def __init__(
        self,
        client: Client,
        stores: Stores,
        observer: WatchObserver,
        *,
        places: Sequence[str | None],
        settled: Callable[[], None],
    ) -> None:
        self._client = client
        self._stores = stores
        self._places = places
        self._observer = observer
        self._needed = False
        self._dynamic: DynamicInformers[str] = DynamicInformers(self._reflector, settled=lambda _place: settled())

    def update(self) -> None:
        """Starts or stops the watches."""
        needed = self._stores.resources.has_links() or len(self._stores.accounts.labelled) > 0
        if needed is self._needed:
            return
        self._needed = needed
        for place in (one or "" for one in self._places):
            if needed:
                self._dynamic.start(place)
            else:
                self._dynamic.stop(place)
        if not needed:
            self._stores.accounts.forget_all()

    def state(self, namespace: str) -> SyncState:
        """Whether all ServiceAccounts of a namespace are known."""
        return self._dynamic.state(namespace if namespace in self._places else "")

    async def run(self) -> None:
        """Watches until cancelled. Raises the error of a watch that failed."""
        await self._dynamic.run()

    def _reflector(self, place: str) -> Reflector[NamespacedName, LinkedAccount]:
        source = links.source(self._client, place or None, linked=False)
        return Reflector(source, self._stores.accounts.cache, self._observer)
