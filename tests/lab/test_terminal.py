"""The terminal picture shows what the commands print: they run again, and their output is that of the record."""

from __future__ import annotations

import re
from pathlib import Path

from tools import picture, terminal

from ecr_secret_operator_lab.reporting import LineReporter

RECORD = Path(__file__).parents[2] / picture.RECORD
TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|\b(?:\d+[smh])+\b")
ESCAPE = re.compile(r"\x1b\[[\d;]*[mK]")


def plain(text: str) -> str:
    """Without times, colours, and the width of columns."""
    lines = (" ".join(line.split()) for line in ESCAPE.sub("", text).splitlines())
    return "\n".join(TIME.sub("TIME", line) for line in lines)


def test_the_record_is_what_the_commands_print() -> None:
    assert plain(terminal.record(LineReporter())) == plain(RECORD.read_text())


def test_the_record_fits_into_the_picture() -> None:
    assert max(len(ESCAPE.sub("", line)) for line in RECORD.read_text().splitlines()) <= picture.COLUMNS
