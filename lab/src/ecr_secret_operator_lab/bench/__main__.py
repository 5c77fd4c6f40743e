"""Runs the benchmarks: `make bench`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import click
from rich.console import Console

from ..controlplane import print_progress
from .ceiling import CONCURRENCY
from .docs import read_report, write_docs, write_report
from .records import Report
from .run import Plan, measure
from .tables import sheets


class Numbers(click.ParamType[tuple[int, ...]]):
    """A comma list of numbers above 0; empty for none."""

    name = "numbers"

    def convert(
        self, value: str | tuple[int, ...], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Reads it, or fails with a sentence."""
        if not isinstance(value, str):
            return value
        parts = [part.strip().replace("_", "") for part in value.split(",") if part.strip()]
        if not all(part.isdecimal() and int(part) > 0 for part in parts):
            self.fail(f"{value!r} is not a comma list of numbers above 0", param, ctx)
        return tuple(sorted({int(part) for part in parts}))


@click.command()
@click.option(
    "--resources",
    type=Numbers(),
    default="100,1000,10000",
    show_default=True,
    help="How many resources, one control plane for each number; empty for none.",
)
@click.option("--small", default=5, show_default=True, help="How many resources a small installation has; 0 for none.")
@click.option(
    "--namespaces", default=500, show_default=True, help="How many namespaces one ClusterPullSecret serves; 0 for none."
)
@click.option(
    "--repeat",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="How often all is measured; the middle one counts.",
)
@click.option(
    "--stream",
    type=click.IntRange(1),
    default=500,
    show_default=True,
    help="How many resources are created one after the other.",
)
@click.option("--per-second", default=20.0, show_default=True, help="How many of these in a second.")
@click.option("--concurrency", default=CONCURRENCY, show_default=True, help="Of the operator and the lean client.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Where to write the figures as JSON.")
@click.option(
    "--from", "taken", type=click.Path(path_type=Path, exists=True), help="JSON to show instead of measuring."
)
@click.option("--docs", type=click.Path(path_type=Path, exists=True), help="Directory whose performance.md to renew.")
def main(
    *,
    resources: tuple[int, ...],
    small: int,
    namespaces: int,
    repeat: int,
    stream: int,
    per_second: float,
    concurrency: int,
    file: Path | None,
    taken: Path | None,
    docs: Path | None,
) -> None:
    """Measure the operator beside a client that does the same writes and nothing else.

    PEER_CMD names another operator, which is then given the same work; it finds KUBECONFIG and a fake AWS in its
    environment.
    """
    plan = Plan(resources, small, namespaces, repeat, stream, per_second, concurrency)
    # Everything that was started is ended then, too, as after Ctrl-C.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))

    def keep(report: Report) -> None:
        if file:
            write_report(report, file)

    report = read_report(taken) if taken else measure(plan, print_progress, keep)
    for sheet in sheets(report):
        Console().print(sheet.table())
    keep(report)
    if docs:
        write_docs(report, docs)


if __name__ == "__main__":
    main()
