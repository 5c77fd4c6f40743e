"""A reconcile that waits for AWS gives its place to others, and takes it back."""

from __future__ import annotations

import asyncio

import pytest

from ecr_secret_operator.runtime.controller import Controller
from ecr_secret_operator.runtime.queue import Queue
from ecr_secret_operator.runtime.result import Result
from tests.runtime.controllers import Seen, a_fairness
from tests.virtual_time import Background, in_virtual_time, running, settle


class Stage:
    """A controller with one worker, whose keys that begin with `aws` wait until they are let go."""

    def __init__(self) -> None:
        self.answered, self.at_work, self.most, self.done = asyncio.Event(), 0, 0, list[str]()
        self.clock = 0.0
        fairness = a_fairness()
        self.queue = Queue[str](running().now, fairness, monotonic=self.monotonic)
        self.controller: Controller[str] = Controller(
            queue=self.queue,
            reconcile=self.reconcile,
            observer=Seen(),
            workers=1,
            clock=running().now,
            fairness=fairness,
            monotonic=self.monotonic,
        )

    def monotonic(self) -> float:
        return self.clock

    async def reconcile(self, key: str) -> Result:
        if key.startswith("aws"):
            async with self.controller.waiting(key):
                await self.answered.wait()
        self.at_work += 1
        self.most = max(self.most, self.at_work)
        await asyncio.sleep(0.4)  # not long enough to be slow
        self.at_work -= 1
        self.done.append(key)
        return Result()


@in_virtual_time
async def test_others_are_looked_at_while_one_waits() -> None:
    stage = Stage()
    async with Background(stage.controller.run()):
        for key in ("aws-1", "aws-2", "aws-3", "other"):
            stage.queue.add(key)
        await asyncio.sleep(2)
        assert stage.done == ["other"]
        stage.answered.set()
        await asyncio.sleep(5)
        assert sorted(stage.done) == ["aws-1", "aws-2", "aws-3", "other"]
        assert stage.most == 1, "and when the wait is over, they work one after the other"


@in_virtual_time
async def test_afterwards_there_are_as_many_workers_as_before() -> None:
    stage = Stage()
    async with Background(stage.controller.run()):
        for key in ("aws-1", "aws-2", "aws-3"):
            stage.queue.add(key)
        await settle()
        stage.answered.set()
        for number in range(20):
            stage.queue.add(f"later-{number}")
        await asyncio.sleep(30)
        for number in range(8):
            stage.queue.add(f"last-{number}")
        await asyncio.sleep(20)
        assert stage.most == 1
        assert len(stage.done) == 31


@in_virtual_time
async def test_waiting_for_aws_is_no_sign_of_being_stuck() -> None:
    stage = Stage()
    async with Background(stage.controller.run()):
        stage.queue.add("aws-1")
        await settle()
        stage.clock = 1000.0
        stage.queue.last_tick = stage.clock  # the timer goes on
        assert stage.controller.stuck_for() == 0
        stage.answered.set()
        await asyncio.sleep(2)
        assert stage.done == ["aws-1"]


@in_virtual_time
async def test_a_controller_that_ends_meanwhile_ends_like_any_other() -> None:
    stage = Stage()
    task = asyncio.create_task(stage.controller.run())
    stage.queue.add("aws-1")
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await stage.queue.idle()
