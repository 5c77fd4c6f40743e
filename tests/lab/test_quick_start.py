"""The quick start does what it says: its commands are taken from the page, and typed into one shell."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecr_secret_operator_lab.operator import installed_command
from tests.lab.developing import Environment, dev

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "quick-start.md"
FENCE = re.compile(r"^```(bash|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECONDS = 240


def by_hand(language: str) -> list[str]:
    """The blocks of the part that is typed by hand."""
    _, mark, part = PAGE.read_text().partition("## By hand\n")
    assert mark
    return [text for found, text in FENCE.findall(part) if found == language]


def script() -> str:
    """All commands, each shown before it runs. What makes and names the checkout's own .venv is left to the test."""
    typed = "".join(by_hand("bash"))
    assert typed.startswith("make install\n")
    typed = typed.removeprefix("make install\n").replace(".venv/bin/ecr-secret-operator", '"$INSTALLED"')
    return f"set -euo pipefail\nset -m\ntrap 'kill %1 2>/dev/null || true' EXIT\n{typed}"


@pytest.fixture
def typed(environment: Environment, tmp_path: Path) -> Iterator[subprocess.CompletedProcess[str]]:
    own = {**environment, "INSTALLED": installed_command()}
    done = subprocess.run(
        ["/bin/bash", "-c", script()],
        env=own,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    yield done
    dev("down", environment)


def test_its_commands_work_and_print_what_the_page_shows(
    typed: subprocess.CompletedProcess[str], tmp_path: Path
) -> None:
    log = tmp_path / "operator.log"
    assert typed.returncode == 0, typed.stdout + typed.stderr + (log.read_text() if log.exists() else "")
    printed = {plain(line) for line in typed.stdout.splitlines()}
    shown = [plain(line) for block in by_hand("console") for line in block.splitlines()]
    assert [line for line in shown if line not in printed] == [], typed.stdout
    asked = re.findall(r"AWS was asked (\d+) times?", typed.stdout)
    assert asked == ["1"], "neither the second resource nor the repair has asked AWS"
    assert typed.stdout.endswith("Stopped.\n")


def plain(line: str) -> str:
    """A line without what differs from run to run: ages, times left and the width of columns."""
    words = " ".join(line.split())
    return re.sub(r"\b\d+[smh]\b|[▏▎▍▌▋▊▉█]+", "TIME", words)
