"""Workers that take keys from the queue and turn each outcome into queue policy. The one place that catches all."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from .backoff import Backoff
from .fairness import REPORTED_SECONDS, SLOW_SECONDS, Fairness
from .parts import run_parts
from .queue import Queue
from .result import Result

K = TypeVar("K")

MOST_SLOW = 232
"""How many slow reconciles may run beside those that have a turn: each has a task and a request under way."""


class Observer(Protocol[K]):  # type: ignore[misc] # K is only taken in, which is what contravariance would say
    """Logs and counts reconciles."""

    def reconciled(self, key: K, seconds: float, *, failed: bool) -> None:
        """One reconcile took this long."""

    def crashed(self, key: K, error: Exception, failures: int) -> None:
        """A reconcile raised an error; `failures` counts errors of the same class in a row."""

    def slowed(self, key: K) -> None:
        """A reconcile of this key is slow, and its group is not reported as slow yet."""


@dataclass(slots=True)
class _Running:
    """A reconcile under way.

    Attributes:
        started: monotonic time.
        has_turn: whether it holds one of the turns.
        slow: whether it gave its turn away because it is slow.
        timer: fires when it has become slow.
    """

    started: float
    has_turn: bool = True
    slow: bool = False
    timer: asyncio.TimerHandle | None = None

    def stop_timer(self) -> None:
        """Stops the timer."""
        if self.timer:
            self.timer.cancel()


class Controller(Generic[K]):
    """Runs reconciles, a limited number at a time.

    A reconcile holds one of the turns. One that is slow gives its turn away, and so does each further reconcile of its
    group from the start, while the group is slow: requests that hang in one namespace never hold the turns that the
    other namespaces need (ADR 18).

    Args:
        queue: where keys come from.
        reconcile: reconciles one key.
        observer: logs and counts the reconciles.
        workers: how many reconciles may run at a time, slow ones aside.
        clock: gives the wall-clock time.
        fairness: that of the queue; bounds the slow ones of each group.
        monotonic: gives seconds, for durations.
    """

    def __init__(
        self,
        *,
        queue: Queue[K],
        reconcile: Callable[[K], Awaitable[Result]],
        observer: Observer[K],
        workers: int,
        clock: Callable[[], datetime],
        fairness: Fairness[K],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queue = queue
        self._fairness = fairness
        self._slow = 0
        self._reconcile = reconcile
        self._observer = observer
        self._clock = clock
        self._monotonic = monotonic
        self._failures: dict[K, tuple[type[Exception] | None, int]] = {}
        self._backoff = Backoff(base=0.2, cap=60.0, floor=0.05)
        self._running: dict[K, _Running] = {}
        self._retry_after: dict[K, float] = {}
        self._turns = asyncio.Semaphore(workers)

    async def run(self) -> None:
        """Works until cancelled. Raises the error of a task that failed, PartEnded when one ended without an error."""
        await run_parts({"queue timer": self._queue.run(), "dequeue": self._dequeue()})

    async def _dequeue(self) -> None:
        async with asyncio.TaskGroup() as group:
            while True:
                async with self._turns:
                    pass  # no key is dequeued before a worker is free: a key with a higher priority may come
                key = await self._queue.get()
                await self._turns.acquire()
                group.create_task(self._process(key), name=f"reconcile {key}")

    @asynccontextmanager
    async def waiting(self, key: K) -> AsyncIterator[None]:
        """Gives the turn of a reconcile to others while it waits for something other than the API server.

        Otherwise keys with a long wait would block all others. After the wait, the reconcile queues for a turn again.
        """
        running = self._running.pop(key, None)
        if running is None:
            yield
            return
        self._release(running)
        self._queue.pause(key)
        try:
            yield
        finally:
            self._queue.resume(key)
            await self._turns.acquire()
            self._begin(key)

    def _begin(self, key: K) -> None:
        """Counts a reconcile that has just obtained a turn."""
        running = self._running[key] = _Running(self._monotonic())
        if self._fairness.is_slow(key):
            self._set_aside(running)
        running.timer = asyncio.get_running_loop().call_later(SLOW_SECONDS, self._became_slow, key, running)

    def _release(self, running: _Running) -> None:
        """Ends the count of a reconcile."""
        running.stop_timer()
        self._give_turn_away(running)
        self._slow -= running.slow

    def _became_slow(self, key: K, running: _Running) -> None:
        self._fairness.mark_slow(key)
        self._set_aside(running)
        wait = REPORTED_SECONDS - SLOW_SECONDS
        running.timer = asyncio.get_running_loop().call_later(wait, self._stays_slow, key)

    def _stays_slow(self, key: K) -> None:
        if self._fairness.mark_reported(key):
            self._observer.slowed(key)

    def _set_aside(self, running: _Running) -> None:
        """Lets another reconcile have the turn of a slow one, unless there are too many slow ones."""
        if running.has_turn and self._slow < MOST_SLOW:
            self._slow += 1
            running.slow = True
            self._give_turn_away(running)

    def _give_turn_away(self, running: _Running) -> None:
        if running.has_turn:
            running.has_turn = False
            self._turns.release()

    async def drain(self, seconds: float) -> None:
        """Takes no more keys, and waits so many seconds for the reconciles under way to end."""
        self._queue.close()
        try:
            async with asyncio.timeout(seconds):
                await self._queue.idle()
        except TimeoutError:
            return  # every write has preconditions: what is abandoned is safe

    def stuck_for(self) -> float:
        """Seconds without progress: since the queue's timer last ticked, or the oldest reconcile began."""
        now = self._monotonic()
        return now - min([self._queue.last_tick, *(one.started for one in self._running.values())])

    def _defer(self, key: K) -> bool:
        """Requeues the key until its Retry-After has elapsed; returns whether it did."""
        rest = self._retry_after.get(key, 0.0) - asyncio.get_running_loop().time()
        if rest > 0:
            self._queue.add_at(key, self._clock() + timedelta(seconds=rest))
            return True
        self._retry_after.pop(key, None)
        return False

    async def _process(self, key: K) -> None:
        self._begin(key)
        try:
            if not self._defer(key):
                await self._run_reconcile(key)
        finally:
            running = self._running.pop(key, None)  # there is none when it was cancelled while it waited
            if running:
                self._release(running)
            self._queue.done(key)

    async def _run_reconcile(self, key: K) -> None:
        started = self._monotonic()
        try:
            result = await self._reconcile(key)
        except Exception as error:  # noqa: BLE001 - one resource's failure must not end the others
            failures = self._retry(key, type(error), getattr(error, "retry_after", None))
            self._observer.crashed(key, error, failures)
            failed = True
        else:
            if result.awaiting_token:
                return
            failed = result.failed
            self._schedule(key, result)
        self._observer.reconciled(key, self._monotonic() - started, failed=failed)

    def _schedule(self, key: K, result: Result) -> None:
        if result.failed:
            self._retry(key, None, None)
            return
        self._failures.pop(key, None)
        if result.again_at is None:
            self._queue.forget(key)
        else:
            self._queue.add_at(key, result.again_at)

    def _retry(self, key: K, kind: type[Exception] | None, retry_after: float | None) -> int:
        """Schedules another attempt; gives how many in a row have failed in this way."""
        last, failures = self._failures.get(key, (None, 0))
        failures = failures + 1 if last is kind else 1
        self._failures[key] = (kind, failures)
        wait = max(self._backoff.delay(failures, draw=random.random()), retry_after or 0.0)
        if retry_after:
            self._retry_after[key] = asyncio.get_running_loop().time() + retry_after
        self._queue.add_at(key, self._clock() + timedelta(seconds=wait))
        return failures
