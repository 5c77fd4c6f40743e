"""Objects as last seen, one per key, never older than what was seen before."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, Protocol, TypeVar

from .allowance import Allowance


class Versioned(Protocol):
    """An object with a resource version. Those of one kind can be compared as numbers (KEP-5504)."""

    @property
    def resource_version(self) -> str:
        """The version."""


K = TypeVar("K")
T = TypeVar("T", bound=Versioned)

REMEMBERED = 4096
"""How many objects that are gone are remembered, so that late answers do not bring them back."""

Listener = Callable[[T | None, T | None], None]


def version_number(resource_version: str) -> int:
    """A resource version as a number; 0 if the text is not a number."""
    return int(resource_version) if resource_version.isdecimal() else 0


class Cache(Generic[K, T]):
    """Objects by key, from watches and from the answers to writes.

    A listener hears of every change as (old, new); old is None for a new object, new is None for one that is gone.

    Args:
        key_of: the key of an object.
        core: the part of an object that seldom changes, for listeners that depend on nothing else. By default, all of
            the object.
        allowance: bounds the memory of the objects. A reduced object is kept in full when it is seen again and there is
            room.

    Attributes:
        listing: whether the present change comes from a list, and so is one of many.
    """

    def __init__(
        self,
        key_of: Callable[[T], K],
        *,
        core: Callable[[T], object] | None = None,
        allowance: Allowance[T] | None = None,
    ) -> None:
        self._key_of = key_of
        self._core = core
        self._allowance = allowance
        self._objects: dict[K, T] = {}
        self._listeners: list[tuple[Listener[T], bool]] = []
        self._gone: OrderedDict[K, int] = OrderedDict()
        self.listing = False

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[T]:
        return iter(self._objects.values())

    def listen(self, listener: Listener[T], *, core: bool = False) -> None:
        """Adds a listener for every change; with `core`, only for new and deleted objects and changes of the core."""
        self._listeners.append((listener, core))

    def get(self, key: K) -> T | None:
        """The object as last seen."""
        return self._objects.get(key)

    def has(self, key: K, resource_version: str) -> bool:
        """Whether the cache has this version of the object, or a newer one."""
        old = self._objects.get(key)
        return old is not None and version_number(old.resource_version) >= version_number(resource_version)

    def put(self, new: T) -> None:
        """Stores an object, unless the cache has the same version or a newer one."""
        key = self._key_of(new)
        version, old = version_number(new.resource_version), self._objects.get(key)
        known = version_number(old.resource_version) if old else self._gone.get(key, -1)
        if version < known or (version == known and not self._is_reduced(old)):
            return
        if self._allowance:
            self._release(old)
            new = self._allowance.put(new)
        self._gone.pop(key, None)
        self._objects[key] = new
        if version > known or not self._is_reduced(new):
            self._tell(old, new)

    def _is_reduced(self, found: T | None) -> bool:
        return self._allowance is not None and found is not None and self._allowance.is_reduced(found)

    def _release(self, old: T | None) -> None:
        """Ends the count of an object that is kept no longer."""
        if self._allowance and old is not None:
            self._allowance.drop(old)

    def drop(self, last: T) -> None:
        """Removes a deleted object, unless the cache has a newer one with its key."""
        key = self._key_of(last)
        old = self._objects.get(key)
        if old and version_number(old.resource_version) > version_number(last.resource_version):
            return
        self._remove(key, version_number(last.resource_version))

    def replace(self, objects: Iterable[T], *, within: Callable[[T], bool], listed_at: str) -> None:
        """Stores a whole list, and removes the objects that it would have contained if they still existed."""
        self.listing = True
        try:
            self._replace(objects, within, version_number(listed_at))
        finally:
            self.listing = False

    def _replace(self, objects: Iterable[T], within: Callable[[T], bool], limit: int) -> None:
        seen = set()
        for new in objects:
            seen.add(self._key_of(new))
            self.put(new)
        for key, old in list(self._objects.items()):
            if key not in seen and within(old) and version_number(old.resource_version) <= limit:
                self._remove(key, limit)

    def forget(self, key: K) -> None:
        """Removes an object that is not watched any more, as if it had never been seen."""
        self._gone.pop(key, None)
        old = self._objects.pop(key, None)
        if old is not None:
            self._release(old)
            self._tell(old, None)

    def _remove(self, key: K, version: int) -> None:
        """Takes an object out, and remembers that: the answer to an earlier write may come after its deletion."""
        self._gone[key] = max(version, self._gone.pop(key, 0))
        if len(self._gone) > REMEMBERED:
            self._gone.popitem(last=False)
        old = self._objects.pop(key, None)
        if old is not None:
            self._release(old)
            self._tell(old, None)

    def _tell(self, old: T | None, new: T | None) -> None:
        same = self._core and old is not None and new is not None and self._core(old) == self._core(new)
        for listener, core_only in self._listeners:
            if not (same and core_only):
                listener(old, new)
