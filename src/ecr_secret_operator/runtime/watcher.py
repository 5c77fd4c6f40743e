"""Keeps a cache equal to what the API server has: list, then watch, and list again whenever there is doubt.

The rules of client-go's reflector, and three of ours: a watch on which nothing came for 75 s, not even a bookmark, is
taken for dead (the server promises one a minute); every ten minutes all is listed anew, whatever the watch said; a
relist compares, so nothing that was missed stays missed.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from ..domain.backoff import Backoff
from ..domain.errors import ApiError, Expired
from ..domain.watching import Change, Source, WatchEvent
from .cache import Cache, Versioned

K = TypeVar("K")
T = TypeVar("T", bound=Versioned)

SILENCE_SECONDS = 75.0
RELIST_SECONDS = 600.0


class WatchObserver(Protocol):
    """Is told how watches fare."""

    def watch_ended(self, source: str, why: str) -> None:
        """A watch ended other than by the server's ordinary time-out."""

    def listed(self, source: str, count: int) -> None:
        """A list was taken in."""


class Watcher(Generic[K, T]):
    """Feeds one source into a cache.

    Attributes:
        synced: set once the first list is in the cache.
        last_heard: monotonic time of the last answer.
    """

    def __init__(
        self,
        source: Source[T],
        cache: Cache[K, T],
        observer: WatchObserver,
        *,
        silence: float = SILENCE_SECONDS,
        relist: float = RELIST_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source = source
        self._cache = cache
        self._observer = observer
        self._silence = silence
        self._relist = relist
        self._monotonic = monotonic
        self._backoff = Backoff(base=0.5, cap=15.0, floor=0.1)
        self.synced = asyncio.Event()
        self.last_heard = monotonic()

    async def run(self) -> None:
        """Lists and watches until cancelled."""
        failures = 0
        while True:
            try:
                await self._list_and_watch()
                failures = 0
            except Expired:
                self._observer.watch_ended(self._source.name, "its resource version had expired")
            except (ApiError, TimeoutError) as error:
                failures += 1
                self._observer.watch_ended(self._source.name, str(error) or "nothing was heard in time")
                wait = max(
                    self._backoff.delay(failures, draw=random.random()), getattr(error, "retry_after", None) or 0.0
                )
                await asyncio.sleep(wait)

    async def _list_and_watch(self) -> None:
        async with asyncio.timeout(self._relist):
            listing = await self._source.list()
        self._cache.replace(listing.items, within=self._source.covers, listed_at=listing.resource_version)
        self._observer.listed(self._source.name, len(listing.items))
        self.last_heard = self._monotonic()
        self.synced.set()
        version, until = listing.resource_version, self._monotonic() + self._relist
        while self._monotonic() < until:
            version = await self._watch(version, until)

    async def _watch(self, version: str, until: float) -> str:
        events = self._source.watch(version)
        try:
            while self._monotonic() < until:
                async with asyncio.timeout(self._silence):
                    event = await anext(events, None)
                if event is None:
                    return version
                self.last_heard = self._monotonic()
                version = event.resource_version
                self._take(event)
        finally:
            await events.aclose()
        return version

    def _take(self, event: WatchEvent[T]) -> None:
        if event.item is None:
            return
        if event.change is Change.DELETED:
            self._cache.drop(event.item)
        else:
            self._cache.put(event.item)
