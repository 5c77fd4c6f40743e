"""The work queue: keys, each at most once, never with two workers at a time, now or at a later time.

The semantics of client-go's workqueue (`util/workqueue`): a key added while it is being worked on comes again after.
Later times are wall-clock times, since a token's expiry is one: a host that slept, or whose clock was set, finds what
is due within one tick. Where the clock was set back, those times may never have been meant: everything is looked
at once, and says again when it is due.

There are two lanes. Keys that a user waits for go first: a resource that was just created does not wait behind ten
thousand that are due. Every fourth key comes from the low-priority lane, so that it is never starved. In both lanes the
groups of keys (namespaces) take turns, and a group that has as many keys in process as it may have is passed over.
"""

from __future__ import annotations

import asyncio
import heapq
import sys
import time
from collections import deque
from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from .fairness import Fairness
from .lanes import Lane

K = TypeVar("K", bound=Hashable)

TICK = timedelta(seconds=10)
"""The longest sleep, after which the wall clock is read again."""

SET_BACK = timedelta(seconds=2)
"""A wall clock that lost so much on the monotonic one was set: slewing takes 5 ms of a tick at most (ntpd: 500 ppm)."""

LOW_PRIORITY_TURNS = 4
"""Of so many keys one has low priority, while there are both."""


def ignore(_key: object, /, *, low_priority: bool = False) -> None:
    """An `Enqueue` that does nothing, for use before there is a queue."""


class Queue(Generic[K]):
    """The work queue. Not thread-safe.

    Args:
        clock: gives the wall-clock time.
        fairness: bounds the keys of each group; by default, all keys are one group without a bound.
        monotonic: gives seconds, for durations.
    """

    def __init__(
        self,
        clock: Callable[[], datetime],
        fairness: Fairness[K] | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._fairness = fairness or Fairness(group_of=lambda _key: None, at_a_time=sys.maxsize)
        self._ready: Lane[K] = Lane()
        self._low_priority: Lane[K] = Lane()
        self._waiting: dict[K, bool] = {}
        self._turn = 0
        self._working: dict[K, bool] = {}
        self._again: dict[K, bool] = {}
        self._at: dict[K, datetime] = {}
        self._heap: list[tuple[datetime, int, K]] = []
        self._entries = 0
        self._getters: deque[asyncio.Future[None]] = deque()
        self._earlier = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self.last_tick = monotonic()

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def scheduled(self) -> int:
        """How many keys wait for a later time."""
        return len(self._at)

    def add(self, key: K, *, low_priority: bool = False) -> None:
        """Makes a key ready. For a key that is ready already, this can only raise its priority.

        Args:
            key: to be worked on.
            low_priority: other keys come first.
        """
        if key in self._working:
            self._again[key] = low_priority and self._again.get(key, True)
        elif self._waiting.get(key) is None or (self._waiting[key] and not low_priority):
            known = key in self._waiting
            self._waiting[key] = low_priority
            (self._low_priority if low_priority else self._ready).add(self._fairness.group_of(key), key)
            if not known:
                self._wake_one()

    def add_at(self, key: K, when: datetime) -> None:
        """Makes a key ready at a time, which replaces an earlier time of the key."""
        if self._at.get(key) == when:
            return
        self._at[key] = when
        self._entries += 1
        heapq.heappush(self._heap, (when, self._entries, key))
        if self._heap[0][2] == key:
            self._earlier.set()

    def forget(self, key: K) -> None:
        """Cancels the time at which a key becomes ready."""
        self._at.pop(key, None)

    def close(self) -> None:
        """Stops handing out keys."""
        self._closed = True

    async def idle(self) -> None:
        """Waits until no key is in process."""
        await self._idle.wait()

    async def get(self) -> K:
        """Waits for a key and returns it. The worker calls `done` afterwards."""
        while (found := None if self._closed else self._next()) is None:
            getter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._getters.append(getter)
            try:
                await getter
            except asyncio.CancelledError:
                if getter.done() and not getter.cancelled():
                    self._wake_one()  # the wake-up was for another one then
                raise
        key, low_priority = found
        self._working[key] = low_priority
        self._fairness.start(key)
        self._idle.clear()
        return key

    def is_low_priority(self, key: K) -> bool:
        """Whether a key in process came from the low-priority lane."""
        return self._working.get(key, False)

    def _next(self) -> tuple[K, bool] | None:
        """The next key of a group that has room, and whether it has low priority; None when there is none."""
        turn = (self._turn + 1) % LOW_PRIORITY_TURNS
        for low_priority in (True, False) if turn == 0 else (False, True):
            lane = self._low_priority if low_priority else self._ready
            while (key := lane.pop(self._fairness.has_room)) is not None:
                if (
                    self._waiting.get(key) is low_priority
                ):  # otherwise it was moved to the front, or has been handed out
                    del self._waiting[key]
                    self._turn = turn
                    return key, low_priority
        return None

    def pause(self, key: K) -> None:
        """Stops counting a key for its group, while the key waits for something other than the API server."""
        self._fairness.end(key)
        self._unblock(key)

    def resume(self, key: K) -> None:
        """Counts a paused key for its group again."""
        self._fairness.start(key)

    def done(self, key: K) -> None:
        """Ends the processing of a key. It is ready again if it was added meanwhile."""
        if self._working.pop(key, None) is not None:
            self._fairness.end(key)
            self._unblock(key)
        if not self._working:
            self._idle.set()
        if key in self._again:
            self.add(key, low_priority=self._again.pop(key))

    async def run(self) -> None:
        """Makes keys ready when their time has come, until cancelled. One timer serves all keys."""
        ahead = self._ahead()
        while True:
            self.last_tick = self._monotonic()
            before, ahead = ahead, self._ahead()
            if ahead < before - SET_BACK:
                self._release_all()
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

    def _ahead(self) -> datetime:
        """How far the wall clock is ahead of the monotonic one, from an arbitrary beginning."""
        return self._clock() - timedelta(seconds=asyncio.get_running_loop().time())

    def _release_all(self) -> None:
        keys = tuple(self._at)
        self._at.clear()
        self._heap.clear()
        for key in keys:
            self.add(key, low_priority=True)

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
                self.add(key, low_priority=True)

    def _unblock(self, key: K) -> None:
        """Lets the group of a key take turns again, once it may have room."""
        group = self._fairness.group_of(key)
        for lane in (self._ready, self._low_priority):
            if lane.unblock(group):
                self._wake_one()

    def _wake_one(self) -> None:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(None)
                return
