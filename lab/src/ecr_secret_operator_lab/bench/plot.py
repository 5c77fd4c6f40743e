"""The figures as a plot: what matters as the number of resources grows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .records import Job, Peer, Report, Size

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FIRST, _ROTATION, _CLIENT, _PEER = "#1f6feb", "#2da44e", "#59636e", "#bc4c00"
_BAR = 0.36
"""Width of a bar; the distance between two groups is 1."""
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "ecr-secret-operator",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "legend.frameon": False,
    "figure.facecolor": "white",
}


def write_plot(report: Report, file: Path) -> None:
    """Draws a report's sizes as SVG; the same report gives the same file."""
    import matplotlib as mpl  # noqa: PLC0415 - takes a second to import: only who draws pays for it
    from matplotlib.figure import Figure  # noqa: PLC0415

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9, 9), layout="constrained")
        panels = figure.subplot_mosaic([["speed", "ratio"], ["cpu", "memory"], ["latency", "latency"]])
        numbers = [size.resources for size in report.sizes]
        for name, draw in (("speed", _speed), ("cpu", _cpu), ("memory", _memory), ("latency", _latency)):
            _prepare(panels[name], numbers)
            draw(panels[name], report)
        _ratio(panels["ratio"], report)
        for axes in panels.values():
            _finish(axes)
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})


def _prepare(axes: Axes, numbers: list[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(numbers, [f"{number:,}" for number in numbers])
    axes.minorticks_off()


def _finish(axes: Axes) -> None:
    """The legend is under the axes, where it hides no line and no label."""
    axes.set_ylim(bottom=0)
    axes.set_xlabel("resources")
    axes.grid(axis="y", color="#eaeef2")
    axes.set_axisbelow(b=True)
    axes.legend(fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2)


def _speed(axes: Axes, report: Report) -> None:
    """Resources per second, beside the minimal client."""
    numbers = [size.resources for size in report.sizes]
    for label, colour, jobs in _jobs(report):
        ours = [number / job.seconds for number, job in zip(numbers, jobs, strict=True)]
        client = [number / job.ceiling_seconds for number, job in zip(numbers, jobs, strict=True)]
        axes.plot(numbers, ours, "o-", color=colour, label=label)
        axes.plot(numbers, client, "o:", color=colour, alpha=0.5, label=f"{label}, minimal client")
    _peer(axes, report, lambda size, peer: size.resources / peer.first_service.seconds, "first service, other operator")
    axes.set_title("Resources per second")


def _peer(axes: Axes, report: Report, value: Callable[[Size, Peer], float], label: str) -> None:
    """Another operator, at the sizes at which it was measured."""
    found = [(size.resources, value(size, size.peer)) for size in report.sizes if size.peer]
    if found:
        axes.plot(*zip(*found, strict=True), "s--", color=_PEER, label=label)


def _ratio(axes: Axes, report: Report) -> None:
    """The operator's speed divided by that of the minimal client, as bars. Figures inside a bar hide no line."""
    for (label, colour, jobs), offset in zip(_jobs(report), (-_BAR / 2, _BAR / 2), strict=True):
        places = [place + offset for place in range(len(jobs))]
        bars = axes.bar(places, [job.ratio for job in jobs], _BAR, color=colour, label=label)
        axes.bar_label(bars, fmt="%.2f", label_type="center", color="white")
    axes.axhline(1, color=_CLIENT, linestyle=":", label="1 = minimal client")
    axes.set_xticks(range(len(report.sizes)), [f"{size.resources:,}" for size in report.sizes])
    axes.set_title("Ratio: operator's speed / minimal client's speed")


def _jobs(report: Report) -> tuple[tuple[str, str, list[Job]], ...]:
    """Label, colour and figures of the two jobs that a client can do as well."""
    return (
        ("first service", _FIRST, [size.first_service for size in report.sizes]),
        ("rotation", _ROTATION, [size.rotation for size in report.sizes]),
    )


def _cpu(axes: Axes, report: Report) -> None:
    numbers = [size.resources for size in report.sizes]
    for label, colour, jobs in _jobs(report):
        axes.plot(numbers, [job.cpu_ms_per_resource for job in jobs], "o-", color=colour, label=label)
    client = [size.first_service.ceiling_cpu_ms_per_resource for size in report.sizes]
    axes.plot(numbers, client, "o:", color=_CLIENT, label="first service, minimal client")
    _peer(axes, report, lambda _, peer: peer.first_service.cpu_ms_per_resource, "first service, other operator")
    axes.set_title("CPU time for each resource (ms)")


def _memory(axes: Axes, report: Report) -> None:
    numbers = [size.resources for size in report.sizes]
    axes.plot(numbers, [size.peak_kib / 1024 for size in report.sizes], "o-", color=_FIRST, label="peak")
    axes.plot(
        numbers, [size.idle.peak_kib / 1024 for size in report.sizes], "o:", color=_CLIENT, label="without resources"
    )
    _peer(
        axes,
        report,
        lambda _, peer: max(peer.first_service.peak_kib, peer.restart.peak_kib) / 1024,
        "peak of the other operator",
    )
    axes.set_title("Memory (MiB)")


def _latency(axes: Axes, report: Report) -> None:
    numbers = [size.resources for size in report.sizes]
    axes.plot(numbers, [size.stream.p99_ms for size in report.sizes], "o:", color=_FIRST, label="99th percentile")
    axes.plot(numbers, [size.stream.p50_ms for size in report.sizes], "o-", color=_FIRST, label="median")
    axes.set_title("Time from creation to served (ms), for one new resource beside the existing ones")
