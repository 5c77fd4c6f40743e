"""The jobs, each one operator's life from its start: what it finds, what is waited for, what it took."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from .api import send, session
from .ceiling import Spent, ceiling
from .figures import per_resource_ms, percentile, ratio
from .ground import Ground, Starter
from .measured import Measured, Usage
from .records import Idle, Job, Restart, Stream
from .watching import Status, sightings
from .work import Place, creation

WRITES = 2
"""What a resource needs: one of its Secret, and one of its status."""

_SECONDS_EACH = 0.1
_SPARE_SECONDS = 120.0


def is_served(status: Status) -> bool:
    """Whether a resource has its Secret: upstream's word for it, which ours says too."""
    return status.phase == "Updated"


def was_refreshed(value: str) -> Callable[[Status], bool]:
    """Whether a resource says that a request for a refresh was fulfilled."""
    return lambda status: status.last_handled_refresh == value


class Served:
    """What was seen of an operator that served a number of resources.

    Attributes:
        seconds: since its caches were filled.
        seconds_from_start: since it was started.
        writes: that the API server counted.
        aws_calls: that the fake AWS counted.
        usage: of the process, once it was quiet again.
    """

    def __init__(
        self, *, started_at: float, synced_at: float, ended_at: float, writes: int, aws_calls: int, usage: Usage
    ) -> None:
        self.seconds, self.seconds_from_start = ended_at - synced_at, ended_at - started_at
        self.writes, self.aws_calls, self.usage = writes, aws_calls, usage

    def job(self, resources: int, *, lean: Spent, start_cpu_seconds: float) -> Job:
        """Compares it with the lean client, and with a start that finds nothing to do."""
        return Job(
            writes=self.writes,
            needed_writes=WRITES * resources,
            seconds=self.seconds,
            seconds_from_start=self.seconds_from_start,
            ceiling_seconds=lean.seconds,
            ratio=ratio(lean.seconds, self.seconds),
            ratio_from_start=ratio(lean.seconds, self.seconds_from_start),
            aws_calls=self.aws_calls,
            cpu_seconds=self.usage.cpu_seconds,
            cpu_ms_per_resource=per_resource_ms(self.usage.cpu_seconds, start_cpu_seconds, resources),
            ceiling_cpu_ms_per_resource=per_resource_ms(lean.cpu_seconds, 0, resources),
            peak_kib=self.usage.peak_kib,
        )


def create(ground: Ground, where: Sequence[Place]) -> None:
    """Creates resources, as fast as it can be done."""
    ceiling(ground.plane.kubeconfig, [(creation(place),) for place in where])


def idle(start: Starter) -> Idle:
    """Starts an operator where nothing is to be done."""
    restarted = _restarted(start)
    return Idle(seconds=restarted[0], cpu_seconds=restarted[1].cpu_seconds, peak_kib=restarted[1].peak_kib)


def restart(ground: Ground, start: Starter) -> Restart:
    """Starts an operator where all that is stored is still good."""
    writes, calls = ground.writes(), ground.last_call()
    seconds, usage = _restarted(start)
    return Restart(
        seconds=seconds,
        writes=ground.writes() - writes,
        aws_calls=ground.last_call() - calls,
        cpu_seconds=usage.cpu_seconds,
        peak_kib=usage.peak_kib,
    )


def _restarted(start: Starter) -> tuple[float, Usage]:
    async def wait(operator: Measured) -> float:
        synced_at = await operator.synced()
        await operator.quiet()
        return synced_at - operator.started_at

    with start() as operator:
        return asyncio.run(wait(operator)), operator.usage()


def serve(ground: Ground, start: Starter, resources: int, served: Callable[[Status], bool] = is_served) -> Served:
    """Starts an operator where everything is to be done, and waits until it is done."""
    return asyncio.run(_serve(ground, start, resources, served))


async def _serve(ground: Ground, start: Starter, resources: int, served: Callable[[Status], bool]) -> Served:
    writes, calls = ground.writes(), ground.last_call()
    async with sightings(ground.plane.kubeconfig, served) as seen:
        with start() as operator:
            within = _SPARE_SECONDS + _SECONDS_EACH * resources
            await seen.reached(resources, alive=operator.alive, within=within)
            synced_at = await operator.synced()
            await operator.quiet()
            usage = operator.usage()
    return Served(
        started_at=operator.started_at,
        synced_at=synced_at,
        ended_at=seen.last,
        writes=ground.writes() - writes,
        aws_calls=ground.last_call() - calls,
        usage=usage,
    )


def stream(ground: Ground, start: Starter, where: Sequence[Place], *, per_second: float) -> Stream:
    """Creates resources one after the other while the operator is idle, and times each."""
    return asyncio.run(_stream(ground, start, where, per_second))


async def _stream(ground: Ground, start: Starter, where: Sequence[Place], per_second: float) -> Stream:
    first, *others = where
    async with sightings(ground.plane.kubeconfig, is_served) as seen, session(ground.plane.kubeconfig) as connections:
        with start() as operator:
            await operator.synced()
            await operator.quiet()
            await send(connections, creation(first))  # its token serves the others, too
            await seen.reached(1, alive=operator.alive)
            calls, sent = ground.last_call(), {}
            began = time.perf_counter()
            async with asyncio.TaskGroup() as group:
                for number, place in enumerate(others):
                    await asyncio.sleep(began + number / per_second - time.perf_counter())
                    sent[place] = time.perf_counter()
                    group.create_task(send(connections, creation(place)))
            await seen.reached(len(where), alive=operator.alive)
    took = [(seen.at[place] - at) * 1000 for place, at in sent.items()]
    return Stream(
        created=len(took),
        per_second=per_second,
        p50_ms=percentile(took, 0.5),
        p99_ms=percentile(took, 0.99),
        max_ms=max(took),
        aws_calls=ground.last_call() - calls,
    )
