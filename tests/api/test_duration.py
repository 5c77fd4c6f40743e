from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator.api.duration import MAXIMUM, format_duration, parse_duration
from ecr_secret_operator.errors import InvalidField


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10h", 36_000),
        ("6h", 21_600),
        ("1h30m", 5_400),
        ("90m", 5_400),
        ("1h1m1s", 3_661),
        ("1.5h", 5_400),
        ("0.5m", 30),
        ("40s", 40),
        ("1500ms", 1.5),
        ("1h0m0.5s", 3_600.5),
        ("60000000µs", 60),
        ("60000000us", 60),
        ("60000000000ns", 60),
        ("1m1h", 3_660),
        ("0s", 0),
        ("1ns", 0),
        ("000001h", 3_600),
        (".5h", 1_800),
        ("1.h", 3_600),
        ("+10h", 36_000),
        ("60000000\u03bcs", 60),  # the Greek letter: the micro sign is another character
        ("59.9999999s", 59.999999),
        ("0.563m26.22s", 60),
        ("0.566m26.04s", 60),
        ("0.582m25.08s", 60),
    ],
)
def test_durations_mean_what_they_mean_in_go(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["8785h", "2562047h"])
def test_a_huge_duration_is_cut_to_a_year_instead_of_overflowing(text: str) -> None:
    assert parse_duration(text) == MAXIMUM


@pytest.mark.parametrize("text", ["2562048h", "9999999h", "999999999999999h", "999999999999999h" * 3])
def test_what_is_longer_than_go_knows_is_refused(text: str) -> None:
    with pytest.raises(InvalidField, match="the longest is 2562047h"):
        parse_duration(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "banana",
        "1",
        "1h30",
        "h",
        "-5m",
        "--5m",
        "5 m",
        " 5m",
        "5m ",
        "5m\n",
        "\n5m",
        "5M",
        "5H",
        "1d",
        "1w",
        "1y",
        "5min",
        "5m;",
        "1,5h",
        "1.h.",
        ".h",
        "++5m",
        "5m+5m",
        "1..5h",
        "0x10h",
        "1e3s",
        "infs",
        "nans",
        "PT1H",
        "\u0665m",  # Arabic-Indic
        "５m",  # noqa: RUF001 - the point
        "5ｍ",  # noqa: RUF001 - the point
        "5m\0",
        "1_000s",
        "9999999999999999h",
        "5" * 10_000,
        "5" * 10_000 + "m",
        "1m" * 5_000 + "x",
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InvalidField, match=r"is not a duration\. Write a number with a unit, such as 10h or 1h30m"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (timedelta(hours=10), "10h"),
        (timedelta(minutes=90), "1h30m"),
        (timedelta(seconds=40), "40s"),
        (timedelta(hours=1, seconds=1), "1h1s"),
        (timedelta(days=2), "48h"),
        (timedelta(0), "0s"),
        (timedelta(seconds=59.7), "1m"),
    ],
)
def test_durations_are_written_as_people_write_them(duration: timedelta, text: str) -> None:
    assert format_duration(duration) == text


@given(st.integers(min_value=0, max_value=int(MAXIMUM.total_seconds())))
def test_whole_seconds_survive_writing_and_reading(seconds: int) -> None:
    duration = timedelta(seconds=seconds)
    assert parse_duration(format_duration(duration)) == duration
