"""Whatever part of the process ends, it is noticed, and the others are stopped."""

from __future__ import annotations

import asyncio

import pytest

from ecr_secret_operator.runtime.parts import PartEnded, run_parts


class Parts:
    """Two parts that run until they are cancelled, and a third that a test makes."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.cancelled: list[str] = []
        self.drained = False

    async def lasting(self, name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.append(name)

    async def drain(self) -> None:
        assert not self.cancelled, "the parts still run"
        self.drained = True


async def _fails() -> None:
    raise ZeroDivisionError("a bug")


async def _returns() -> None:
    return


async def test_they_run_until_told_to_stop() -> None:
    parts = Parts()
    both = {name: parts.lasting(name) for name in ("one", "two")}
    running = asyncio.create_task(run_parts(both, parts.stop, before_end=parts.drain))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    parts.stop.set()
    await running
    assert parts.drained
    assert sorted(parts.cancelled) == ["one", "two"]


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_whichever_fails_is_noticed(place: int) -> None:
    parts = Parts()
    all_parts = [("one", parts.lasting("one")), ("two", parts.lasting("two"))]
    all_parts.insert(place, ("broken", _fails()))
    with pytest.raises(ZeroDivisionError):
        await run_parts(dict(all_parts), parts.stop, before_end=parts.drain)
    assert parts.drained
    assert sorted(parts.cancelled) == ["one", "two"]


@pytest.mark.parametrize("place", [0, 1])
async def test_whichever_returns_is_noticed(place: int) -> None:
    parts = Parts()
    all_parts = [("one", parts.lasting("one"))]
    all_parts.insert(place, ("short", _returns()))
    with pytest.raises(PartEnded, match="task 'short' ended, although it has to run as long as the operator"):
        await run_parts(dict(all_parts), parts.stop, before_end=parts.drain)
    assert parts.cancelled == ["one"]


async def test_one_that_fails_while_all_stop_is_noticed_too() -> None:
    parts = Parts()

    async def sore() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ZeroDivisionError("a bug") from None

    running = asyncio.create_task(run_parts({"sore": sore()}, parts.stop, before_end=parts.drain))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    parts.stop.set()
    with pytest.raises(ZeroDivisionError):
        await running


@pytest.mark.parametrize("place", [0, 1])
async def test_whichever_is_cancelled_by_somebody_else_is_noticed(place: int) -> None:
    """asyncio.TaskGroup takes no notice of it."""
    parts = Parts()
    names = ["one", "two"]
    running = asyncio.create_task(run_parts({name: parts.lasting(name) for name in names}))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    next(task for task in asyncio.all_tasks() if task.get_name() == names[place]).cancel()
    with pytest.raises(PartEnded, match=f"task '{names[place]}' ended"):
        await running
    assert sorted(parts.cancelled) == names


async def test_without_a_signal_to_stop_they_run_until_all_are_cancelled() -> None:
    parts = Parts()
    running = asyncio.create_task(run_parts({name: parts.lasting(name) for name in ("one", "two")}))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert sorted(parts.cancelled) == ["one", "two"]
