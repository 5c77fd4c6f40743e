"""Puts a report into the documentation: as JSON, as a plot, and as the tables of the page that shows them."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from .plot import write_plot
from .records import Report
from .tables import sheets

PAGE, FIGURES, PLOT = "performance.md", "performance.json", "performance.svg"
_MARKED = re.compile(r"(<!-- figures, written by `make bench` -->\n\n).*?(\n<!-- end of figures -->)", re.DOTALL)


def read_report(file: Path) -> Report:
    """Reads what `write_report` wrote. Raises msgspec.ValidationError when it is something else."""
    return msgspec.json.decode(file.read_bytes(), type=Report)


def write_report(report: Report, file: Path) -> None:
    """Writes a report as JSON."""
    file.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")


def write_docs(report: Report, directory: Path) -> None:
    """Writes all three; the page has to be there, with marks between which the figures belong, or ValueError."""
    page = directory / PAGE
    text = with_figures(page.read_text(encoding="utf-8"), report)
    write_report(report, directory / FIGURES)
    write_plot(report, directory / PLOT)
    page.write_text(text, encoding="utf-8")


def with_figures(page: str, report: Report) -> str:
    """The page with a report's figures between its marks. Raises ValueError when it has none."""
    figures = f"{_occasion(report)}\n\n" + "\n".join(sheet.markdown() for sheet in sheets(report))
    text, count = _MARKED.subn(lambda match: match[1] + figures + match[2], page)
    if count != 1:
        raise ValueError(f"{PAGE} has no marks between which the figures belong")
    return text


def _occasion(report: Report) -> str:
    machine, day = report.machine, report.taken_at.partition("T")[0]
    times = "once" if report.repeat == 1 else f"{report.repeat} times, the middle one shown"
    return (
        f"Taken on {day}, {times}, on {machine.cpus} cores with {machine.memory_gib:.0f} GiB, Python {machine.python},"
        f" Kubernetes {machine.kubernetes};\n{report.concurrency} resources at a time;"
        f" load of the machine by others when it began: {machine.load:.1f}."
    )
