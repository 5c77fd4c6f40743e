"""What a person reads: the bar, the table, and what is said below it."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from rich.console import Console

from ecr_secret_operator.cli.tables import bar, credentials, in_words
from ecr_secret_operator.doctor.credential import credential
from ecr_secret_operator.domain.kinds import KINDS
from tests.doctor.objects import Object, a_condition, a_status, an_object
from tests.factories import NOW, OTHER_HOST


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(hours=11, minutes=5, seconds=3), "11h 5m"),
        (timedelta(days=2), "2d 0h"),
        (timedelta(seconds=59), "59s"),
        (timedelta(minutes=3, seconds=1), "3m 1s"),
        (timedelta(), "0s"),
        (timedelta(hours=-1), "1h 0m"),
    ],
    ids=str,
)
def test_a_time_in_words(left: timedelta, words: str) -> None:
    assert in_words(left) == words


@pytest.mark.parametrize(
    ("left", "drawn"),
    [
        (None, "-"),
        (timedelta(hours=12), "██████ 12h 0m"),
        (timedelta(hours=24), "██████ 1d 0h"),
        (timedelta(hours=6), "███    6h 0m"),
        (timedelta(minutes=1), "▏      1m 0s"),
        (timedelta(), "expired 0s ago"),
        (timedelta(hours=-1, minutes=-5), "expired 1h ago"),
    ],
    ids=str,
)
def test_a_bar(left: timedelta | None, drawn: str) -> None:
    assert bar(left).plain == drawn


def shown(*raws: Object, wide: bool = False, width: int = 400) -> str:
    out = StringIO()
    found = [credential(KINDS[raw["kind"]], raw, now=NOW) for raw in raws]
    Console(file=out, width=width).print(credentials(found, NOW, wide=wide, width=width))
    return out.getvalue()


def test_what_is_good_is_one_line() -> None:
    heading, row = (line for line in shown(an_object()).splitlines() if line.strip())
    assert heading.split()[:4] == ["NAMESPACE", "RESOURCE", "SECRET", "REGISTRY"]
    wanted = ["team-a", "ecrsecret/ecr", "ecr-generated", "123456789012", "us-east-2", "operator"]
    assert row.split() == [*wanted, "███", "6h", "0m", "Ready"]


def test_a_usual_terminal_shows_a_resource_on_one_line() -> None:
    for width in (80, 120):
        _, row = (line for line in shown(an_object(), width=width).splitlines() if line.strip())
        assert row.rstrip().endswith("Ready"), row
        assert ("ecr-generated" in row) is (width > 100)


def test_what_is_not_good_is_told_below() -> None:
    status = a_status(a_condition("Ready", "False", "SecretConflict", "the name is taken"), phase="Error")
    assert "Secret team-a/ecr: SecretConflict: the name is taken" in shown(
        an_object(status=status), an_object(name="good")
    )


def test_a_wide_table_has_all_registries() -> None:
    raw = an_object(spec={"additional_registries": [{"ecr_registry": OTHER_HOST}]})
    assert "123456789012 us-east-2 +1" in shown(raw)
    assert OTHER_HOST not in shown(raw)
    assert OTHER_HOST in shown(raw, wide=True)


def test_a_wide_table_says_what_the_tokens_are_limited_to() -> None:
    limited = an_object()
    limited["status"]["tokenLimit"] = "pull in team-a/*"
    pending = an_object(name="new", status={})
    lines = shown(limited, an_object(name="other"), pending, wide=True).splitlines()
    heading, *rows = lines[:4]
    assert heading.rstrip().endswith("LIMIT")
    assert [row[heading.index("LIMIT") :].rstrip() for row in rows] == ["pull in team-a/*", "none", "-"]
    assert "LIMIT" not in shown(limited)


def test_a_name_that_looks_like_markup_is_shown_as_it_is() -> None:
    status = a_status(a_condition("Ready", "False", "InvalidSpec", "[red]spec[/nothing]"), phase="Error")
    assert "[red]spec[/nothing]" in shown(an_object(status=status))
