"""Reports of the benchmark, made up: for the tests of what is done with them."""

from __future__ import annotations

from ecr_secret_operator_lab.bench.figures import growth
from ecr_secret_operator_lab.bench.records import (
    Idle,
    Job,
    Machine,
    Report,
    Restart,
    Round,
    Size,
    Small,
    SmallRow,
    Stream,
)


def a_job(*, cpu_ms: float = 2.0, peak_kib: int = 100_000, seconds: float = 4.0) -> Job:
    return Job(
        writes=20_000,
        needed_writes=20_000,
        seconds=seconds,
        seconds_from_start=seconds + 1,
        ceiling_seconds=3.0,
        ratio=3.0 / seconds,
        ratio_from_start=3.0 / (seconds + 1),
        aws_calls=1,
        cpu_seconds=1.5,
        cpu_ms_per_resource=cpu_ms,
        ceiling_cpu_ms_per_resource=1.1,
        peak_kib=peak_kib,
    )


def a_size(resources: int = 100, *, cpu_ms: float = 2.0, peak_kib: int = 100_000) -> Size:
    return Size(
        resources=resources,
        idle=Idle(seconds=1.0, cpu_seconds=0.8, peak_kib=90_000),
        first_service=a_job(cpu_ms=cpu_ms),
        restart=Restart(seconds=1.1, writes=0, aws_calls=0, cpu_seconds=0.9, peak_kib=95_000),
        rotation=a_job(peak_kib=peak_kib),
        stream=Stream(created=500, per_second=20.0, p50_ms=8.0, p99_ms=21.0, max_ms=34.0, aws_calls=0),
    )


def a_small_row(*, aws_calls: int = 0) -> SmallRow:
    return SmallRow(peak_kib=60_000, idle_kib=59_000, idle_cpu_share=0.0012, aws_calls=aws_calls)


def a_small() -> Small:
    first, again = a_small_row(aws_calls=1), a_small_row()
    return Small(resources=5, seconds=0.41, cpu_seconds=0.39, first_service=first, restart=again, peer=a_small_row())


def a_report(*sizes: Size) -> Report:
    return Report(
        taken_at="2026-01-02T03:04:05+00:00",
        machine=Machine(cpus=2, memory_gib=23.4, python="3.12.1", kubernetes="v1.36.2", load=0.25),
        concurrency=24,
        repeat=1,
        sizes=list(sizes),
        growth=growth(sizes),
        namespaces=[Round(job="rotation", writes=500, seconds=2.0, ceiling_seconds=1.5, ratio=0.75, aws_calls=1)],
        small=a_small(),
    )
