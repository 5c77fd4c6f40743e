"""Watches that run only while something needs them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from enum import Enum, auto
from typing import Generic, Protocol, TypeVar

N = TypeVar("N", bound=Hashable)


class Watching(Protocol):
    """A watcher, as far as it matters here."""

    @property
    def synced(self) -> asyncio.Event:
        """Set once all is in the cache."""

    @property
    def answered(self) -> asyncio.Event:
        """Set once the server answered at all."""

    async def run(self) -> None:
        """Watches until cancelled."""


class Sight(Enum):
    """What is known of something that is watched."""

    CLEAR = auto()
    NOT_YET = auto()
    REFUSED = auto()


class OnDemand(Generic[N]):
    """Starts and stops watches by need.

    Args:
        watcher: makes the watcher for a need; its cache is the maker's.
        settled: told when it is first known what there is to see, and when that changes from refused to clear.
    """

    def __init__(self, watcher: Callable[[N], Watching], *, settled: Callable[[N], None]) -> None:
        self._watcher = watcher
        self._settled = settled
        self._running: dict[N, tuple[Watching, tuple[asyncio.Task[None], ...]]] = {}
        self._broken = asyncio.Event()
        self._error: BaseException | None = None

    def __contains__(self, need: N) -> bool:
        return need in self._running

    def start(self, need: N) -> None:
        """Starts to watch, unless that is done already."""
        if need in self._running:
            return
        watcher = self._watcher(need)
        watching = asyncio.create_task(watcher.run(), name=f"watch {need}")
        settling = asyncio.create_task(self._settle(need, watcher), name=f"first sight of {need}")
        for task in (watching, settling):
            task.add_done_callback(self._ended)
        self._running[need] = (watcher, (watching, settling))

    def stop(self, need: N) -> None:
        """Stops to watch, at once: nothing that was on its way is taken in any more."""
        _, tasks = self._running.pop(need, (None, ()))
        for task in tasks:
            task.cancel()

    def sight(self, need: N) -> Sight:
        """What is known of it; NOT_YET for what is not watched."""
        watcher, _ = self._running.get(need, (None, None))
        if watcher is None or not watcher.answered.is_set():
            return Sight.NOT_YET
        return Sight.CLEAR if watcher.synced.is_set() else Sight.REFUSED

    async def run(self) -> None:
        """Waits until cancelled, and stops all watches then. Raises what a watch should not have raised."""
        try:
            await self._broken.wait()
        finally:
            for need in list(self._running):
                self.stop(need)
        if self._error:
            raise self._error

    async def _settle(self, need: N, watcher: Watching) -> None:
        await watcher.answered.wait()
        self._settled(need)
        if not watcher.synced.is_set():
            await watcher.synced.wait()
            self._settled(need)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception():
            self._error = task.exception()
            self._broken.set()
