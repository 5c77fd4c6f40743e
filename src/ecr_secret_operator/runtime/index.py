"""A second way to find what is in a cache: by keys derived from each object."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar

from .cache import Cache, Versioned

K = TypeVar("K", bound=Hashable)
D = TypeVar("D", bound=Hashable)
T = TypeVar("T", bound=Versioned)


class Index(Generic[D, K, T]):
    """Keeps, for each derived key, the cache's keys of the objects that have it.

    Args:
        cache: what is indexed; must be empty still.
        key_of: the cache's key of an object.
        derived: an object's derived keys.
    """

    def __init__(self, cache: Cache[K, T], *, key_of: Callable[[T], K], derived: Callable[[T], Iterable[D]]) -> None:
        self._key_of = key_of
        self._derived = derived
        self._keys: defaultdict[D, dict[K, None]] = defaultdict(dict)
        cache.listen(self._changed)

    def get(self, derived: D) -> tuple[K, ...]:
        """The cache's keys of all objects with this derived key, in the order in which they came."""
        return tuple(self._keys.get(derived, ()))

    def _changed(self, old: T | None, new: T | None) -> None:
        before = tuple(self._derived(old)) if old is not None else ()
        after = tuple(self._derived(new)) if new is not None else ()
        if before == after:
            return
        for derived in set(before).difference(after):
            assert old is not None  # noqa: S101 - before is empty otherwise
            keys = self._keys[derived]
            keys.pop(self._key_of(old), None)
            if not keys:
                del self._keys[derived]
        for derived in set(after).difference(before):
            assert new is not None  # noqa: S101 - after is empty otherwise
            self._keys[derived][self._key_of(new)] = None
