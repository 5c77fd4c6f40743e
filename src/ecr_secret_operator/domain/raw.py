"""Ways through objects as the API server gave them, of which nothing is promised: an old definition let anything in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

RawObject = Mapping[str, Any]
"""An object as it came from the API server, or from a file."""

Manifest = dict[str, Any]
"""An object that this project makes, to be written as YAML or JSON."""


def mapping(value: object, *path: str) -> RawObject:
    """The mapping at a path; empty when there is none."""
    for part in path:
        value = value.get(part) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def items(value: object, *path: str) -> Sequence[Any]:
    """The list at a path; empty when there is none."""
    found = mapping(value, *path[:-1]).get(path[-1]) if path else value
    return found if isinstance(found, list) else ()


def mappings(value: object, *path: str) -> list[RawObject]:
    """The mappings in the list at a path."""
    return [one for one in items(value, *path) if isinstance(one, Mapping)]


def text(value: object, *path: str) -> str:
    """The text at a path; empty when there is none."""
    found = mapping(value, *path[:-1]).get(path[-1]) if path else value
    return found if isinstance(found, str) else ""


def number(value: object, *path: str) -> int:
    """The whole number at a path; 0 when there is none."""
    found = mapping(value, *path[:-1]).get(path[-1]) if path else value
    return found if isinstance(found, int) and not isinstance(found, bool) else 0
