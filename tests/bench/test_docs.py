"""What a report looks like to those who read it."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from ecr_secret_operator_lab.bench.docs import FIGURES, PAGE, PLOT, read_report, with_figures, write_docs, write_report
from ecr_secret_operator_lab.bench.plot import write_plot
from ecr_secret_operator_lab.bench.records import Peer
from ecr_secret_operator_lab.bench.tables import sheets
from tests.bench.reports import a_job, a_report, a_size

DOCS = Path(__file__).parents[2] / "docs"
BEGIN, END = "<!-- figures, written by `make bench` -->\n\n", "\n<!-- end of figures -->"
REPORT = a_report(a_size(100), a_size(1_000), a_size(10_000))


def test_the_page_shows_the_figures_that_lie_beside_it() -> None:
    page = (DOCS / PAGE).read_text(encoding="utf-8")
    assert page == with_figures(page, read_report(DOCS / FIGURES)), 'make bench BENCH="--from JSON --docs docs"'


def test_the_page_shows_the_plot() -> None:
    assert f"({PLOT})" in (DOCS / PAGE).read_text(encoding="utf-8")
    assert (DOCS / PLOT).is_file()


def test_a_report_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_report(REPORT, tmp_path / "report.json")
    assert read_report(tmp_path / "report.json") == REPORT


def test_figures_take_the_place_of_others_and_of_nothing_else() -> None:
    page = with_figures(f"# Before\n\n{BEGIN}old{END}\n\nAfter\n", REPORT)
    assert page.startswith(f"# Before\n\n{BEGIN}Taken on 2026-01-02, once, on 2 cores with 23 GiB")
    assert page.endswith(f"|\n{END}\n\nAfter\n")
    assert "old" not in page
    assert with_figures(page, REPORT) == page


@pytest.mark.parametrize("page", ["", f"{BEGIN}never ends", f"{BEGIN}a{END}{BEGIN}b{END}"], ids=["none", "half", "two"])
def test_a_page_without_one_place_for_figures_is_left_alone(page: str) -> None:
    with pytest.raises(ValueError, match="marks"):
        with_figures(page, REPORT)


def test_everything_is_written_into_the_directory_and_again_the_same(tmp_path: Path) -> None:
    (tmp_path / PAGE).write_text(BEGIN + END)
    write_docs(REPORT, tmp_path)
    first = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    write_docs(read_report(tmp_path / FIGURES), tmp_path)
    assert first.keys() == {PAGE, FIGURES, PLOT}
    assert first == {file.name: file.read_bytes() for file in tmp_path.iterdir()}


def test_another_operator_is_in_the_plot_where_it_was_measured(tmp_path: Path) -> None:
    one, two = a_size(100), a_size(1_000)
    peer = Peer(idle=one.idle, first_service=a_job(seconds=8.0), restart=one.restart)
    for name, sizes, shown in (("without", [one, two], 0), ("with", [replace(one, peer=peer), two], 3)):
        write_plot(a_report(*sizes), tmp_path / f"{name}.svg")
        assert (tmp_path / f"{name}.svg").read_text().count("other operator<") == shown


def test_every_row_has_a_cell_for_each_heading_and_a_terminal_shows_them_whole() -> None:
    console = Console(file=io.StringIO(), record=True, width=80)
    slow = a_report(replace(a_size(10_000), first_service=a_job(cpu_ms=12.34, seconds=1234.5)))
    for sheet in (*sheets(REPORT), *sheets(slow)):
        assert {len(row) for row in sheet.rows} == {len(sheet.headings)}
        console.print(sheet.table())
    assert "…" not in console.export_text()
