"""The work queue: keys, each at most once, never with two workers at a time, now or at a later time.

The semantics of client-go's workqueue (`util/workqueue`): a key added while it is being worked on comes again after.
Later times are wall-clock times, since a token's expiry is one: a host that slept, or whose clock was set, finds what
is due within one tick.
"""

from __future__ import annotations

import asyncio
import heapq
import time
from collections import deque
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

TICK = timedelta(seconds=10)
"""The longest sleep, after which the wall clock is looked at again."""


class Queue(Generic[K]):
    """Keys to work on. Not for use from several threads.

    Args:
        clock: gives the wall-clock time.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._ready: deque[K] = deque()
        self._waiting: set[K] = set()
        self._working: set[K] = set()
        self._again: set[K] = set()
        self._at: dict[K, datetime] = {}
        self._heap: list[tuple[datetime, int, K]] = []
        self._entries = 0
        self._getters: deque[asyncio.Future[None]] = deque()
        self._earlier = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self.last_tick = time.monotonic()

    def __len__(self) -> int:
        return len(self._ready)

    @property
    def scheduled(self) -> int:
        """How many keys wait for a later time."""
        return len(self._at)

    def add(self, key: K) -> None:
        """Makes a key ready; nothing changes if it is already."""
        if key in self._working:
            self._again.add(key)
        elif key not in self._waiting:
            self._waiting.add(key)
            self._ready.append(key)
            self._wake_one()

    def add_at(self, key: K, when: datetime) -> None:
        """Makes a key ready at a time, in place of the time it had before, if any."""
        if self._at.get(key) == when:
            return
        self._at[key] = when
        self._entries += 1
        heapq.heappush(self._heap, (when, self._entries, key))
        if self._heap[0][2] == key:
            self._earlier.set()

    def forget(self, key: K) -> None:
        """Takes back the later time of a key."""
        self._at.pop(key, None)

    def close(self) -> None:
        """Hands out no more keys."""
        self._closed = True

    async def idle(self) -> None:
        """Waits until no key is being worked on."""
        await self._idle.wait()

    async def get(self) -> K:
        """Waits for a key and hands it to this worker, who says `done` afterwards."""
        while self._closed or not self._ready:
            getter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._getters.append(getter)
            try:
                await getter
            except asyncio.CancelledError:
                if getter.done() and not getter.cancelled():
                    self._wake_one()  # the wake-up was for another one then
                raise
        key = self._ready.popleft()
        self._waiting.discard(key)
        self._working.add(key)
        self._idle.clear()
        return key

    def done(self, key: K) -> None:
        """Ends the work on a key; it is ready again if it was added meanwhile."""
        self._working.discard(key)
        if not self._working:
            self._idle.set()
        if key in self._again:
            self._again.discard(key)
            self.add(key)

    async def run(self) -> None:
        """Makes keys ready when their time has come, until cancelled. One timer, however many keys wait."""
        while True:
            self.last_tick = time.monotonic()
            self._release()
            self._earlier.clear()
            pause = TICK.total_seconds()
            if self._heap:
                pause = min(pause, (self._heap[0][0] - self._clock()).total_seconds())
            if pause > 0:
                try:
                    async with asyncio.timeout(pause):
                        await self._earlier.wait()
                except TimeoutError:
                    pass

    def _release(self) -> None:
        now = self._clock()
        while self._heap:
            when, _, key = self._heap[0]
            stale = self._at.get(key) != when
            if not stale and when > now:
                return
            heapq.heappop(self._heap)
            if not stale:
                del self._at[key]
                self.add(key)

    def _wake_one(self) -> None:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return
