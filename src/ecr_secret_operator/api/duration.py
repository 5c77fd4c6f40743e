"""Durations as Go writes them, because that is what the resources carry (`10h`, `1h30m`)."""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction
from functools import lru_cache

from ..errors import InvalidField, shown

_NUMBER = "(?:[0-9]{1,15}(?:[.][0-9]{0,9})?|[.][0-9]{1,9})"
_UNIT = "(?:ns|us|µs|μs|ms|s|m|h)"
DURATION_PATTERN = f"[+]?(?:{_NUMBER}{_UNIT})+"
"""Go's `time.ParseDuration`, not negative and without overflow. RE2 syntax: CEL uses it too."""

_WHOLE = re.compile(DURATION_PATTERN)
_PART = re.compile(f"({_NUMBER})({_UNIT})")
_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
MAXIMUM = timedelta(days=366)
"""Anything longer means the same, and stays far from overflow."""

_LONGEST = 2**63 - 1
"""Nanoseconds of the longest duration of Go, some 292 years: to the API server anything longer is none."""

_MAXIMUM_MICROSECONDS = MAXIMUM // timedelta(microseconds=1)


@lru_cache(maxsize=1024)
def parse_duration(text: str) -> timedelta:
    """Reads a Go duration, rounded down to a microsecond; at most 366 days come out. Remembered, as there are few.

    Raises:
        InvalidField: it is none, is negative, or is longer than Go knows.
    """
    if not _WHOLE.fullmatch(text):
        raise InvalidField(f"{shown(text)} is not a duration. Write a number with a unit, such as 10h or 1h30m")
    nanoseconds = sum(
        Fraction(f"0{number}0" if "." in number else number) * _NANOSECONDS[unit]
        for number, unit in _PART.findall(text)
    )
    if nanoseconds > _LONGEST:
        raise InvalidField(f"{shown(text)} is not a duration: the longest is 2562047h")
    return min(timedelta(microseconds=min(int(nanoseconds) // 1000, _MAXIMUM_MICROSECONDS)), MAXIMUM)


def format_duration(duration: timedelta) -> str:
    """Writes a duration as Go would, in whole seconds: `10h`, `1h30m`, `40s`."""
    seconds = round(duration.total_seconds())
    hours, seconds = divmod(seconds, 3600)
    minutes, seconds = divmod(seconds, 60)
    parts = [f"{n}{unit}" for n, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if n]
    return "".join(parts) or "0s"
