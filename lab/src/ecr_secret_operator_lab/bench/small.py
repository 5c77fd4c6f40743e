"""A small installation: what a process costs that serves a few resources, and has nothing to do most of the time."""

from __future__ import annotations

import asyncio

from ..cluster import ECR
from ..controlplane import Binaries, Reporter
from ..waiting import wait_for
from . import jobs, work
from .ground import Ground, Starter
from .measured import Measured
from .records import Small, SmallRow

IDLE_SECONDS = 20.0
SERVED = "Updated"


def measure_small(binaries: Binaries, resources: int, *, repeat: int, concurrency: int, report: Reporter) -> Small:
    """Measures our operator, and the peer if there is one, with a few resources.

    Args:
        binaries: of the control plane.
        resources: how many.
        repeat: how often each operator is started; the best start counts, because other programs only ever delay one.
        concurrency: of the operators.
        report: called with each step.
    """
    report(f"{resources:,} resources: a small installation")
    with Ground(binaries, concurrency=concurrency) as ground:
        for namespace in work.NAMESPACES:
            ground.cluster.namespace(namespace)
        starts = [jobs.idle(ground.ours) for _ in range(max(3, repeat))]
        jobs.create(ground, work.places("small", resources))
        first, again = _row(ground, ground.ours), _row(ground, ground.ours)
    return Small(
        resources=resources,
        seconds=min(one.seconds for one in starts),
        cpu_seconds=min(one.cpu_seconds for one in starts),
        first_service=first,
        restart=again,
    )


def measure_small_peer(binaries: Binaries, resources: int, *, concurrency: int, report: Reporter) -> SmallRow:
    """The peer's first service of as many resources, on a control plane of its own."""
    report(f"{resources:,} resources: the peer")
    with Ground(binaries, concurrency=concurrency) as ground:
        for namespace in work.NAMESPACES:
            ground.cluster.namespace(namespace)
        jobs.create(ground, work.places("small", resources))
        return _row(ground, ground.peer)


def _row(ground: Ground, start: Starter) -> SmallRow:
    """Starts an operator, waits until all is served, and then measures it while it has nothing to do."""
    calls = ground.last_call()
    with start() as operator:
        wait_for(lambda: _all_served(ground, operator), "all resources are served", within=120)
        share = asyncio.run(_idle_share(operator))
        usage = operator.usage()
    return SmallRow(
        peak_kib=usage.peak_kib,
        idle_kib=usage.resident_kib,
        idle_cpu_share=share,
        aws_calls=ground.last_call() - calls,
    )


def _all_served(ground: Ground, operator: Measured) -> bool:
    operator.alive()
    return all(one.get("status", {}).get("phase") == SERVED for one in ground.cluster.items(f"{ECR}/secrets"))


async def _idle_share(operator: Measured) -> float:
    await operator.synced()
    await operator.quiet()
    before = operator.usage().cpu_seconds
    await asyncio.sleep(IDLE_SECONDS)
    return (operator.usage().cpu_seconds - before) / IDLE_SECONDS
