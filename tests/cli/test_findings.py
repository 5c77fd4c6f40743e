"""What `doctor` prints for people."""

from __future__ import annotations

import pytest

from ecr_secret_operator.cli.doctor import print_findings
from ecr_secret_operator.doctor.finding import Finding, Level, counted, error, ok, unknown, warning
from tests.hostile import HOSTILE, interpreted


@pytest.mark.parametrize("column", ["subject", "message", "remedy"])
def test_every_column_escapes_what_a_terminal_interprets(capsys: pytest.CaptureFixture[str], column: str) -> None:
    texts = {"subject": "s", "message": "m", "remedy": "r", column: HOSTILE}
    print_findings([Finding(Level.ERROR, "cause", **texts)])
    printed = capsys.readouterr().out
    assert interpreted(printed) == []
    assert r"\x1b[8mhidden\x1b]0;title\x07 \x9b2J\nError: forged end" in printed


def counts(capsys: pytest.CaptureFixture[str], *findings: Finding) -> str:
    print_findings(findings)
    return capsys.readouterr().out.splitlines()[-1]


def test_the_counts_are_singular_and_plural(capsys: pytest.CaptureFixture[str]) -> None:
    bad, doubtful = error("a", "b", "c", "d"), warning("a", "b", "c", "d")
    assert counts(capsys, bad, doubtful) == "1 error, 1 warning, 0 ok, 0 unknown"
    assert counts(capsys, ok("a", "b", "c"), unknown("a", "b", "c")) == "0 errors, 0 warnings, 1 ok, 1 unknown"
    assert counts(capsys, bad, bad, doubtful, doubtful) == "2 errors, 2 warnings, 0 ok, 0 unknown"


def test_the_cause_is_in_the_wide_form_only(capsys: pytest.CaptureFixture[str]) -> None:
    finding = error("some-cause", "subject", "message", "remedy")
    print_findings([finding], wide=True)
    assert "error    some-cause" in capsys.readouterr().out
    print_findings([finding])
    assert "some-cause" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("number", "words", "shown"),
    [
        (0, ("error",), "0 errors"),
        (1, ("error",), "1 error"),
        (2, ("error",), "2 errors"),
        (2, ("policy", "policies"), "2 policies"),
        (1, ("policy", "policies"), "1 policy"),
    ],
)
def test_a_number_with_its_noun(number: int, words: tuple[str, ...], shown: str) -> None:
    assert counted(number, *words) == shown
