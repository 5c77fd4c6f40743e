"""All that the simulated API server stores, and its counters: nothing in it is random."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from .kinds import NAMESPACES, Kind, Kinds
from .store import Collection, Stored

FIRST_REVISION = 100


class State:
    """Collections by kind, the resource version, and the uids.

    Args:
        kinds: that are served at first.
        history: how many changes of each kind are kept at least.
    """

    def __init__(self, kinds: Sequence[Kind], history: int) -> None:
        self.kinds = Kinds(kinds)
        self.revision = FIRST_REVISION
        self._history = history
        self._collections: dict[tuple[str, str], Collection] = {}
        self._uids = 0
        self._names = 0

    def collection(self, kind: Kind) -> Collection:
        """All objects of a kind. They stay when the kind gets another definition."""
        key = (kind.group, kind.plural)
        found = self._collections.get(key)
        if found is None:
            found = self._collections[key] = Collection(self._history, FIRST_REVISION)
        return found

    def forget(self, kind: Kind) -> None:
        """Removes a kind with all its objects, as the deletion of its definition does."""
        collection = self.collection(kind)
        for one in list(collection.within("")):
            collection.remove(one.key, self.next_revision())
        self.kinds.remove(kind)

    def next_revision(self) -> int:
        """The resource version of the next write: one counter for all kinds."""
        self.revision += 1
        return self.revision

    def next_uid(self) -> str:
        """A uid that no object had before."""
        self._uids += 1
        return str(uuid.uuid5(uuid.NAMESPACE_OID, str(self._uids)))

    def next_suffix(self) -> str:
        """What is appended to generateName."""
        self._names += 1
        return f"{self._names:05x}"

    def namespace(self, name: str) -> Stored | None:
        """A namespace."""
        return self.collection(NAMESPACES).get(name)
