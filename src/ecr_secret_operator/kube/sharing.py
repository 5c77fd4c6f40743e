"""Texts that thousands of objects say alike, in memory once."""

from __future__ import annotations

from sys import intern
from typing import Any

SHORT = 40
"""Characters of the longest text that is taken for one of many: a time, a reason, a name of a field."""


def shared(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can carry
    """A value of JSON in which short texts are the same objects as elsewhere."""
    if isinstance(value, str):
        return intern(value) if len(value) <= SHORT else value
    if isinstance(value, dict):
        return {intern(key): shared(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shared(item) for item in value]
    return value
