"""Writes whose answers have not arrived. The watch reports a write, too, before its answer as often as after it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from typing import Generic, NamedTuple, TypeVar

from .cache import Cache, Versioned

K = TypeVar("K", bound=Hashable)
T = TypeVar("T", bound=Versioned)


class _Event(NamedTuple, Generic[T]):
    """What the watch reported of an object that is being written."""

    resource_version: str
    read: Callable[[], T]


class InFlightWrites(Generic[K, T]):
    """Suppresses the watch events of the operator's own writes.

    Args:
        cache: takes the answers to the writes.
    """

    def __init__(self, cache: Cache[K, T]) -> None:
        self._cache = cache
        self._events: dict[K, _Event[T] | None] = {}

    def absorb(self, key: K, resource_version: str, read: Callable[[], T]) -> bool:
        """Takes a watch event, unless it has to be applied now. Returns whether it did.

        It takes an event whose object is in the cache. While the object is being written, it keeps the event until the
        answer is in the cache.

        Args:
            key: of the object.
            resource_version: of the object.
            read: decodes the object. It is called if the answer is older than the event.
        """
        if self._cache.has(key, resource_version):
            return True
        if key not in self._events:
            return False
        self._events[key] = _Event(resource_version, read)
        return True

    def writing(self, key: K) -> AbstractContextManager[None]:
        """Entered while an object is being written, until the answer is in the cache.

        An event that the watch reports meanwhile is applied afterwards, if it is newer than the answer.
        """
        return _Writing(self._cache, self._events, key)


class _Writing(AbstractContextManager[None], Generic[K, T]):
    def __init__(self, cache: Cache[K, T], events: dict[K, _Event[T] | None], key: K) -> None:
        self._cache = cache
        self._events = events
        self._key = key

    def __enter__(self) -> None:
        self._events[self._key] = None

    def __exit__(self, *_: object) -> None:
        event = self._events.pop(self._key, None)
        if event and not self._cache.has(self._key, event.resource_version):
            self._cache.put(event.read())
