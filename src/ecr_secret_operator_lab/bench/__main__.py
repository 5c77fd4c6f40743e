"""Runs the benchmarks: `make bench`."""

from __future__ import annotations

import asyncio
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from rich.console import Console

from ..controlplane import Binaries, ensure_binaries, print_progress
from .ceiling import CONCURRENCY
from .figures import growth, middle
from .ground import PEER_VARIABLE, Ground
from .namespaces import make_namespaces, rounds
from .records import Machine, Report, Round, Size
from .sizes import measure_peer, measure_size
from .tables import tables


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
@click.option(
    "--namespaces", default=500, show_default=True, help="How many namespaces one ClusterPullSecret serves; 0 for none."
)
@click.option("--repeat", default=1, show_default=True, help="How often all is measured; the middle one counts.")
@click.option("--stream", default=500, show_default=True, help="How many resources are created one after the other.")
@click.option("--per-second", default=20.0, show_default=True, help="How many of these in a second.")
@click.option("--concurrency", default=CONCURRENCY, show_default=True, help="Of the operator and the lean client.")
@click.option("--json", "file", type=click.Path(path_type=Path), help="Where to write the figures as JSON.")
def main(
    *,
    resources: tuple[int, ...],
    namespaces: int,
    repeat: int,
    stream: int,
    per_second: float,
    concurrency: int,
    file: Path | None,
) -> None:
    """Measure the operator beside a client that does the same writes and nothing else.

    PEER_CMD names another operator, which is then given the same work; it finds KUBECONFIG and a fake AWS in its
    environment.
    """
    taken_at, load = datetime.now(UTC), os.getloadavg()[0]
    binaries = ensure_binaries(print_progress)
    sizes = []
    for number in resources:
        measured = [
            measure_size(
                binaries,
                number,
                concurrency=concurrency,
                created=stream,
                per_second=per_second,
                report=print_progress,
            )
            for _ in range(repeat)
        ]
        sizes.append(_beside_peer(binaries, middle(measured, lambda one: one.first_service.ratio), concurrency))
    report = Report(
        taken_at=taken_at.isoformat(timespec="seconds"),
        machine=_machine(binaries, load),
        concurrency=concurrency,
        repeat=repeat,
        sizes=sizes,
        growth=growth(sizes),
        namespaces=_namespaces(binaries, namespaces, repeat=repeat, concurrency=concurrency),
    )
    for table in tables(report):
        Console().print(table)
    if file:
        file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")


def _beside_peer(binaries: Binaries, size: Size, concurrency: int) -> Size:
    if not os.environ.get(PEER_VARIABLE):
        return size
    peer = measure_peer(
        binaries,
        size.resources,
        concurrency=concurrency,
        ceiling_seconds=size.first_service.ceiling_seconds,
        report=print_progress,
    )
    return msgspec.structs.replace(size, peer=peer)


def _namespaces(binaries: Binaries, count: int, *, repeat: int, concurrency: int) -> list[Round]:
    if not count:
        return []
    print_progress(f"{count:,} namespaces: one ClusterPullSecret")
    with Ground(binaries, concurrency=concurrency) as ground, ground.ours() as operator:
        asyncio.run(operator.synced())
        names = make_namespaces(ground, count)
        done = [one for number in range(repeat) for one in rounds(ground, names, number=number)]
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


if __name__ == "__main__":
    main()
