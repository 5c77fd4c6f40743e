"""Objects as last seen, one per key, never older than what was seen before."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Generic, NamedTuple, Protocol, TypeVar

from .allowance import Allowance


class Versioned(Protocol):
    """An object with a resource version. Those of one kind can be compared as numbers (KEP-5504)."""

    @property
    def resource_version(self) -> str:
        """The version."""


K = TypeVar("K")
T = TypeVar("T", bound=Versioned)
S = TypeVar("S")

REMEMBERED = 4096
"""How many objects that are gone are remembered, so that late answers do not bring them back."""


class Change(NamedTuple, Generic[S]):
    """One change of an object, such as one in a cache. At least one of `old` and `new` is set.

    Attributes:
        old: the object before; None if it is new.
        new: the object now; None if it is gone.
        listed: whether a list reported the change, the first list or a later one, and not a watch or a write.
        author: the key whose reconcile wrote the object; None when another client changed it.
    """

    old: S | None
    new: S | None
    listed: bool = False
    author: Hashable = None

    @property
    def subject(self) -> S:
        """The object as it is now, or as it was last."""
        found = self.old if self.new is None else self.new
        assert found is not None  # noqa: S101 - a change is of something
        return found


Listener = Callable[[Change[T]], None]


def version_number(resource_version: str) -> int:
    """A resource version as a number; 0 if the text is not a number."""
    return int(resource_version) if resource_version.isdecimal() else 0


class Cache(Generic[K, T]):
    """The objects that watches report and that writes return. Listeners are called with every `Change`.

    Args:
        key_of: the key of an object.
        core: the part of an object that seldom changes. Listeners can ask for changes of this part only. Defaults to
            the whole object.
        allowance: bounds what is kept; what it reduced is kept whole once it is seen again and there is room.
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

    def __len__(self) -> int:
        return len(self._objects)

    def __iter__(self) -> Iterator[T]:
        return iter(self._objects.values())

    def listen(self, listener: Listener[T], *, core: bool = False) -> None:
        """Adds a listener for every change, or only for new objects, objects that are gone, and changes of the core."""
        self._listeners.append((listener, core))

    def get(self, key: K) -> T | None:
        """The object as last seen."""
        return self._objects.get(key)

    def has(self, key: K, resource_version: str) -> bool:
        """Whether the cache has this version of the object, or a newer one."""
        old = self._objects.get(key)
        return old is not None and version_number(old.resource_version) >= version_number(resource_version)

    def put(self, new: T, *, author: Hashable = None) -> None:
        """Stores an object, unless the cache has it in this version or a newer one.

        Args:
            new: the object.
            author: the key whose reconcile wrote it; see `Change`.
        """
        self._put(new, listed=False, author=author)

    def _put(self, new: T, *, listed: bool, author: Hashable) -> None:
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
            self._tell(Change(old, new, listed, author))

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
        self._remove(key, version_number(last.resource_version), listed=False)

    def replace(self, objects: Iterable[T], *, within: Callable[[T], bool], listed_at: str) -> None:
        """Stores a whole list. Removes what is within its reach, not in it and not newer than it."""
        limit, seen = version_number(listed_at), set()
        for new in objects:
            seen.add(self._key_of(new))
            self._put(new, listed=True, author=None)
        for key, old in list(self._objects.items()):
            if key not in seen and within(old) and version_number(old.resource_version) <= limit:
                self._remove(key, limit, listed=True)

    def forget(self, key: K) -> None:
        """Removes an object that is not watched any more, as if it had never been seen."""
        self._gone.pop(key, None)
        old = self._objects.pop(key, None)
        if old is not None:
            self._release(old)
            self._tell(Change(old, None))

    def _remove(self, key: K, version: int, *, listed: bool) -> None:
        """Takes an object out, and remembers that: the answer to an earlier write may come after its deletion."""
        self._gone[key] = max(version, self._gone.pop(key, 0))
        if len(self._gone) > REMEMBERED:
            self._gone.popitem(last=False)
        old = self._objects.pop(key, None)
        if old is not None:
            self._release(old)
            self._tell(Change(old, None, listed))

    def _tell(self, change: Change[T]) -> None:
        old, new = change.old, change.new
        same = self._core and old is not None and new is not None and self._core(old) == self._core(new)
        for listener, core_only in self._listeners:
            if not (same and core_only):
                listener(change)
