"""The figures as tables: the same for a terminal and for the documentation. Pure but for what draws them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich import box
from rich.table import Table

from .records import Growth, Job, Report, Restart, Round, Size, Small, SmallRow


class Sheet(NamedTuple):
    """One table; the first column is text, the others are figures."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[str]]

    def table(self) -> Table:
        """For a terminal."""
        table = Table(
            title=self.title, box=box.SIMPLE_HEAD, title_justify="left", collapse_padding=True, pad_edge=False
        )
        for number, heading in enumerate(self.headings):
            table.add_column(heading, justify="right" if number else "left", no_wrap=True)
        for row in self.rows:
            table.add_row(*row)
        return table

    def markdown(self) -> str:
        """For the documentation."""
        rule = ["---", *("---:" for _ in self.headings[1:])]
        rows = (self.headings, rule, *self.rows)
        lines = "".join("| " + " | ".join(row) + " |\n" for row in rows)
        return f"**{self.title}**\n\n{lines}"


_LONG = 100.0
_SIZE = ("", "operator", "client", "ratio", "writes", "AWS", "CPU", "peak")
_SMALL = ("", "start", "CPU of the start", "peak", "idle", "idle CPU", "AWS")
_STREAM = ("resources there", "created", "p50", "p99", "longest", "AWS")
_GROWTH = ("resources", "CPU for each", "flat", "memory for each more")
_ROUND = ("", "Secrets", "operator", "client", "ratio", "AWS")


def sheets(report: Report) -> Iterator[Sheet]:
    """All that a report says."""
    if report.small:
        yield Sheet(f"A small installation: {report.small.resources} resources", _SMALL, list(_of_small(report.small)))
    for size in report.sizes:
        yield Sheet(f"{size.resources:,} resources", _SIZE, list(_of_size(size)))
    if report.sizes:
        yield Sheet("Created one after the other: until served", _STREAM, list(map(_of_stream, report.sizes)))
    if report.growth:
        yield Sheet("Growth", _GROWTH, list(map(_of_growth, report.growth)))
    if report.namespaces:
        yield Sheet("One ClusterPullSecret", _ROUND, list(map(_of_round, report.namespaces)))


def _of_size(size: Size) -> Iterator[Sequence[str]]:
    idle = size.idle
    yield "idle start", _s(idle.seconds), "", "", "", "", _s(idle.cpu_seconds), _mib(idle.peak_kib)
    yield "first service", *_of_job(size.first_service)
    yield "rotation", *_of_job(size.rotation)
    yield "restart", *_of_restart(size.restart)
    if size.peer:
        yield "peer's first", *_of_job(size.peer.first_service)
        yield "peer's restart", *_of_restart(size.peer.restart)


def _of_small(small: Small) -> Iterator[Sequence[str]]:
    yield "first service", _s(small.seconds), _s(small.cpu_seconds), *_of_small_row(small.first_service)
    yield "restart", "", "", *_of_small_row(small.restart)
    if small.peer:
        yield "peer's first", "", "", *_of_small_row(small.peer)


def _of_small_row(row: SmallRow) -> Sequence[str]:
    return _mib(row.peak_kib), _mib(row.idle_kib), f"{row.idle_cpu_share:.2%}", str(row.aws_calls)


def _of_job(job: Job) -> Sequence[str]:
    cpu = f"{job.cpu_ms_per_resource:.2f} : {job.ceiling_cpu_ms_per_resource:.2f} ms"
    speed = (_s(job.seconds), _s(job.ceiling_seconds), f"{job.ratio:.2f}")
    return *speed, str(job.writes), str(job.aws_calls), cpu, _mib(job.peak_kib)


def _of_restart(one: Restart) -> Sequence[str]:
    counts = (str(one.writes), str(one.aws_calls))
    return _s(one.seconds), "", "", *counts, _s(one.cpu_seconds), _mib(one.peak_kib)


def _of_stream(size: Size) -> Sequence[str]:
    one = size.stream
    times = (f"{value:.0f} ms" for value in (one.p50_ms, one.p99_ms, one.max_ms))
    return f"{size.resources:,}", f"{one.created} at {one.per_second:g}/s", *times, str(one.aws_calls)


def _of_growth(one: Growth) -> Sequence[str]:
    flat, memory = "yes" if one.flat else "no", f"{one.peak_kib_per_resource:.1f} KiB"
    return f"{one.smaller:,} to {one.larger:,}", f"× {one.cpu_ratio:.2f}", flat, memory  # noqa: RUF001 - it is a times


def _of_round(one: Round) -> Sequence[str]:
    speed = (_s(one.seconds), _s(one.ceiling_seconds), f"{one.ratio:.2f}")
    return one.job, str(one.writes), *speed, str(one.aws_calls)


def _s(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds < _LONG else f"{seconds:.1f} s"


def _mib(kib: int) -> str:
    return f"{kib / 1024:.0f} MiB"
