"""Runs the benchmarks: `make bench`."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from ..controlplane import print_progress
from ..demo.stage import Stage
from .namespaces import Round, make_namespaces, rounds


@click.command()
@click.option("--namespaces", default=500, show_default=True, help="How many namespaces one resource serves.")
@click.option("--repeat", default=3, show_default=True, help="How many rounds; the middle one counts.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Where to write the figures as JSON.")
def main(namespaces: int, repeat: int, file: Path | None) -> None:
    """One ClusterPullSecret over many namespaces, beside a client that does the same writes and nothing else."""
    with Stage() as stage:
        stage.start(print_progress)
        names = make_namespaces(stage, namespaces)
        done = [one for number in range(repeat) for one in rounds(stage, names, number=number)]
    middle = [_middle(done, job) for job in dict.fromkeys(one.job for one in done)]
    Console().print(_table(middle))
    if file:
        file.write_text(json.dumps([{**one._asdict(), "ratio": one.ratio} for one in middle], indent=2) + "\n")


def _middle(done: Sequence[Round], job: str) -> Round:
    ratio = statistics.median_low([one.ratio for one in done if one.job == job])
    return next(one for one in done if one.job == job and one.ratio == ratio)


def _table(done: Sequence[Round]) -> Table:
    table = Table(title="ClusterPullSecret: the operator beside the ceiling")
    for heading in ("job", "Secrets", "operator", "ceiling", "ratio", "AWS calls"):
        table.add_column(heading, justify="left" if heading == "job" else "right")
    for one in done:
        seconds = (f"{one.seconds:.2f} s", f"{one.ceiling_seconds:.2f} s", f"{one.ratio:.2f}")
        table.add_row(one.job, str(one.writes), *seconds, str(one.aws_calls))
    return table


if __name__ == "__main__":
    main()
