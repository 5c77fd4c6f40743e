"""The ServiceAccounts and the Secrets with AWS keys that resources name, and which resource needs which of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from ...domain.identity.sources import KeySecret, Named, RoleAccount
from ...domain.resource import Key
from ...runtime.cache import Cache


def name_of(found: RoleAccount | KeySecret) -> Named:
    """The name by which resources name an identity."""
    return Named("ServiceAccount" if isinstance(found, RoleAccount) else "Secret", found.namespace, found.name)


class IdentityStore:
    """The objects that resources name as identities, as last seen.

    Attributes:
        accounts: the ServiceAccounts.
        secrets: the Secrets with AWS keys.
    """

    def __init__(self) -> None:
        self.accounts: Cache[Named, RoleAccount] = Cache(name_of)
        self.secrets: Cache[Named, KeySecret] = Cache(name_of)
        self._needs: dict[Key, frozenset[Named]] = {}
        self._needed_by: defaultdict[Named, set[Key]] = defaultdict(set)

    def needed_by(self, named: Named) -> Collection[Key]:
        """The keys of the resources that need an object."""
        return tuple(self._needed_by.get(named, ()))

    def set_needs(self, needs: Mapping[Key, frozenset[Named]]) -> tuple[list[Named], list[Named]]:
        """Stores which objects resources need; an empty set for none.

        Returns:
            The objects that are needed and may not have been before, and those that no resource needs any more.
        """
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
        unused = [named for named in removed if not self._needed_by[named]]
        for named in unused:
            del self._needed_by[named]
            added.pop(named, None)
        return list(added), unused

    def forget(self, named: Named) -> None:
        """Removes an object that is no longer watched."""
        self.accounts.forget(named)
        self.secrets.forget(named)
