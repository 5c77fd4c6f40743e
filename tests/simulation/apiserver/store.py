"""Objects by key, and the log of their changes, from which watches and earlier lists are read.

What is stored is never changed in place: each version is an object of its own, and versions may share parts.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from .managed import Ownership
from .messages import Object

Watcher = Callable[[], None]

NOTIFIED_EVERY = timedelta(minutes=10)
"""The time between two progress notifications of etcd (`--watch-progress-notify-interval`)."""

_AFTER = "\U0010ffff"


@dataclass(slots=True, eq=False)
class Stored:
    """One version of an object.

    Attributes:
        value: the object as it is served. Not to be changed.
        owned: which field manager owns what of it.
        type_bytes: how much of its JSON says what it is, for an object of a built-in kind.
    """

    key: str
    revision: int
    value: Object
    owned: Ownership
    type_bytes: int = 0
    _raw: bytes = field(default=b"", init=False)

    @property
    def raw(self) -> bytes:
        """The object in JSON, encoded once."""
        if not self._raw:
            self._raw = msgspec.json.encode(self.value)
        return self._raw

    def replace(self, value: Object) -> None:
        """Has the same version read in another way, by another definition of its kind."""
        self.value, self._raw = value, b""

    @property
    def raw_item(self) -> bytes:
        """The object as an item of a list, where objects of built-in kinds do not say what they are."""
        return b"{" + self.raw[self.type_bytes :] if self.type_bytes else self.raw

    @property
    def namespace(self) -> str:
        """The namespace of the object; empty for a cluster-wide one."""
        name: str = self.value["metadata"].get("namespace", "")
        return name

    @property
    def uid(self) -> str:
        """The uid of the object."""
        uid: str = self.value["metadata"]["uid"]
        return uid


class Change(NamedTuple):
    """One change of a collection: before is None for a creation, after for a deletion."""

    revision: int
    before: Stored | None
    after: Stored | None

    @property
    def touched(self) -> Stored:
        """The object, as it is afterwards, or was before its deletion."""
        found = self.after or self.before
        assert found is not None
        return found


class Collection:
    """All objects of one kind.

    Args:
        history: how many changes are kept at least.
        begin: the revision before which nothing can be watched.

    Attributes:
        log: changes, the oldest of them dropped.
        dropped: how many were dropped.
        compacted: the revision of the last one that was dropped.
        changed: the revision of the last change.
        progress: the revision that the watch cache has reached. A real API server does not know of writes to other
            kinds until it reads a list of this kind, or etcd tells of them.
    """

    def __init__(self, history: int, begin: int) -> None:
        self._history = history
        self._objects: dict[str, Stored] = {}
        self._keys: list[str] = []
        self._watchers: dict[str, dict[Watcher, None]] = {}
        self.log: list[Change] = []
        self.dropped = 0
        self.compacted = begin
        self.changed = self.progress = begin
        self._notified: datetime | None = None

    @property
    def size(self) -> int:
        """How many objects there are."""
        return len(self._keys)

    def get(self, key: str) -> Stored | None:
        """The current version of an object."""
        return self._objects.get(key)

    def within(self, namespace: str) -> Iterator[Stored]:
        """All objects of a namespace, or of all if it is empty, in the order of keys."""
        first, last = self._bounds(namespace)
        objects = self._objects
        return (objects[key] for key in self._keys[first:last])

    def _bounds(self, namespace: str) -> tuple[int, int]:
        if not namespace:
            return 0, len(self._keys)
        return bisect_left(self._keys, f"{namespace}/"), bisect_right(self._keys, f"{namespace}/{_AFTER}")

    def at(self, revision: int, namespace: str) -> list[Stored]:
        """The objects as they were at an earlier revision, in the order of keys."""
        if revision >= self.changed:
            return list(self.within(namespace))
        found = {one.key: one for one in self.within(namespace)}
        for change in reversed(self.log):
            if change.revision <= revision:
                break
            one = change.touched
            if namespace and one.namespace != namespace:
                continue
            if change.before is None:
                found.pop(one.key, None)
            else:
                found[one.key] = change.before
        return [found[key] for key in sorted(found)]

    def put(self, new: Stored) -> None:
        """Stores a version, and calls the watchers."""
        before = self._objects.get(new.key)
        if before is None:
            insort(self._keys, new.key)
        self._objects[new.key] = new
        self._append(Change(new.revision, before, new))

    def remove(self, key: str, revision: int) -> Stored:
        """Removes an object, and calls the watchers."""
        before = self._objects.pop(key)
        del self._keys[bisect_left(self._keys, key)]
        self._append(Change(revision, before, None))
        return before

    def _append(self, change: Change) -> None:
        self.log.append(change)
        self.changed = self.progress = change.revision
        if len(self.log) >= 2 * self._history:
            self._drop(len(self.log) - self._history)
        namespace = change.touched.namespace
        for scope in ("", namespace) if namespace else ("",):
            for watcher in tuple(self._watchers.get(scope, ())):
                watcher()

    def compact(self, revision: int) -> None:
        """Forgets changes up to a revision: no watch can begin before it any more."""
        self._drop(bisect_right(self.log, revision, key=lambda change: change.revision))
        self.compacted = max(self.compacted, revision)

    def _drop(self, count: int) -> None:
        if count:
            self.compacted = max(self.compacted, self.log[count - 1].revision)
            del self.log[:count]
            self.dropped += count

    def after(self, revision: int) -> int:
        """The position in the log, counted from its very beginning, of the first change after a revision."""
        return self.dropped + bisect_right(self.log, revision, key=lambda change: change.revision)

    def since(self, position: int) -> list[Change] | None:
        """The changes from a position on; None if some of them are forgotten."""
        return None if position < self.dropped else self.log[position - self.dropped :]

    def notify(self, revision: int, now: datetime) -> None:
        """Notes the latest revision as one that watches have seen, if etcd would tell of it now."""
        if self._notified is None or now - self._notified >= NOTIFIED_EVERY:
            if self._notified is not None:
                self.progress = revision
            self._notified = now

    def subscribe(self, namespace: str, watcher: Watcher) -> Callable[[], None]:
        """Calls a watcher after each change in a namespace, or in all. Returns what ends that."""
        watchers = self._watchers.setdefault(namespace, {})
        watchers[watcher] = None
        return lambda: watchers.pop(watcher, None)
