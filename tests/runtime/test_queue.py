from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from ecr_secret_operator.runtime.queue import TICK, Queue
from tests.virtual_time import START, Background, DeadEnd, elapsed, in_virtual_time, running, settle


def a_queue() -> Queue[str]:
    return Queue(running().now)


def after(seconds: float) -> datetime:
    return running().now() + timedelta(seconds=seconds)


async def taken(queue: Queue[str]) -> list[str]:
    """All keys that are ready now, worked on at once."""
    keys = []
    while len(queue):
        key = await queue.get()
        queue.done(key)
        keys.append(key)
    return keys


@in_virtual_time
async def test_keys_come_in_the_order_in_which_they_were_added_each_once() -> None:
    queue = a_queue()
    for key in ("a", "b", "a", "c", "b"):
        queue.add(key)
    assert len(queue) == 3
    assert await taken(queue) == ["a", "b", "c"]


@in_virtual_time
async def test_a_waiting_worker_gets_a_key_as_soon_as_one_is_added() -> None:
    queue = a_queue()
    worker = asyncio.create_task(queue.get())
    await settle()
    queue.add("a")
    assert await worker == "a"
    assert elapsed() == 0


@in_virtual_time
async def test_a_key_is_never_with_two_workers_and_comes_again_when_it_was_added_meanwhile() -> None:
    queue = a_queue()
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    queue.add("a")
    assert len(queue) == 0
    other = asyncio.create_task(queue.get())
    await settle()
    assert not other.done()
    queue.done("a")
    assert await other == "a"
    queue.done("a")
    assert len(queue) == 0


@in_virtual_time
async def test_a_key_that_was_worked_on_does_not_come_again_by_itself() -> None:
    queue = a_queue()
    queue.add("a")
    assert await taken(queue) == ["a"]
    assert await taken(queue) == []


@in_virtual_time
async def test_a_key_comes_at_its_time() -> None:
    queue = a_queue()
    async with Background(queue.run()):
        queue.add_at("later", after(7200))
        queue.add_at("soon", after(3.5))
        assert queue.scheduled == 2
        assert await queue.get() == "soon"
        assert elapsed() == pytest.approx(3.5)
        assert await queue.get() == "later"
        assert elapsed() == pytest.approx(7200)
        assert queue.scheduled == 0


@in_virtual_time
async def test_a_time_that_has_passed_means_now() -> None:
    queue = a_queue()
    async with Background(queue.run()):
        queue.add_at("a", START - timedelta(days=1))
        assert await queue.get() == "a"
        assert elapsed() == 0


@pytest.mark.parametrize(("first", "second"), [(100, 5), (5, 100), (5, 5)])
def test_a_new_time_replaces_the_old_one(first: float, second: float) -> None:
    @in_virtual_time
    async def scenario() -> None:
        queue = a_queue()
        async with Background(queue.run()):
            queue.add_at("a", after(first))
            queue.add_at("a", after(second))
            assert queue.scheduled == 1
            assert await queue.get() == "a"
            assert elapsed() == pytest.approx(second)
            queue.done("a")
            await asyncio.sleep(200)
            assert len(queue) == 0

    scenario()


@in_virtual_time
async def test_going_back_to_the_first_time_still_gives_the_key_once() -> None:
    queue = a_queue()
    async with Background(queue.run()):
        for seconds in (5, 100, 5):
            queue.add_at("a", START + timedelta(seconds=seconds))
        await asyncio.sleep(200)
        assert await taken(queue) == ["a"]


@in_virtual_time
async def test_a_forgotten_time_does_not_come() -> None:
    queue = a_queue()
    async with Background(queue.run()):
        queue.add_at("a", after(5))
        queue.forget("a")
        queue.forget("never known")
        assert queue.scheduled == 0
        await asyncio.sleep(60)
        assert len(queue) == 0


@in_virtual_time
async def test_adding_a_key_now_leaves_its_later_time() -> None:
    queue = a_queue()
    async with Background(queue.run()):
        queue.add_at("a", after(5))
        queue.add("a")
        assert await taken(queue) == ["a"]
        await asyncio.sleep(6)
        assert await taken(queue) == ["a"]


@in_virtual_time
async def test_a_key_whose_time_comes_while_it_is_worked_on_comes_after() -> None:
    queue = a_queue()
    async with Background(queue.run()):
        queue.add("a")
        await queue.get()
        queue.add_at("a", after(1))
        await asyncio.sleep(5)
        assert len(queue) == 0
        queue.done("a")
        assert await taken(queue) == ["a"]


@in_virtual_time
async def test_a_cancelled_getter_loses_no_key() -> None:
    queue = a_queue()
    getters = [asyncio.create_task(queue.get()) for _ in range(3)]
    await settle()
    getters[0].cancel()
    await settle()
    queue.add("a")
    assert await getters[1] == "a"
    getters[2].cancel()
    await settle()


@in_virtual_time
async def test_a_getter_that_is_cancelled_after_it_was_woken_passes_the_key_on() -> None:
    queue = a_queue()
    first, second = asyncio.create_task(queue.get()), asyncio.create_task(queue.get())
    await settle()
    queue.add("a")  # wakes the first, which does not run before it is cancelled
    first.cancel()
    assert await second == "a"
    assert first.cancelled()


@in_virtual_time
async def test_a_key_that_is_left_by_a_cancelled_getter_is_there_for_the_next() -> None:
    queue = a_queue()
    getter = asyncio.create_task(queue.get())
    await settle()
    queue.add("a")
    getter.cancel()
    await settle()
    assert await queue.get() == "a"


@in_virtual_time
async def test_every_key_reaches_one_of_many_workers() -> None:
    queue, seen = a_queue(), []

    async def work() -> None:
        while True:
            key = await queue.get()
            await asyncio.sleep(0.1)
            seen.append(key)
            queue.done(key)

    keys = [f"key {number}" for number in range(100)]
    async with Background(*(work() for _ in range(10))):
        for key in keys:
            queue.add(key)
        await asyncio.sleep(1.05)
    assert sorted(seen) == sorted(keys)
    assert elapsed() == pytest.approx(1.05), "ten at a time"


@pytest.mark.parametrize("jump", [timedelta(hours=8), timedelta(hours=6)])
def test_a_clock_that_jumps_ahead_is_noticed_within_one_tick(jump: timedelta) -> None:
    """A host that slept: monotonic time stood still, the tokens aged."""

    @in_virtual_time
    async def scenario() -> None:
        queue = a_queue()
        async with Background(queue.run()):
            queue.add_at("a", after(6 * 3600))
            await asyncio.sleep(1)
            running().skew = jump
            assert await queue.get() == "a"
            assert elapsed() <= 1 + TICK.total_seconds()

    scenario()


@in_virtual_time
async def test_a_clock_that_is_set_back_has_everything_looked_at_once() -> None:
    """What waits for a retry would else wait for as long as the clock was wrong: five hours, say, at a node's start."""
    queue = a_queue()
    async with Background(queue.run()):
        queue.add_at("a", after(60))
        queue.add_at("b", after(6 * 3600))
        await asyncio.sleep(30)
        running().skew = -timedelta(hours=5)
        assert await queue.get() == "a"
        assert await queue.get() == "b"
        assert elapsed() <= 30 + TICK.total_seconds()
        queue.done("a")
        queue.done("b")
        queue.add_at("a", running().now() + timedelta(minutes=1))
        assert await queue.get() == "a"
        assert elapsed() >= 90, "once, and no more than that"


@in_virtual_time
async def test_a_clock_that_is_set_back_by_seconds_is_noticed_too() -> None:
    queue = a_queue()
    async with Background(queue.run()):
        queue.add_at("a", after(60))
        await asyncio.sleep(30)
        running().skew = -timedelta(seconds=15)
        assert await queue.get() == "a"
        assert elapsed() <= 30 + TICK.total_seconds()


@in_virtual_time
async def test_what_a_clock_that_was_set_back_makes_ready_comes_after_what_a_user_waits_for() -> None:
    queue = a_queue()
    async with Background(queue.run()):
        queue.add_at("due", after(6 * 3600))
        await asyncio.sleep(30)
        running().skew = -timedelta(hours=5)
        await asyncio.sleep(TICK.total_seconds())
        queue.add("new")
        assert await taken(queue) == ["new", "due"]


@in_virtual_time
async def test_keys_that_are_due_at_the_same_time_come_in_the_order_in_which_they_were_scheduled() -> None:
    """Keys need not be comparable."""
    queue, keys = Queue[object](running().now), [object() for _ in range(4)]
    async with Background(queue.run()):
        for key in keys:
            queue.add_at(key, START + timedelta(seconds=5))
        await asyncio.sleep(6)
        assert [await queue.get() for _ in keys] == keys


@in_virtual_time
async def test_a_clock_that_is_slewed_disturbs_nobody() -> None:
    queue = a_queue()
    async with Background(queue.run()):
        queue.add_at("a", after(3600))
        for _ in range(100):
            await asyncio.sleep(10)
            running().skew -= timedelta(milliseconds=5)
        assert len(queue) == 0
        assert queue.scheduled == 1


@in_virtual_time
async def test_a_closed_queue_hands_out_no_more_keys_and_says_when_the_rest_is_done() -> None:
    queue = a_queue()
    queue.add("a")
    queue.add("b")
    await queue.get()
    queue.close()
    waiting, idle = asyncio.create_task(queue.get()), asyncio.create_task(queue.idle())
    await settle()
    assert not waiting.done()
    assert not idle.done()
    queue.done("a")
    await idle
    queue.add("c")
    await settle()
    assert not waiting.done()
    waiting.cancel()
    await settle()


@in_virtual_time
async def test_an_idle_queue_says_so_at_once() -> None:
    await a_queue().idle()


@in_virtual_time
async def test_thousands_of_keys_wait_on_one_timer() -> None:
    queue = a_queue()
    async with Background(queue.run()):
        for number in range(5000):
            queue.add_at(f"key {number}", after(1 + number % 60))
        await asyncio.sleep(30.5)
        assert len(queue) == 5000 // 60 * 30 + min(5000 % 60, 30)


def test_without_its_timer_nothing_scheduled_would_come() -> None:
    @in_virtual_time
    async def scenario() -> None:
        queue = a_queue()
        queue.add_at("a", after(1))
        await queue.get()

    with pytest.raises(DeadEnd):
        scenario()


@in_virtual_time
async def test_what_somebody_waits_for_comes_before_what_nobody_does() -> None:
    queue = a_queue()
    for number in range(8):
        queue.add(f"many {number}", low_priority=True)
    queue.add("new")
    assert await queue.get() == "new"


@in_virtual_time
async def test_every_fourth_key_has_low_priority_however_many_others_there_are() -> None:
    queue = a_queue()
    for number in range(3):
        queue.add(f"patient {number}", low_priority=True)
    for number in range(20):
        queue.add(f"other {number}")
    assert len(queue) == 23
    keys = await taken(queue)
    assert [place for place, key in enumerate(keys) if key.startswith("patient")] == [3, 7, 11]
    assert len(keys) == len(set(keys)) == 23


@in_virtual_time
async def test_a_low_priority_key_that_is_added_again_comes_to_the_front_once() -> None:
    queue = a_queue()
    for key in ("a", "b", "c"):
        queue.add(key, low_priority=True)
    queue.add("c")
    queue.add("c", low_priority=True)
    assert len(queue) == 3
    assert await taken(queue) == ["c", "a", "b"]
    queue.add("c", low_priority=True)
    assert await taken(queue) == ["c"]


@in_virtual_time
async def test_a_key_that_was_added_while_it_was_worked_on_comes_back_as_the_most_urgent_asked() -> None:
    queue = a_queue()
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a", low_priority=True)
    queue.add("a")
    queue.add("a", low_priority=True)
    queue.add("crowd", low_priority=True)
    queue.done("a")
    assert await taken(queue) == ["a", "crowd"]


@in_virtual_time
async def test_what_falls_due_has_low_priority() -> None:
    queue = a_queue()
    async with Background(queue.run()):
        queue.add_at("due", after(1))
        await asyncio.sleep(2)
        queue.add("new")
        assert await taken(queue) == ["new", "due"]


@in_virtual_time
async def test_a_key_that_is_worked_on_has_the_priority_of_its_lane() -> None:
    queue = a_queue()
    queue.add("in a hurry")
    queue.add("patient", low_priority=True)
    assert not queue.is_low_priority("patient"), "it is not being worked on"
    for _ in range(2):
        await queue.get()
    assert (queue.is_low_priority("in a hurry"), queue.is_low_priority("patient")) == (False, True)
    queue.done("patient")
    assert not queue.is_low_priority("patient")
