"""Watches of the ServiceAccounts and the Secrets with AWS keys that resources name, each of one object."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping

from ..domain.identity.sources import MOST_NAMED, KeySecret, Missing, Named, RoleAccount
from ..domain.resource import Key
from ..kube import accounts, credentials
from ..kube.client import Client
from ..runtime.allocation import Allocation, Full
from ..runtime.cache import Cache
from ..runtime.dynamic import DynamicInformers, SyncState
from ..runtime.reflector import Reflector, WatchObserver

MISSING = {SyncState.SYNCED: Missing.ABSENT, SyncState.PENDING: Missing.NOT_YET, SyncState.FORBIDDEN: Missing.REFUSED}
_FULL = {Full.GROUP: Missing.TOO_MANY, Full.ALL: Missing.ALL_TAKEN}


def _name_of(found: RoleAccount | KeySecret) -> Named:
    return Named("ServiceAccount" if isinstance(found, RoleAccount) else "Secret", found.namespace, found.name)


class IdentityWatches:
    """What is known of the ServiceAccounts and Secrets that resources need.

    Args:
        client: the API server.
        observer: receives the results of watches.
        most: watches in all. Namespaces share them fairly.
        reserved: the operator's namespace. Its objects are named by cluster resources, which only administrators
            create, and are watched beside these.
        changed: called with the resources that need an object, when that object or what is known of it has changed.

    Attributes:
        dynamic: the watches that run.
    """

    def __init__(
        self,
        client: Client,
        *,
        observer: WatchObserver,
        most: int,
        reserved: str,
        changed: Callable[[tuple[Key, ...]], None],
    ) -> None:
        self._reserved = reserved
        self._client = client
        self._observer = observer
        self._changed = changed
        self._accounts: Cache[Named, RoleAccount] = Cache(
            lambda found: Named("ServiceAccount", found.namespace, found.name)
        )
        self._credentials: Cache[Named, KeySecret] = Cache(lambda found: Named("Secret", found.namespace, found.name))
        self._needs: dict[Key, frozenset[Named]] = {}
        self._needed_by: defaultdict[Named, set[Key]] = defaultdict(set)
        self.dynamic: DynamicInformers[Named] = DynamicInformers(self._reflector, settled=self._settled)
        self._slots: Allocation[str, Named] = Allocation(
            total=most,
            most=MOST_NAMED,
            group_of=lambda named: named.namespace,
            start=self.dynamic.start,
            stop=self._lost,
        )
        self._accounts.listen(self._object_changed)
        self._credentials.listen(self._object_changed)

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
        added: dict[Named, None] = {}
        removed: dict[Named, None] = {}
        for key, names in needs.items():
            before = self._needs.get(key, frozenset())
            for named in names - before:
                self._needed_by[named].add(key)
                added[named] = None
            for named in before - names:
                self._needed_by[named].discard(key)
                removed[named] = None
            if names:
                self._needs[key] = names
            else:
                self._needs.pop(key, None)
        for named in list(removed):
            if self._needed_by[named]:
                del removed[named]
            else:
                del self._needed_by[named]
                added.pop(named, None)
                self._forget(named)
        for named in added:
            if named.namespace == self._reserved:
                self.dynamic.start(named)
        self._slots.change(remove=removed, add=[one for one in added if one.namespace != self._reserved])

    def account(self, namespace: str, name: str) -> RoleAccount | Missing:
        """A ServiceAccount."""
        named = Named("ServiceAccount", namespace, name)
        return self._accounts.get(named) or self._missing(named)

    def credentials(self, namespace: str, name: str) -> KeySecret | Missing:
        """A Secret with AWS keys."""
        named = Named("Secret", namespace, name)
        return self._credentials.get(named) or self._missing(named)

    def _missing(self, named: Named) -> Missing:
        full = self._slots.full(named)
        return _FULL[full] if full else MISSING[self.dynamic.state(named)]

    def _reflector(self, named: Named) -> Reflector[Named, RoleAccount] | Reflector[Named, KeySecret]:
        if named.kind == "Secret":
            secret = credentials.source(self._client, named.namespace, named.name)
            return Reflector(secret, self._credentials, self._observer)
        account = accounts.source(self._client, named.namespace, named.name)
        return Reflector(account, self._accounts, self._observer)

    def _lost(self, named: Named) -> None:
        self._forget(named)
        self._settled(named)

    def _forget(self, named: Named) -> None:
        self.dynamic.stop(named)
        self._accounts.forget(named)
        self._credentials.forget(named)

    def _object_changed(self, old: RoleAccount | KeySecret | None, new: RoleAccount | KeySecret | None) -> None:
        found = new or old
        if found:
            self._settled(_name_of(found))

    def _settled(self, named: Named) -> None:
        self._changed(tuple(self._needed_by.get(named, ())))
