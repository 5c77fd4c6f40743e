from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from ecr_secret_operator.errors import Unavailable
from ecr_secret_operator.runtime.controller import Controller
from ecr_secret_operator.runtime.fairness import REPORTED_SECONDS
from ecr_secret_operator.runtime.queue import Queue
from ecr_secret_operator.runtime.result import Result
from tests.runtime.controllers import Seen, a_controller, a_fairness
from tests.virtual_time import Background, elapsed, in_virtual_time, running, settle


class Slow(Exception):
    retry_after = 45.0


@in_virtual_time
async def test_a_success_comes_again_when_it_said() -> None:
    times: list[float] = []

    async def reconcile(_key: str) -> Result:
        times.append(elapsed())
        return Result(again_at=running().now() + timedelta(hours=6))

    setup = a_controller(reconcile)
    async with Background(setup.controller.run()):
        setup.queue.add("a")
        await asyncio.sleep(20 * 3600)
    assert times == pytest.approx([0, 6 * 3600, 12 * 3600, 18 * 3600], abs=1)
    assert max(setup.seen.seconds) < 60, "each of them took no time"


@in_virtual_time
async def test_a_success_without_a_time_comes_no_more_even_if_a_time_was_set() -> None:
    calls: list[str] = []

    async def reconcile(key: str) -> Result:
        calls.append(key)
        return Result(again_at=running().now() + timedelta(hours=1)) if len(calls) == 1 else Result()

    setup = a_controller(reconcile)
    async with Background(setup.controller.run()):
        setup.queue.add("a")
        await settle()
        setup.queue.add("a")
        await asyncio.sleep(10 * 3600)
    assert calls == ["a", "a"]
    assert setup.queue.scheduled == 0


@in_virtual_time
async def test_one_that_is_parked_is_not_over_and_what_went_before_it_stands() -> None:
    outcomes: Iterator[Result | Exception] = iter(
        [RuntimeError("no"), Result(awaiting_token=True), RuntimeError("no"), Result()]
    )

    async def reconcile(_key: str) -> Result:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    setup = a_controller(reconcile)
    async with Background(setup.controller.run()):
        for _ in range(2):
            setup.queue.add("a")
            await settle()
        assert setup.seen.ended == [("a", True)]
        assert setup.queue.scheduled == 1, "the retry is not forgotten"
        assert setup.controller.stuck_for() == pytest.approx(0, abs=0.1), "nor is it under way still"
        setup.queue.add("a")
        await settle()
        assert [failures for _, _, failures in setup.seen.crashes] == [1, 2]
        await asyncio.sleep(60)
    assert setup.seen.ended == [("a", True), ("a", True), ("a", False)]


@pytest.mark.parametrize("how", ["says so", "raises"])
def test_a_failure_backs_off_up_to_a_minute_and_starts_over_after_a_success(how: str) -> None:
    times: list[float] = []
    healed = False

    async def reconcile(_key: str) -> Result:
        times.append(elapsed())
        if healed:
            return Result()
        if how == "raises":
            raise RuntimeError("no")
        return Result(failed=True)

    @in_virtual_time
    async def scenario() -> None:
        nonlocal healed
        setup = a_controller(reconcile)
        async with Background(setup.controller.run()):
            setup.queue.add("a")
            await asyncio.sleep(3600)
            waits = [later - earlier for earlier, later in pairwise(times)]
            assert waits[0] <= 0.2 + 0.01, "the first retry is quick"
            assert max(waits) <= 60.01
            assert min(waits) >= 0.05 - 1e-6
            assert 60 <= len(times) <= 400, "an hour's failures are neither a flood nor given up"
            healed = True
            await asyncio.sleep(120)
            count = len(times)
            healed = False
            setup.queue.add("a")
            await asyncio.sleep(0.3)
            assert len(times) >= count + 2, "it is the first failure again"

    scenario()


@in_virtual_time
async def test_the_first_retry_of_each_key_is_quick() -> None:
    times: dict[str, list[float]] = {}

    async def reconcile(key: str) -> Result:
        times.setdefault(key, []).append(elapsed())
        return Result(failed=True)

    setup = a_controller(reconcile, workers=50)
    async with Background(setup.controller.run()):
        for number in range(50):
            setup.queue.add(str(number))
        await asyncio.sleep(1)
    assert len(times) == 50
    assert max(found[1] for found in times.values()) <= 0.2 + 1e-6


@in_virtual_time
async def test_a_reconcile_is_reported_as_slow_after_three_seconds() -> None:
    async def reconcile(key: str) -> Result:
        await asyncio.sleep(2.99 if key == "quick/a" else 3600)
        return Result()

    setup = a_controller(reconcile)
    async with Background(setup.controller.run()):
        setup.queue.add("quick/a")
        setup.queue.add("slow/a")
        await asyncio.sleep(REPORTED_SECONDS - 0.01)
        assert setup.seen.slow == []
        await asyncio.sleep(0.02)
        assert setup.seen.slow == ["slow/a"]


@in_virtual_time
async def test_the_wish_of_the_server_is_respected() -> None:
    times: list[float] = []

    async def reconcile(_key: str) -> Result:
        times.append(elapsed())
        if len(times) == 1:
            raise Slow
        return Result()

    setup = a_controller(reconcile)
    async with Background(setup.controller.run()):
        setup.queue.add("a")
        await asyncio.sleep(300)
    assert times == pytest.approx([0, 45])


@in_virtual_time
async def test_the_wish_of_the_server_is_respected_whatever_changes_meanwhile() -> None:
    times: list[tuple[str, float]] = []

    async def reconcile(key: str) -> Result:
        times.append((key, elapsed()))
        if len(times) == 1:
            raise Slow
        return Result()

    setup = a_controller(reconcile)
    async with Background(setup.controller.run()):
        setup.queue.add("a")
        await asyncio.sleep(10)
        setup.queue.add("a")
        setup.queue.add("b")
        await asyncio.sleep(34.5)
        setup.queue.add("a")
        await asyncio.sleep(5.5)
        setup.queue.add("a")
        await asyncio.sleep(1)
    assert [key for key, _ in times] == ["a", "b", "a", "a"]
    assert [at for _, at in times] == pytest.approx([0, 10, 45, 50])


@in_virtual_time
async def test_one_key_that_crashes_does_not_keep_the_others() -> None:
    served: Counter[str] = Counter()

    async def reconcile(key: str) -> Result:
        if key == "bad":
            raise ZeroDivisionError("a bug")
        served[key] += 1
        return Result()

    setup = a_controller(reconcile, workers=1)
    async with Background(setup.controller.run()):
        setup.queue.add("bad")
        for number in range(50):
            setup.queue.add(f"good {number}")
        await asyncio.sleep(10)
        setup.queue.add("good 0")
        await asyncio.sleep(1)
    assert len(served) == 50
    assert served["good 0"] == 2
    count = len(setup.seen.crashes)
    assert setup.seen.crashes == [("bad", "a bug", number) for number in range(1, count + 1)], "so many in a row"
    assert ("bad", True) in setup.seen.ended
    assert ("good 0", False) in setup.seen.ended


@in_virtual_time
async def test_a_bug_is_the_first_of_its_kind_even_after_other_failures() -> None:
    attempts = 0

    async def reconcile(_: str) -> Result:
        nonlocal attempts
        attempts += 1
        if attempts <= 2:
            raise Unavailable("down")
        raise ZeroDivisionError("a bug")

    setup = a_controller(reconcile)
    async with Background(setup.controller.run()):
        setup.queue.add("a")
        await asyncio.sleep(30)
    assert setup.seen.crashes[:4] == [("a", "down", 1), ("a", "down", 2), ("a", "a bug", 1), ("a", "a bug", 2)]


@in_virtual_time
async def test_a_slow_key_does_not_keep_the_others_and_no_key_runs_twice_at_a_time() -> None:
    under_way: Counter[str] = Counter()
    done: list[str] = []

    async def reconcile(key: str) -> Result:
        under_way[key] += 1
        assert under_way[key] == 1
        await asyncio.sleep(100 if key == "slow" else 1)
        under_way[key] -= 1
        done.append(key)
        return Result()

    setup = a_controller(reconcile, workers=2)
    async with Background(setup.controller.run()):
        for key in ("slow", "a", "b"):
            setup.queue.add(key)
        await settle()
        setup.queue.add("slow")
        await asyncio.sleep(5)
        assert done == ["a", "b"]
        await asyncio.sleep(200)
    assert done == ["a", "b", "slow", "slow"]


@in_virtual_time
async def test_no_more_than_the_workers_run_at_a_time() -> None:
    now, most = 0, 0

    async def reconcile(_key: str) -> Result:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.3)
        now -= 1
        return Result()

    setup = a_controller(reconcile, workers=3)
    async with Background(setup.controller.run()):
        for number in range(30):
            setup.queue.add(str(number))
        await asyncio.sleep(10.5)
    assert most == 3
    assert len(setup.seen.ended) == 30


@in_virtual_time
async def test_draining_lets_what_is_under_way_end_and_starts_nothing_new() -> None:
    done: list[str] = []

    async def reconcile(key: str) -> Result:
        await asyncio.sleep(2)
        done.append(key)
        return Result()

    setup = a_controller(reconcile, workers=1)
    async with Background(setup.controller.run()):
        setup.queue.add("under way")
        setup.queue.add("waiting")
        await settle()
        await setup.controller.drain(10)
        assert done == ["under way"]
        assert elapsed() == pytest.approx(2)
        await asyncio.sleep(60)
    assert done == ["under way"]


@in_virtual_time
async def test_draining_gives_up_on_what_hangs() -> None:
    async def reconcile(_key: str) -> Result:
        await asyncio.sleep(3600)
        return Result()

    setup = a_controller(reconcile)
    async with Background(setup.controller.run()):
        setup.queue.add("a")
        await settle()
        await setup.controller.drain(2.5)
        assert elapsed() == pytest.approx(2.5)


@in_virtual_time
async def test_a_cancelled_controller_ends_with_its_reconciles() -> None:
    ended: list[str] = []

    async def reconcile(_key: str) -> Result:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append("cancelled")
        return Result()

    setup = a_controller(reconcile)
    task = asyncio.create_task(setup.controller.run())
    setup.queue.add("a")
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["cancelled"]
    assert setup.seen.crashes == []


async def test_a_reconcile_that_hangs_shows_in_the_liveness() -> None:
    clock = [1_000.0]
    release = asyncio.Event()

    async def reconcile(_key: str) -> Result:
        await release.wait()
        return Result()

    queue: Queue[str] = Queue(lambda: datetime.fromtimestamp(0).astimezone(), monotonic=lambda: clock[0])
    controller = Controller(
        queue=queue,
        reconcile=reconcile,
        observer=Seen(),
        workers=1,
        clock=lambda: datetime.now().astimezone(),
        fairness=a_fairness(),
        monotonic=lambda: clock[0],
    )
    async with Background(controller.run()):
        assert controller.stuck_for() == 0
        queue.add("a")
        await settle()
        clock[0] += 400
        queue.last_tick = clock[0]  # the timer goes on, the reconcile does not
        assert controller.stuck_for() == 400
        release.set()
        await settle()
        assert controller.stuck_for() == 0
