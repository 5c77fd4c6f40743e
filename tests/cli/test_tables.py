"""What a person reads: the bar, the table, and what is said below it."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from rich.console import Console

from ecr_secret_operator.cli.tables import bar, credentials, in_words
from ecr_secret_operator.diagnosis.credential import credential
from ecr_secret_operator.domain.kinds import KINDS
from tests.diagnosis.objects import Object, a_condition, a_status, an_object
from tests.factories import HOST, NOW, OTHER_HOST


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
        (timedelta(hours=12), "██████████ 12h 0m"),
        (timedelta(hours=24), "██████████ 1d 0h"),
        (timedelta(hours=6), "█████      6h 0m"),
        (timedelta(minutes=1), "▏          1m 0s"),
        (timedelta(), "           expired 0s ago"),
    ],
    ids=str,
)
def test_a_bar(left: timedelta | None, drawn: str) -> None:
    assert bar(left).plain == drawn


def shown(*raws: Object, wide: bool = False) -> str:
    out = StringIO()
    found = [credential(KINDS[raw["kind"]], raw, now=NOW) for raw in raws]
    Console(file=out, width=400).print(credentials(found, NOW, wide=wide))
    return out.getvalue()


def test_what_is_good_is_one_line() -> None:
    heading, _, row = (line for line in shown(an_object()).splitlines() if line.strip())
    assert heading.split()[:4] == ["KIND", "NAMESPACE", "NAME", "SECRET"]
    assert row.split()[:6] == ["Secret", "team-a", "ecr", "ecr-generated", HOST, "operator"]
    assert row.split()[-4:] == ["6h", "0m", "Ready", "Refreshed"]


def test_what_is_not_good_is_told_below() -> None:
    status = a_status(a_condition("Ready", "False", "SecretConflict", "the name is taken"), phase="Error")
    assert "Secret/team-a/ecr: the name is taken" in shown(an_object(status=status), an_object(name="good"))


def test_a_wide_table_has_all_registries() -> None:
    raw = an_object(spec={"additional_registries": [{"ecr_registry": OTHER_HOST}]})
    assert f"{HOST} +1" in shown(raw)
    assert OTHER_HOST not in shown(raw)
    assert OTHER_HOST in shown(raw, wide=True)


def test_a_name_that_looks_like_markup_is_shown_as_it_is() -> None:
    status = a_status(a_condition("Ready", "False", "InvalidSpec", "[red]spec[/nothing]"), phase="Error")
    assert "[red]spec[/nothing]" in shown(an_object(status=status))
