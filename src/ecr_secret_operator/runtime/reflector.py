"""Keeps a cache equal to the objects in the API server: list, watch, and list again after every doubt.

The rules of client-go's reflector, and three of ours. A watch on which nothing came for 75 s, not even a bookmark, may
be dead: all is listed again. The same happens every ten minutes, whatever the watch said. A relist compares, so nothing
that was missed stays missed.

An API server sends a bookmark each minute, unless it knows of no newer version. It learns of one from changes
of objects of the kind and from etcd's reports of progress: every ten minutes by default, every 5 s with kubeadm.
"""

from __future__ import annotations

import asyncio
import random
from typing import Generic, Protocol, TypeVar

from ..errors import ApiError, Expired, Forbidden, NotFound, Unauthorized, Unavailable
from .backoff import Backoff
from .cache import Cache, Versioned
from .watching import EventType, ListWatch, WatchEvent

K = TypeVar("K")
T = TypeVar("T", bound=Versioned)

SILENCE_SECONDS = 75.0
RELIST_SECONDS = 600.0
PATIENCE_STEP_SECONDS = 0.5
"""How exactly silence is measured: a timer for each event of a busy watch would cost more than the event."""

SHORTEST_WATCH_SECONDS = 1.0
"""A watch that the server ends sooner has failed: watching again at once would be a hot loop."""


class WatchSilent(Exception):
    """Nothing was heard on a watch in time: its connection is dead, or there was nothing to say."""


class WatchObserver(Protocol):
    """Logs and counts lists and watches."""

    def watch_ended(self, source: str, why: str, failures: int) -> None:
        """A watch ended, and not by the server's time-out; `failures` counts equal ends in a row."""

    def watch_silent(self, source: str) -> None:
        """A watch was ended because nothing was heard on it. That is no failure: the list that follows may fail."""

    def listed(self, source: str, count: int) -> None:
        """A list of so many objects was stored in the cache."""


class Reflector(Generic[K, T]):
    """Feeds one source into a cache.

    Attributes:
        synced: set once the first list is in the cache.
        answered: set after the first successful list, or a 403 or 404.
        last_heard: when the last answer came, in seconds of the event loop's clock.
        unauthorized: whether the last request got a 401, which does not count as an answer.
    """

    def __init__(
        self,
        source: ListWatch[T],
        cache: Cache[K, T],
        observer: WatchObserver,
        *,
        silence: float = SILENCE_SECONDS,
        relist: float = RELIST_SECONDS,
    ) -> None:
        self._source = source
        self._cache = cache
        self._observer = observer
        self._silence = silence
        self._relist = relist
        self._backoff = Backoff(base=0.5, cap=15.0, floor=0.1)
        self._failures = 0
        self._alike = 0
        self._last: type[Exception] = Exception
        self.synced = asyncio.Event()
        self.answered = asyncio.Event()
        self.last_heard = _now()
        self.unauthorized = False

    @property
    def name(self) -> str:
        """The name of the source."""
        return self._source.name

    async def run(self) -> None:
        """Lists and watches until cancelled."""
        while True:
            try:
                await self._list_and_watch()
            except WatchSilent:
                self._observer.watch_silent(self._source.name)
                continue
            except (ApiError, TimeoutError) as error:
                why = _words(error)
                self._alike = self._alike + 1 if type(error) is self._last else 1
                self._last = type(error)
                self.unauthorized = isinstance(error, Unauthorized)
                wait = getattr(error, "retry_after", None) or 0.0
                if isinstance(error, Forbidden | NotFound) and not isinstance(error, Unauthorized):
                    self.last_heard = _now()
                    self.answered.set()
            else:
                continue  # it is time to list again
            self._failures += 1
            self._observer.watch_ended(self._source.name, why, self._alike)
            await asyncio.sleep(max(self._backoff.delay(self._failures, draw=random.random()), wait))

    async def _list_and_watch(self) -> None:
        version = await self._list()
        until = _now() + self._relist
        while _now() < until:
            started = _now()
            version = await self._watch(version, until)
            if _now() - started < SHORTEST_WATCH_SECONDS:
                raise Unavailable("the watch ended as soon as it had begun")

    async def _list(self) -> str:
        """Takes in all there is, and gives its version. It is not kept beside the cache, which moves on."""
        async with asyncio.timeout(self._relist):
            listing = await self._source.list()
        self._cache.replace(listing.items, within=self._source.covers, listed_at=listing.resource_version)
        self._observer.listed(self._source.name, len(listing.items))
        self.last_heard = _now()
        self.unauthorized = False
        self.synced.set()
        self.answered.set()
        return listing.resource_version

    async def _watch(self, version: str, until: float) -> str:
        events, started = self._source.watch(version), _now()
        patient = started
        try:
            async with asyncio.timeout(self._patience(until)) as silence:
                async for event in events:
                    self.last_heard = _now()
                    if self.last_heard - patient > PATIENCE_STEP_SECONDS:
                        patient = self.last_heard
                        silence.reschedule(patient + self._patience(until))
                    if self.last_heard - started >= SHORTEST_WATCH_SECONDS:
                        self._failures = self._alike = 0
                    version = event.resource_version
                    self._take(event)
                    if self.last_heard >= until:
                        return version
        except TimeoutError:
            if _now() < until:
                raise WatchSilent from None
        finally:
            await events.aclose()
        return version

    def _patience(self, until: float) -> float:
        """How long to wait for an event: a while, but not much beyond the time to list again."""
        return min(self._silence, until - _now() + PATIENCE_STEP_SECONDS)

    def _take(self, event: WatchEvent[T]) -> None:
        if event.item is None:
            return
        if event.type is EventType.DELETED:
            self._cache.drop(event.item)
        else:
            self._cache.put(event.item)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _words(error: Exception) -> str:
    if isinstance(error, Expired):
        return "its resource version had expired"
    if isinstance(error, Unauthorized):
        return f"the API server refuses the operator's credentials: {error}"
    return str(error) or "the list did not end in time"
