"""A second way to find what is in a cache: by keys derived from each object."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

from .cache import Cache, Change, Versioned

K = TypeVar("K", bound=Hashable)
D = TypeVar("D", bound=Hashable)
T = TypeVar("T", bound=Versioned)

FEW = 4
"""Most derived keys have one object or two: a tuple takes a quarter of a dictionary's memory."""


class Index(Generic[D, K, T]):
    """Keeps, for each derived key, the cache's keys of the objects that have it.

    Args:
        cache: what is indexed; must be empty still.
        key_of: the cache's key of an object.
        derived: an object's derived keys, from its key and its core.
    """

    def __init__(self, cache: Cache[K, T], *, key_of: Callable[[T], K], derived: Callable[[T], Iterable[D]]) -> None:
        self._key_of = key_of
        self._derived = derived
        self._keys: dict[D, tuple[K, ...] | dict[K, None]] = {}
        cache.listen(self._changed, core=True)

    def get(self, derived: D) -> tuple[K, ...]:
        """The cache's keys of all objects with this derived key, in the order in which they came."""
        return tuple(self._keys.get(derived, ()))

    def all(self) -> tuple[K, ...]:
        """The cache's keys of all objects that have a derived key, each once."""
        return tuple(dict.fromkeys(key for keys in self._keys.values() for key in keys))

    def __contains__(self, derived: D) -> bool:
        return derived in self._keys

    def __len__(self) -> int:
        return len(self._keys)

    def _changed(self, change: Change[T]) -> None:
        old, new = change.old, change.new
        before = tuple(self._derived(old)) if old is not None else ()
        after = tuple(self._derived(new)) if new is not None else ()
        if before == after:
            return
        if before:
            assert old is not None  # noqa: S101 - before is empty otherwise
            for derived in set(before).difference(after):
                self._remove(derived, self._key_of(old))
        if after:
            assert new is not None  # noqa: S101 - after is empty otherwise
            for derived in set(after).difference(before):
                self._add(derived, self._key_of(new))

    def _add(self, derived: D, key: K) -> None:
        keys = self._keys.get(derived, ())
        if isinstance(keys, dict):
            keys[key] = None
        elif key not in keys:
            self._keys[derived] = (*keys, key) if len(keys) < FEW else dict.fromkeys((*keys, key))

    def _remove(self, derived: D, key: K) -> None:
        keys = self._keys.get(derived, ())
        if isinstance(keys, dict):
            keys.pop(key, None)
        else:
            keys = tuple(one for one in keys if one != key)
        if keys:
            self._keys[derived] = keys
        else:
            self._keys.pop(derived, None)
