"""Time that passes only when nothing else is to be done: hours of back-off in milliseconds, and always the same.

The event loop's clock jumps to the next timer as soon as no callback is ready. When there is no timer either, the test
waits for something that can never come, which is an error at once and not a hang.
"""

from __future__ import annotations

import asyncio
import functools
import selectors
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec

P = ParamSpec("P")

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_MOST_ROUNDS = 20_000


class DeadEnd(AssertionError):
    """Nothing is ready and no timer is set, or nothing but callbacks runs and time stands still."""


class _JumpingSelector(selectors.DefaultSelector):
    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        if found or (timeout is not None and timeout <= 0):
            self.loop.spin()
            return found
        if timeout is None:
            raise DeadEnd("everything waits, and no timer is set")
        self.loop.jump(timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop with a clock of its own.

    Attributes:
        skew: what the wall clock is ahead of that clock; a test sets it to move the wall clock alone.
    """

    def __init__(self) -> None:
        selector = _JumpingSelector()
        selector.loop = self
        self._now = 1_000.0
        self._spins = 0
        self.skew = timedelta(0)
        super().__init__(selector)

    def time(self) -> float:
        """The monotonic clock."""
        return self._now

    def now(self) -> datetime:
        """The wall clock."""
        return START + timedelta(seconds=self._now - 1_000.0) + self.skew

    def jump(self, seconds: float) -> None:
        """Lets time pass."""
        self._now += seconds
        self._spins = 0

    def spin(self) -> None:
        """Counts a round in which no time passed."""
        self._spins += 1
        if self._spins > _MOST_ROUNDS:
            self._spins = 0  # what cleans up afterwards has to run
            raise DeadEnd("callbacks run on and on, and no time passes")


def running() -> VirtualLoop:
    """The loop of the test that runs."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


def elapsed() -> float:
    """Seconds since the test began."""
    return running().time() - 1_000.0


def in_virtual_time(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Runs a test on a virtual clock. What a callback or a task raised that nothing waited for fails the test, too."""

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        errors: list[dict[str, Any]] = []
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            runner.get_loop().set_exception_handler(lambda _loop, context: errors.append(context))
            runner.run(test(*args, **kwargs))
        assert errors == []

    return run


async def settle() -> None:
    """Lets everything run that can run now."""
    for _ in range(20):
        await asyncio.sleep(0)


class Background:
    """Runs a coroutine beside the test and ends it afterwards. What it raises fails the test."""

    def __init__(self, *coroutines: Coroutine[Any, Any, Any]) -> None:
        self._coroutines = coroutines
        self.tasks: list[asyncio.Task[Any]] = []

    async def __aenter__(self) -> list[asyncio.Task[Any]]:
        self.tasks = [asyncio.create_task(coroutine) for coroutine in self._coroutines]
        await settle()
        return self.tasks

    async def __aexit__(self, *_problem: object) -> None:
        for task in self.tasks:
            task.cancel()
        results = await asyncio.gather(*self.tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result
