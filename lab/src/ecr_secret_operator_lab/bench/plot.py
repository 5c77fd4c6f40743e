"""The figures as a plot: what matters as the number of resources grows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .records import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OURS, _ROTATION, _LEAN = "#1f6feb", "#2da44e", "#8c959f"
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
        figure = Figure(figsize=(9, 6), layout="constrained")
        (speed, cpu), (memory, latency) = figure.subplots(2, 2)
        for axes in (speed, cpu, memory, latency):
            _prepare(axes, [size.resources for size in report.sizes])
        _speed(speed, report)
        _cpu(cpu, report)
        _memory(memory, report)
        _latency(latency, report)
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})


def _prepare(axes: Axes, numbers: list[int]) -> None:
    axes.set_xscale("log")
    axes.set_xticks(numbers, [f"{number:,}" for number in numbers])
    axes.minorticks_off()
    axes.set_xlabel("resources")
    axes.grid(axis="y", color="#eaeef2")
    axes.set_axisbelow(b=True)


def _speed(axes: Axes, report: Report) -> None:
    """Resources a second, beside the lean client."""
    numbers = [size.resources for size in report.sizes]
    for label, colour, jobs in (
        ("first service", _OURS, [size.first_service for size in report.sizes]),
        ("rotation", _ROTATION, [size.rotation for size in report.sizes]),
    ):
        ours = [number / job.seconds for number, job in zip(numbers, jobs, strict=True)]
        lean = [number / job.ceiling_seconds for number, job in zip(numbers, jobs, strict=True)]
        axes.plot(numbers, ours, "o-", color=colour, label=label)
        axes.plot(numbers, lean, "o:", color=colour, alpha=0.5, label=f"{label}, lean client")
        for number, speed, job in zip(numbers, ours, jobs, strict=True):
            axes.annotate(f"{job.ratio:.2f}", (number, speed), textcoords="offset points", xytext=(4, 4), color=colour)
    axes.set_ylim(bottom=0)
    axes.set_title("Resources a second, and share of the client's")
    axes.legend(fontsize=7)


def _cpu(axes: Axes, report: Report) -> None:
    numbers = [size.resources for size in report.sizes]
    first = [size.first_service.cpu_ms_per_resource for size in report.sizes]
    rotation = [size.rotation.cpu_ms_per_resource for size in report.sizes]
    axes.plot(numbers, first, "o-", color=_OURS, label="first service")
    axes.plot(numbers, rotation, "o-", color=_ROTATION, label="rotation")
    lean = [size.first_service.ceiling_cpu_ms_per_resource for size in report.sizes]
    axes.plot(numbers, lean, "o:", color=_LEAN, label="first service, lean client")
    axes.set_ylim(bottom=0)
    axes.set_title("CPU for each resource (ms)")
    axes.legend(fontsize=7)


def _memory(axes: Axes, report: Report) -> None:
    numbers = [size.resources for size in report.sizes]
    axes.plot(numbers, [size.peak_kib / 1024 for size in report.sizes], "o-", color=_OURS, label="peak")
    axes.plot(numbers, [size.idle.peak_kib / 1024 for size in report.sizes], "o:", color=_LEAN, label="nothing there")
    axes.set_ylim(bottom=0)
    axes.set_title("Memory (MiB)")
    axes.legend(fontsize=7)


def _latency(axes: Axes, report: Report) -> None:
    numbers = [size.resources for size in report.sizes]
    axes.plot(numbers, [size.stream.p99_ms for size in report.sizes], "o:", color=_OURS, label="p99")
    axes.plot(numbers, [size.stream.p50_ms for size in report.sizes], "o-", color=_OURS, label="p50")
    axes.set_ylim(bottom=0)
    axes.set_title("From created to served (ms), one after the other")
    axes.legend(fontsize=7)
