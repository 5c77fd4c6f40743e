"""The figures as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rich.table import Table

from .records import Growth, Job, Report, Restart, Size

_JOBS = ("number", "job", "operator", "client", "ratio", "writes", "AWS", "CPU", "peak")
_STREAM = ("number", "created", "p50", "p99", "longest", "AWS")
_GROWTH = ("from", "to", "CPU each", "flat", "memory each")
_NAMESPACES = ("job", "Secrets", "operator", "client", "ratio", "AWS")


def tables(report: Report) -> Iterator[Table]:
    """All that a report says."""
    if report.sizes:
        rows = [row for size in report.sizes for row in _of_size(size)]
        yield _table("Operator beside the lean client", _JOBS, rows)
        yield _table("Created one after the other: until served", _STREAM, map(_of_stream, report.sizes))
    if report.growth:
        yield _table("Growth", _GROWTH, map(_of_growth, report.growth))
    if report.namespaces:
        rows = [
            (
                one.job,
                str(one.writes),
                f"{one.seconds:.2f} s",
                f"{one.ceiling_seconds:.2f} s",
                f"{one.ratio:.2f}",
                str(one.aws_calls),
            )
            for one in report.namespaces
        ]
        yield _table("ClusterPullSecret", _NAMESPACES, rows)


def _table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(title=title)
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "job" else "right")
    for row in rows:
        table.add_row(*row)
    return table


def _of_size(size: Size) -> Iterator[Sequence[str]]:
    number, idle = f"{size.resources:,}", size.idle
    cpu = f"{idle.cpu_seconds:.2f} s"
    yield number, "idle start", f"{idle.seconds:.2f} s", "", "", "", "", cpu, _mib(idle.peak_kib)
    yield number, "first service", *_of_job(size.first_service)
    yield number, "rotation", *_of_job(size.rotation)
    yield number, "restart", *_of_restart(size.restart)
    if size.peer:
        yield number, "peer, first", *_of_job(size.peer.first_service)
        yield number, "peer, restart", *_of_restart(size.peer.restart)


def _of_job(job: Job) -> Sequence[str]:
    return (
        f"{job.seconds:.2f} s",
        f"{job.ceiling_seconds:.2f} s",
        f"{job.ratio:.2f}",
        str(job.writes),
        str(job.aws_calls),
        f"{job.cpu_ms_per_resource:.2f} ms each",
        _mib(job.peak_kib),
    )


def _of_restart(one: Restart) -> Sequence[str]:
    cpu = f"{one.cpu_seconds:.2f} s"
    return f"{one.seconds:.2f} s", "", "", str(one.writes), str(one.aws_calls), cpu, _mib(one.peak_kib)


def _of_stream(size: Size) -> Sequence[str]:
    one = size.stream
    times = (f"{value:.0f} ms" for value in (one.p50_ms, one.p99_ms, one.max_ms))
    return f"{size.resources:,}", f"{one.created} at {one.per_second:g}/s", *times, str(one.aws_calls)


def _of_growth(one: Growth) -> Sequence[str]:
    flat, memory = "yes" if one.flat else "no", f"{one.peak_kib_per_resource:.1f} KiB"
    return f"{one.smaller:,}", f"{one.larger:,}", f"x {one.cpu_ratio:.2f}", flat, memory


def _mib(kib: int) -> str:
    return f"{kib / 1024:.0f} MiB"
