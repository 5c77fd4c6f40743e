"""Informers that run only while something needs them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from enum import Enum, auto
from functools import partial
from typing import Generic, Protocol, TypeVar

from .parts import PartEnded

N = TypeVar("N", bound=Hashable)


class RunningReflector(Protocol):
    """The part of a reflector that is used here."""

    @property
    def synced(self) -> asyncio.Event:
        """Set once the first list is in the cache."""

    @property
    def answered(self) -> asyncio.Event:
        """Set once the API server has answered, also with a refusal."""

    async def run(self) -> None:
        """Watches until cancelled."""


class SyncState(Enum):
    """How far an informer is."""

    SYNCED = auto()
    """All that exists is in the cache."""

    PENDING = auto()
    """It does not run, or the API server has not answered yet."""

    FORBIDDEN = auto()
    """The API server refuses to list."""


class DynamicInformers(Generic[N]):
    """Starts and stops reflectors by need.

    Args:
        reflector: creates the reflector for a need. It feeds a cache of the caller's.
        settled: called when the state of a need changes from PENDING, and from FORBIDDEN to SYNCED.
    """

    def __init__(self, reflector: Callable[[N], RunningReflector], *, settled: Callable[[N], None]) -> None:
        self._reflector = reflector
        self._settled = settled
        self._running: dict[N, tuple[RunningReflector, tuple[asyncio.Task[None], ...]]] = {}
        self._broken = asyncio.Event()
        self._error: BaseException | None = None

    def __contains__(self, need: N) -> bool:
        return need in self._running

    def start(self, need: N) -> None:
        """Starts a reflector, unless it runs already."""
        if need in self._running:
            return
        reflector = self._reflector(need)
        watching = asyncio.create_task(reflector.run(), name=f"watch {need}")
        settling = asyncio.create_task(self._settle(need, reflector), name=f"first list of {need}")
        watching.add_done_callback(partial(self._watch_ended, need))
        settling.add_done_callback(self._settle_ended)
        self._running[need] = (reflector, (watching, settling))

    def stop(self, need: N) -> None:
        """Stops a reflector at once. An event that is on its way does not reach the cache."""
        _, tasks = self._running.pop(need, (None, ()))
        for task in tasks:
            task.cancel()

    def state(self, need: N) -> SyncState:
        """The state of the reflector for a need; PENDING if none runs."""
        reflector, _ = self._running.get(need, (None, None))
        if reflector is None or not reflector.answered.is_set():
            return SyncState.PENDING
        return SyncState.SYNCED if reflector.synced.is_set() else SyncState.FORBIDDEN

    async def run(self) -> None:
        """Waits until cancelled, and then stops all reflectors.

        Raises:
            PartEnded: a reflector ended without an error, although it was not stopped.
            Exception: the error that a reflector ended with.
        """
        try:
            await self._broken.wait()
        finally:
            for need in list(self._running):
                self.stop(need)
        if self._error:
            raise self._error

    async def _settle(self, need: N, reflector: RunningReflector) -> None:
        await reflector.answered.wait()
        self._settled(need)
        if not reflector.synced.is_set():
            await reflector.synced.wait()
            self._settled(need)

    def _watch_ended(self, need: N, task: asyncio.Task[None]) -> None:
        _, tasks = self._running.get(need, (None, ()))
        if task in tasks:
            error = None if task.cancelled() else task.exception()
            self._fail(error or PartEnded.of(task.get_name()))

    def _settle_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._error = error
        self._broken.set()
