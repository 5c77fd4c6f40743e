"""Workers that take keys from the queue and turn each outcome into queue policy. The one place that catches all."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

from ..domain.backoff import Backoff
from .queue import Queue

K = TypeVar("K")


class Result(Protocol):
    """What a reconcile says to the queue."""

    @property
    def again_at(self) -> datetime | None:
        """When to come again although nothing changes."""

    @property
    def failed(self) -> bool:
        """Whether to back off and try again."""

    @property
    def parked(self) -> bool:
        """Whether it did not come to an end, and something that is under way wakes it."""


class Observer(Protocol[K]):  # type: ignore[misc] # K is only taken in, which is what contravariance would say
    """Is told how reconciles end."""

    def reconciled(self, key: K, seconds: float, *, failed: bool) -> None:
        """One reconcile took this long."""

    def crashed(self, key: K, error: Exception, failures: int) -> None:
        """A reconcile raised, so many times in a row the same kind of error."""


class Controller(Generic[K]):
    """Runs reconciles, so many at a time.

    Args:
        queue: where keys come from.
        reconcile: brings one key to where it should be.
        observer: is told of each.
        workers: how many reconciles may run at a time; this bounds the requests to the API server.
        clock: gives the wall-clock time.
    """

    def __init__(
        self,
        *,
        queue: Queue[K],
        reconcile: Callable[[K], Awaitable[Result]],
        observer: Observer[K],
        workers: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._queue = queue
        self._reconcile = reconcile
        self._observer = observer
        self._workers = workers
        self._clock = clock
        self._failures: dict[K, tuple[type[Exception] | None, int]] = {}
        self._backoff = Backoff(base=0.2, cap=60.0, floor=0.05)
        self._started: dict[K, float] = {}
        self._not_before: dict[K, float] = {}
        self._group: asyncio.TaskGroup | None = None
        self._surplus = 0
        self._turns = asyncio.Semaphore(workers)

    async def run(self) -> None:
        """Works until cancelled."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self._queue.run(), name="queue timer")
            for number in range(self._workers):
                group.create_task(self._work(), name=f"worker {number}")

    @asynccontextmanager
    async def waiting(self, key: K) -> AsyncIterator[None]:
        """For a reconcile that waits for something else than the API server: another one takes its turn meanwhile.

        Else as many keys as there are workers, whose wait is long, would keep all others from being looked at. When the
        wait is over it queues for a turn like all others.
        """
        started = self._started.pop(key, None)
        if self._group is None or started is None:
            yield
            return
        self._turns.release()
        self._group.create_task(self._work(), name="worker in place of one that waits")
        try:
            yield
        finally:
            self._surplus += 1
            await self._turns.acquire()
            self._started[key] = time.monotonic()

    async def drain(self, seconds: float) -> None:
        """Takes no more keys, and gives the reconciles under way this long to end."""
        self._queue.close()
        try:
            async with asyncio.timeout(seconds):
                await self._queue.idle()
        except TimeoutError:
            return  # every write has preconditions: what is abandoned is safe

    def stuck_for(self) -> float:
        """Seconds without progress: since the queue's timer last ticked, or the oldest reconcile began."""
        now = time.monotonic()
        return now - min([self._queue.last_tick, *self._started.values()])

    async def _work(self) -> None:
        while True:
            key = await self._queue.get()
            try:
                if self._comes_too_soon(key):
                    continue
                async with self._turns:
                    await self._process(key)
            finally:
                self._queue.done(key)
            if self._surplus:
                self._surplus -= 1
                return

    def _comes_too_soon(self, key: K) -> bool:
        """Whether the server asked not to be asked yet, whatever has changed meanwhile; it then comes in time."""
        rest = self._not_before.get(key, 0.0) - asyncio.get_running_loop().time()
        if rest > 0:
            self._queue.add_at(key, self._clock() + timedelta(seconds=rest))
            return True
        self._not_before.pop(key, None)
        return False

    async def _process(self, key: K) -> None:
        started = self._started[key] = time.monotonic()
        try:
            result = await self._reconcile(key)
        except Exception as error:  # noqa: BLE001 - one resource's failure must not end the others
            failures = self._retry(key, type(error), getattr(error, "retry_after", None))
            self._observer.crashed(key, error, failures)
            failed = True
        else:
            if result.parked:
                return
            failed = result.failed
            self._schedule(key, result)
        finally:
            self._started.pop(key, None)
        self._observer.reconciled(key, time.monotonic() - started, failed=failed)

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
            self._not_before[key] = asyncio.get_running_loop().time() + retry_after
        self._queue.add_at(key, self._clock() + timedelta(seconds=wait))
        return failures
