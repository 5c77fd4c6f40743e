"""The event loop of a simulation: virtual time, and processes whose callbacks can be held back.

A process is whatever runs with its name in the variable `PROCESS`. A paused process runs no callback and no timer, like
one that received SIGSTOP, while the others go on.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from weakref import WeakValueDictionary

START = datetime(2026, 1, 5, 6, 0, tzinfo=UTC)
PROCESS: contextvars.ContextVar[str] = contextvars.ContextVar("process", default="")
"""The simulated process that the running code belongs to; empty for the world itself."""

MOST_ROUNDS = 50_000
"""So many rounds of the loop without time passing are an endless loop."""


ROUND_SECONDS = 1e-6
"""How long a round takes: code that runs takes time, too."""

RESOLUTION_SECONDS = 1e-9
"""Timers that differ by less fire in the same round."""


class EndlessLoop(AssertionError):
    """Callbacks run on and on, and no time passes; or everything waits, and no timer is set."""


_Timer = tuple[float, int, asyncio.TimerHandle]
"""When a timer fires, a number that no other one has, and the timer. Tuples are compared without Python code."""


@dataclass(slots=True)
class _Held:
    """What a paused process would run."""

    ready: list[asyncio.Handle] = field(default_factory=list)
    timers: list[_Timer] = field(default_factory=list)


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop with virtual time."""

    _ready: deque[asyncio.Handle]
    _scheduled: list[_Timer]  # the base class keeps the timers alone
    _stopping: bool

    def __init__(self) -> None:
        self._now = 0.0
        self._utc: datetime | None = START
        self._rounds = 0
        self._held: dict[str, _Held] = {}
        self._tasks: dict[str, WeakValueDictionary[int, asyncio.Task[Any]]] = {}
        self._created = self._timers = 0
        self._slept: dict[str, float] = {}
        super().__init__()

    def time(self) -> float:
        """Seconds since the simulation began, without those that the machine of the running process slept."""
        return self._now - self._slept.get(PROCESS.get(), 0.0) if self._slept else self._now

    def since_boot(self) -> float:
        """Seconds since the simulation began."""
        return self._now

    def utc(self) -> datetime:
        """The true time, from which the clocks of machines may differ."""
        if self._utc is None:
            self._utc = START + timedelta(seconds=self._now)
        return self._utc

    def advance(self, seconds: float) -> None:
        """Lets time pass."""
        self._utc = None
        if seconds > 0:
            self._now += seconds
            self._rounds = 0
            return
        self._now += ROUND_SECONDS
        self._rounds += 1
        if self._rounds > MOST_ROUNDS:
            self._rounds = 0  # what cleans up afterwards has to run
            raise EndlessLoop("callbacks run on and on, and no time passes")

    def call_soon(  # type: ignore[override] # typeshed has TypeVarTuple here
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """Calls back in the next round; holds the callback back if its process is paused."""
        handle = events.Handle(callback, args, self, context)
        held = self._held.get(_process_of(handle)) if self._held else None
        (self._ready if held is None else held.ready).append(handle)
        return handle

    def call_at(  # type: ignore[override] # typeshed has TypeVarTuple here
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Calls back at a time of its clock. Timers of the same time fire in the order in which they were set."""
        timer = asyncio.TimerHandle(when, callback, args, self, context)
        if self._slept:
            when += self._slept.get(PROCESS.get(), 0.0)
        self._timers += 1
        held = self._held.get(_process_of(timer)) if self._held else None
        if held is None:
            heapq.heappush(self._scheduled, (when, self._timers, timer))
        else:
            held.timers.append((when, self._timers, timer))
        timer._scheduled = True  # type: ignore[attr-defined] # noqa: SLF001 - as the base class does it
        return timer

    def _run_once(self) -> None:
        """One round: lets time pass until something is due, and runs all that is. The base class asks a selector."""
        ready, scheduled = self._ready, self._scheduled
        while scheduled and scheduled[0][2]._cancelled:  # noqa: SLF001 - as the base class
            heapq.heappop(scheduled)
        if ready or self._stopping:
            self.advance(0.0)
        elif scheduled:
            self.advance(max(0.0, scheduled[0][0] - self._now))
        else:
            raise EndlessLoop("everything waits, and no timer is set")
        due = self._now + RESOLUTION_SECONDS
        while scheduled and scheduled[0][0] < due:
            ready.append(heapq.heappop(scheduled)[2])
        round_ = tuple(ready)
        ready.clear()
        for handle in round_:
            held = self._held.get(_process_of(handle)) if self._held else None
            if held is not None:  # its process was paused in this round
                held.ready.append(handle)
            elif not handle._cancelled:  # noqa: SLF001 - as the base class does it
                handle._run()  # noqa: SLF001 - as the base class does it

    def pause(self, process: str) -> None:
        """Stops a process; does nothing if it is paused."""
        if process in self._held:
            return
        held = self._held[process] = _Held()
        held.ready = [handle for handle in self._ready if _process_of(handle) == process]
        held.timers = [timer for timer in self._scheduled if _process_of(timer[2]) == process]
        others = [handle for handle in self._ready if _process_of(handle) != process]
        self._ready.clear()
        self._ready.extend(others)
        self._scheduled[:] = [timer for timer in self._scheduled if _process_of(timer[2]) != process]
        heapq.heapify(self._scheduled)

    def resume(self, process: str, *, slept: float = 0.0) -> None:
        """Lets a process go on. Its timers that are overdue fire at once.

        Args:
            process: the process.
            slept: how long its clock stood still, with its timers.
        """
        held = self._held.pop(process, None)
        if held is None:
            return
        if slept:
            self._slept[process] = self._slept.get(process, 0.0) + slept
        self._ready.extend(held.ready)
        for when, number, timer in held.timers:
            if not timer.cancelled():
                heapq.heappush(self._scheduled, (when + slept, number, timer))

    def create_task(  # type: ignore[override] # typeshed knows later parameters
        self, coro: Any, *, name: str | None = None, context: contextvars.Context | None = None
    ) -> asyncio.Task[Any]:
        """Creates a task, and remembers which process it belongs to."""
        task: asyncio.Task[Any] = super().create_task(coro, name=name, context=context)
        process = context.get(PROCESS, "") if context is not None else PROCESS.get()
        if process:
            self._created += 1
            self._tasks.setdefault(process, WeakValueDictionary())[self._created] = task
        return task

    def kill(self, process: str) -> None:
        """Ends all tasks of a process."""
        self.resume(process)
        for _, task in sorted(self._tasks.pop(process, {}).items()):
            task.cancel()

    def is_paused(self, process: str) -> bool:
        """Whether a process is paused."""
        return process in self._held


def _process_of(handle: asyncio.Handle) -> str:
    context: contextvars.Context = handle._context  # type: ignore[attr-defined] # noqa: SLF001 - asyncio gives no other way
    return str(context.get(PROCESS, ""))


def running() -> SimulatedLoop:
    """The loop of the simulation that runs."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimulatedLoop)
    return loop
