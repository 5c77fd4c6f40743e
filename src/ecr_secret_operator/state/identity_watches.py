"""Watches of the ServiceAccounts and the Secrets with AWS keys that resources name, each of one object."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..domain.identity.sources import MOST_NAMED, KeySecret, Missing, Named, RoleAccount
from ..domain.resource import Key
from ..kube import accounts, credentials
from ..kube.client import Client
from ..runtime.allocation import Allocation, Full
from ..runtime.dynamic import DynamicInformers, SyncState
from ..runtime.reflector import Reflector, WatchObserver
from .stores.identities import IdentityStore

MISSING = {SyncState.SYNCED: Missing.ABSENT, SyncState.PENDING: Missing.NOT_YET, SyncState.FORBIDDEN: Missing.REFUSED}
_FULL = {Full.GROUP: Missing.TOO_MANY, Full.ALL: Missing.ALL_TAKEN}


class IdentityWatches:
    """The watches of the objects that resources need as identities.

    Args:
        client: the API server.
        store: receives the objects.
        observer: receives the results of watches.
        most: watches in all. Namespaces share them fairly.
        reserved: the operator's namespace. Its objects are named by cluster resources, which only administrators
            create, and are watched beside these.
        settled: called with an object when what is known of its watch has changed.
    """

    def __init__(
        self,
        client: Client,
        store: IdentityStore,
        observer: WatchObserver,
        *,
        most: int,
        reserved: str,
        settled: Callable[[Named], None],
    ) -> None:
        self._reserved = reserved
        self._client = client
        self._store = store
        self._observer = observer
        self._settled = settled
        self._dynamic: DynamicInformers[Named] = DynamicInformers(self._reflector, settled=settled)
        self._slots: Allocation[str, Named] = Allocation(
            total=most,
            most=MOST_NAMED,
            group_of=lambda named: named.namespace,
            start=self._dynamic.start,
            stop=self._give_up,
        )

    async def run(self) -> None:
        """Watches until cancelled. Raises the error of a watch that failed."""
        await self._dynamic.run()

    @property
    def running(self) -> int:
        """How many watches run that count."""
        return self._slots.granted

    @property
    def waiting(self) -> int:
        """How many objects are not watched because all watches are in use."""
        return self._slots.waiting

    def need(self, needs: Mapping[Key, frozenset[Named]]) -> None:
        """Sets what resources need; empty for nothing. What no resource needs any more is not watched."""
        added, removed = self._store.set_needs(needs)
        if not (added or removed):
            return
        for named in removed:
            self._forget(named)
        for named in added:
            if named.namespace == self._reserved:
                self._dynamic.start(named)
        self._slots.change(remove=removed, add=[one for one in added if one.namespace != self._reserved])

    def account(self, namespace: str, name: str) -> RoleAccount | Missing:
        """A ServiceAccount."""
        named = Named("ServiceAccount", namespace, name)
        return self._store.accounts.get(named) or self._missing(named)

    def credentials(self, namespace: str, name: str) -> KeySecret | Missing:
        """A Secret with AWS keys."""
        named = Named("Secret", namespace, name)
        return self._store.secrets.get(named) or self._missing(named)

    def _missing(self, named: Named) -> Missing:
        full = self._slots.full(named)
        return _FULL[full] if full else MISSING[self._dynamic.state(named)]

    def _reflector(self, named: Named) -> Reflector[Named, RoleAccount] | Reflector[Named, KeySecret]:
        if named.kind == "Secret":
            secret = credentials.source(self._client, named.namespace, named.name)
            return Reflector(secret, self._store.secrets, self._observer)
        account = accounts.source(self._client, named.namespace, named.name)
        return Reflector(account, self._store.accounts, self._observer)

    def _give_up(self, named: Named) -> None:
        """Ends a watch whose slot another namespace gets."""
        self._forget(named)
        self._settled(named)

    def _forget(self, named: Named) -> None:
        self._dynamic.stop(named)
        self._store.forget(named)
