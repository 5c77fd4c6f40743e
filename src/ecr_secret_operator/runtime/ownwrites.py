"""What this process is writing right now. A watch tells of that too, as often before the answer as after it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
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

    def under_way(self, key: K) -> AbstractContextManager[None]:
        """For as long as an object is being written, until the answer is in the cache.

        What a watch told meanwhile is taken in afterwards, unless the answer was as new.
        """
        return _UnderWay(self._cache, self._told, key)


class _UnderWay(AbstractContextManager[None], Generic[K, T]):
    def __init__(self, cache: Cache[K, T], told: dict[K, _Told[T] | None], key: K) -> None:
        self._cache = cache
        self._told = told
        self._key = key

    def __enter__(self) -> None:
        self._told[self._key] = None

    def __exit__(self, *_: object) -> None:
        told = self._told.pop(self._key, None)
        if told and not self._cache.has(self._key, told.resource_version):
            self._cache.put(told.read())
