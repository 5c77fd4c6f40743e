"""Groups of keys do not hold up one another, however slow one of them is."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from ecr_secret_operator.runtime.controller import MOST_SLOW
from ecr_secret_operator.runtime.fairness import (
    REPORT_EVERY_SECONDS,
    SLOW_AT_A_TIME,
    SLOW_FOR_SECONDS,
    SLOW_SECONDS,
)
from ecr_secret_operator.runtime.queue import Queue
from ecr_secret_operator.runtime.result import Result
from tests.runtime.controllers import a_controller, a_fairness
from tests.virtual_time import Background, elapsed, in_virtual_time, running, settle


class World:
    """Reconciles that take 30 s in groups whose name begins with `slow`, and 10 ms in all others."""

    def __init__(self) -> None:
        self.running: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.done: dict[str, float] = {}
        self.healed = False

    async def reconcile(self, key: str) -> Result:
        group = key.partition("/")[0]
        self.running[group] += 1
        self.most[group] = max(self.most[group], self.running[group])
        await asyncio.sleep(30 if group.startswith("slow") and not self.healed else 0.01)
        self.running[group] -= 1
        self.done[key] = elapsed()
        return Result()


@pytest.mark.parametrize("slow_groups", [1, 5])
def test_slow_groups_do_not_delay_the_others(slow_groups: int) -> None:
    @in_virtual_time
    async def scenario() -> None:
        world = World()
        setup = a_controller(world.reconcile, workers=24, at_a_time=18)
        async with Background(setup.controller.run()):
            for group in range(slow_groups):
                for number in range(200):
                    setup.queue.add(f"slow-{group}/{number}")
            for second in range(120):
                key, added = f"other/{second}", elapsed()
                setup.queue.add(key)
                await asyncio.sleep(1)
                assert world.done[key] - added < 0.6
        for group in range(slow_groups):
            assert world.most[f"slow-{group}"] <= 18
        assert len(setup.seen.slow) == slow_groups

    scenario()


@in_virtual_time
async def test_of_a_slow_group_few_keys_are_processed_at_a_time_and_all_of_them_in_the_end() -> None:
    world = World()
    setup = a_controller(world.reconcile, workers=4, at_a_time=3)
    async with Background(setup.controller.run()):
        for number in range(20):
            setup.queue.add(f"slow/{number}")
        await asyncio.sleep(0.1)
        assert world.running["slow"] == 3
        await asyncio.sleep(60)
        world.most.clear()
        await asyncio.sleep(300)
    assert world.most["slow"] == SLOW_AT_A_TIME
    assert len(world.done) == 20


@in_virtual_time
async def test_a_group_that_is_fast_again_is_like_all_others_after_a_minute() -> None:
    world = World()
    setup = a_controller(world.reconcile, workers=12, at_a_time=9)
    async with Background(setup.controller.run()):
        setup.queue.add("slow/first")
        await asyncio.sleep(31)
        world.healed = True
        for number in range(8):
            setup.queue.add(f"slow/{number}")
        await settle()
        assert world.running["slow"] == SLOW_AT_A_TIME
        await asyncio.sleep(SLOW_FOR_SECONDS)
        for number in range(8):
            setup.queue.add(f"slow/{number}")
        await settle()
        assert world.running["slow"] == 8
        await asyncio.sleep(1)


@in_virtual_time
async def test_slow_reconciles_are_bounded_in_all() -> None:
    world = World()
    setup = a_controller(world.reconcile, workers=8, at_a_time=6)
    async with Background(setup.controller.run()):
        for group in range(MOST_SLOW):
            for number in range(2):
                setup.queue.add(f"slow-{group}/{number}")
        await asyncio.sleep(29)
        assert sum(world.running.values()) == MOST_SLOW + 8
        await asyncio.sleep(120)
        assert len(world.done) == 2 * MOST_SLOW, "and all of them are processed"
        for group in range(MOST_SLOW):
            for number in range(2):
                setup.queue.add(f"slow-{group}/{number}")
        await asyncio.sleep(29)
        assert sum(world.running.values()) == MOST_SLOW + 8, "those that have ended do not count"


@in_virtual_time
async def test_after_a_slow_reconcile_no_more_than_the_workers_run_at_a_time() -> None:
    now, most = 0, 0

    async def reconcile(key: str) -> Result:
        nonlocal now, most
        now += key != "slow/a"
        most = max(most, now)
        await asyncio.sleep(10 if key == "slow/a" else 0.3)
        now -= key != "slow/a"
        return Result()

    setup = a_controller(reconcile, workers=2)
    async with Background(setup.controller.run()):
        setup.queue.add("slow/a")
        await asyncio.sleep(20)
        for number in range(10):
            setup.queue.add(f"{number}/a")
        await asyncio.sleep(20)
    assert most == 2


@in_virtual_time
async def test_groups_take_turns() -> None:
    queue = Queue[str](running().now, a_fairness())
    for key in ("a/1", "a/2", "a/3", "b/1", "c/1", "b/2"):
        queue.add(key)
    keys = [await queue.get() for _ in range(6)]
    assert keys == ["a/1", "b/1", "c/1", "a/2", "b/2", "a/3"]


@in_virtual_time
async def test_a_group_without_room_is_passed_over_until_one_of_its_keys_is_done() -> None:
    queue = Queue[str](running().now, a_fairness(at_a_time=1))
    for key in ("a/1", "a/2", "b/1"):
        queue.add(key)
    assert [await queue.get() for _ in range(2)] == ["a/1", "b/1"]
    waiting = asyncio.create_task(queue.get())
    await settle()
    assert not waiting.done()
    queue.done("b/1")
    await settle()
    assert not waiting.done()
    queue.done("a/1")
    assert await waiting == "a/2"
    queue.done("a/2")
    assert len(queue) == 0


@in_virtual_time
async def test_a_key_that_waits_for_something_else_leaves_its_room_to_others() -> None:
    queue = Queue[str](running().now, a_fairness(at_a_time=1))
    queue.add("a/1")
    queue.add("a/2")
    assert await queue.get() == "a/1"
    queue.pause("a/1")
    assert await queue.get() == "a/2"
    queue.done("a/2")
    queue.resume("a/1")
    queue.add("a/3")
    waiting = asyncio.create_task(queue.get())
    await settle()
    assert not waiting.done()
    queue.done("a/1")
    assert await waiting == "a/3"


@in_virtual_time
async def test_a_slow_group_is_reported_once_in_a_while_and_forgotten_afterwards() -> None:
    fairness = a_fairness()
    assert not fairness.claim_report("a/1")
    fairness.mark_slow("a/1")
    assert not fairness.claim_report("a/1"), "a moment is not reported"
    assert list(fairness.slow_groups()) == []
    assert fairness.mark_reported("a/1")
    assert not fairness.mark_reported("a/2"), "it is reported already"
    assert [fairness.claim_report(f"a/{number}") for number in range(3)] == [True, False, False]
    assert list(fairness.slow_groups()) == ["a"]
    for _ in range(int(REPORT_EVERY_SECONDS / 30)):
        await asyncio.sleep(30)
        fairness.mark_reported("a/1")
    assert fairness.claim_report("a/1")
    await asyncio.sleep(SLOW_FOR_SECONDS + SLOW_SECONDS)
    assert list(fairness.slow_groups()) == []
    assert not fairness.is_slow("a/1")


@in_virtual_time
async def test_a_group_is_no_longer_slow_or_reported_after_exactly_a_minute() -> None:
    fairness = a_fairness()
    for group in "abc":
        assert fairness.mark_reported(f"{group}/1")
    await asyncio.sleep(SLOW_FOR_SECONDS)
    assert not fairness.is_slow("a/1")
    assert not fairness.claim_report("a/1")
    assert fairness.mark_reported("b/1"), "this is the next time"
    assert list(fairness.slow_groups()) == ["b"]


@in_virtual_time
async def test_the_list_of_reported_groups_forgets_only_what_is_over() -> None:
    fairness = a_fairness()
    fairness.mark_slow("a/1")
    assert list(fairness.slow_groups()) == []
    assert fairness.is_slow("a/1"), "it is slow still, and not reported yet"
    fairness.start("b/1")
    fairness.mark_slow("b/1")
    await asyncio.sleep(SLOW_FOR_SECONDS)
    assert list(fairness.slow_groups()) == []
    fairness.end("b/1")
