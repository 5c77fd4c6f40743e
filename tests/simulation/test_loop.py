"""Processes that stand still, and machines that sleep."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable

from tests.simulation.loop import PROCESS, SimulatedLoop, running

WAIT_SECONDS, AWAY_SECONDS = 10.0, 100.0


def woken_at(stop: Callable[[SimulatedLoop], None], go_on: Callable[[SimulatedLoop], None]) -> tuple[float, float]:
    """When a process wakes that waits for ten seconds and is stopped for a hundred: the true time, and by its clock."""
    found: list[tuple[float, float]] = []

    async def process() -> None:
        loop = running()
        started = loop.time()
        await asyncio.sleep(WAIT_SECONDS)
        found.append((loop.since_boot(), loop.time() - started))

    async def world() -> None:
        context = contextvars.copy_context()
        context.run(PROCESS.set, "one")
        task = running().create_task(process(), context=context)
        await asyncio.sleep(1.0)
        stop(running())
        await asyncio.sleep(AWAY_SECONDS)
        go_on(running())
        await task

    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        runner.run(world())
    (woken,) = found
    return round(woken[0], 3), round(woken[1], 3)


def test_a_timer_of_a_paused_process_fires_as_soon_as_it_goes_on() -> None:
    assert woken_at(lambda loop: loop.pause("one"), lambda loop: loop.resume("one")) == (101.0, 101.0)


def test_the_clock_of_a_machine_that_sleeps_stands_still() -> None:
    ended = woken_at(lambda loop: loop.pause("one"), lambda loop: loop.resume("one", slept=AWAY_SECONDS))
    assert ended == (WAIT_SECONDS + AWAY_SECONDS, WAIT_SECONDS)


def test_a_process_that_stops_itself_runs_no_further() -> None:
    ran: list[float] = []

    async def process() -> None:
        running().pause("one")
        await asyncio.sleep(0)
        ran.append(running().since_boot())

    async def world() -> None:
        context = contextvars.copy_context()
        context.run(PROCESS.set, "one")
        task = running().create_task(process(), context=context)
        running().call_later(5.0, lambda: running().resume("one"))
        await task

    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        runner.run(world())
    assert [round(one, 3) for one in ran] == [5.0]
