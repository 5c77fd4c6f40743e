"""What this process is writing right now. A watch tells of that too, as often before the answer as after it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, NamedTuple, TypeVar

from .cache import Cache, Versioned

K = TypeVar("K", bound=Hashable)
T = TypeVar("T", bound=Versioned)


class _Told(NamedTuple, Generic[T]):
    resource_version: str
    read: Callable[[], T]


class OwnWrites(Generic[K, T]):
    """Keeps the echo of own writes from being read, and from waking anybody, as news.

    Args:
        cache: where the answers to the writes go.
    """

    def __init__(self, cache: Cache[K, T]) -> None:
        self._cache = cache
        self._told: dict[K, _Told[T] | None] = {}

    def knows(self, key: K, resource_version: str, read: Callable[[], T]) -> bool:
        """Whether what a watch tells need not be read: it is in the cache, or the answer to a write is to come first.

        Args:
            key: of the object that it is about.
            resource_version: of the object.
            read: gives the object: for when the answer turns out to be older.
        """
        if self._cache.has(key, resource_version):
            return True
        if key not in self._told:
            return False
        self._told[key] = _Told(resource_version, read)
        return True

    @contextmanager
    def under_way(self, key: K) -> Iterator[None]:
        """For as long as an object is being written, until the answer is in the cache.

        What a watch told meanwhile is taken in afterwards, unless the answer was as new.
        """
        self._told[key] = None
        try:
            yield
        finally:
            told = self._told.pop(key, None)
            if told and not self._cache.has(key, told.resource_version):
                self._cache.put(told.read())
