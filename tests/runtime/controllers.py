"""A controller under test, and what it was seen to do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ecr_secret_operator.runtime.controller import Controller
from ecr_secret_operator.runtime.fairness import Fairness
from ecr_secret_operator.runtime.queue import Queue
from ecr_secret_operator.runtime.result import Result
from tests.virtual_time import running


@dataclass
class Seen:
    """What the observer was told."""

    ended: list[tuple[str, bool]] = field(default_factory=list)
    crashes: list[tuple[str, str, int]] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def reconciled(self, key: str, seconds: float, *, failed: bool) -> None:
        assert seconds >= 0
        self.seconds.append(seconds)
        self.ended.append((key, failed))

    def crashed(self, key: str, error: Exception, failures: int) -> None:
        self.crashes.append((key, str(error), failures))

    def slowed(self, key: str) -> None:
        self.slow.append(key)


@dataclass
class Setup:
    queue: Queue[str]
    controller: Controller[str]
    seen: Seen


def a_fairness(at_a_time: int = 1000) -> Fairness[str]:
    """Keys such as `web/a` are in group `web`; time is that of the event loop."""
    return Fairness(
        group_of=lambda key: key.partition("/")[0],
        at_a_time=at_a_time,
        clock=lambda: asyncio.get_running_loop().time(),
    )


def a_controller(reconcile: Callable[[str], Awaitable[Result]], *, workers: int = 2, at_a_time: int = 1000) -> Setup:
    seen, fairness = Seen(), a_fairness(at_a_time)
    queue = Queue[str](running().now, fairness)
    controller = Controller(
        queue=queue, reconcile=reconcile, observer=seen, workers=workers, clock=running().now, fairness=fairness
    )
    return Setup(queue, controller, seen)
