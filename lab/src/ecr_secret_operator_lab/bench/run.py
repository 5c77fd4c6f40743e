"""A whole run of the benchmark: a small installation, each number of resources, then one ClusterPullSecret."""

from __future__ import annotations

import asyncio
import os
import platform
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from ..controlplane import Binaries, Reporter, ensure_binaries
from . import records
from .ceiling import Spent
from .figures import growth, middle
from .ground import PEER_VARIABLE, Ground
from .namespaces import compared, make_namespaces, served
from .records import Machine, Report, Size, Small
from .sizes import measure_peer, measure_size
from .small import measure_small, measure_small_peer


class Plan(NamedTuple):
    """What to measure.

    Attributes:
        resources: how many, one control plane for each number.
        small: how many resources a small installation has; 0 for none.
        namespaces: how many one ClusterPullSecret serves; 0 for none.
        repeat: how often; the middle one counts.
        created: how many resources are created one after the other.
        per_second: how many of these in a second.
        concurrency: of the operator and the lean client.
    """

    resources: tuple[int, ...]
    small: int
    namespaces: int
    repeat: int
    created: int
    per_second: float
    concurrency: int


def measure(plan: Plan, report: Reporter, keep: Callable[[Report], None]) -> Report:
    """Measures all of it.

    Args:
        plan: what to measure.
        report: called with each step.
        keep: is given what there is after each number of resources: a run may take long, and may be ended.

    Raises:
        BinariesError: the control plane's programs can be had in none of the ways.
        ControlPlaneError: a control plane did not start.
        AssertionError: an operator ended.
        TimeoutError: an operator did not do its work.
    """
    began, load = datetime.now(UTC), os.getloadavg()[0]
    binaries = ensure_binaries(report)
    sizes: list[Size] = []
    measured = Report(
        taken_at=began.isoformat(timespec="seconds"),
        machine=_machine(binaries, load),
        concurrency=plan.concurrency,
        repeat=plan.repeat,
        sizes=sizes,
        growth=[],
        namespaces=[],
    )
    measured = msgspec.structs.replace(measured, small=_small(plan, binaries, report))
    for number in plan.resources:
        sizes.append(_size(plan, binaries, number, report))
        measured = msgspec.structs.replace(measured, growth=growth(sizes))
        keep(measured)
    return msgspec.structs.replace(measured, namespaces=_namespaces(plan, binaries, report))


def _small(plan: Plan, binaries: Binaries, report: Reporter) -> Small | None:
    if not plan.small:
        return None
    small = measure_small(binaries, plan.small, repeat=plan.repeat, concurrency=plan.concurrency, report=report)
    if os.environ.get(PEER_VARIABLE):
        peer = measure_small_peer(binaries, plan.small, concurrency=plan.concurrency, report=report)
        small = msgspec.structs.replace(small, peer=peer)
    return small


def _size(plan: Plan, binaries: Binaries, resources: int, report: Reporter) -> Size:
    measured = []
    for _ in range(plan.repeat):
        size = measure_size(
            binaries,
            resources,
            concurrency=plan.concurrency,
            created=plan.created,
            per_second=plan.per_second,
            report=report,
        )
        if os.environ.get(PEER_VARIABLE):
            first = size.first_service
            lean = Spent(first.ceiling_seconds, first.ceiling_cpu_ms_per_resource * resources / 1000)
            peer = measure_peer(binaries, resources, concurrency=plan.concurrency, lean=lean, report=report)
            size = msgspec.structs.replace(size, peer=peer)
        measured.append(size)
    return middle(measured, lambda one: one.first_service.ratio)


def _namespaces(plan: Plan, binaries: Binaries, report: Reporter) -> list[records.Round]:
    if not plan.namespaces:
        return []
    report(f"{plan.namespaces:,} namespaces: one ClusterPullSecret")
    with Ground(binaries, concurrency=plan.concurrency) as ground:
        with ground.ours() as operator:
            asyncio.run(operator.synced())
            names = make_namespaces(ground, plan.namespaces)
            ours = [served(ground, names, number=number) for number in range(plan.repeat)]
        done = [one for number, its in enumerate(ours) for one in compared(ground, names, its, number=number)]
    jobs = dict.fromkeys(one.job for one in done)
    return [middle([one for one in done if one.job == job], lambda one: one.ratio) for job in jobs]


def _machine(binaries: Binaries, load: float) -> Machine:
    version = subprocess.run([binaries.kube_apiserver, "--version"], capture_output=True, text=True, check=True)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(
        cpus=len(os.sched_getaffinity(0)),
        memory_gib=round(memory / 2**30, 1),
        python=platform.python_version(),
        kubernetes=version.stdout.split()[-1],
        load=round(load, 2),
    )
