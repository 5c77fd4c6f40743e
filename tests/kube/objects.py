"""Objects as the API server sends them."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")


def a_meta(**over: Any) -> dict[str, Any]:
    return {"name": "aws", "namespace": "team-a", "uid": "u", "resourceVersion": "7", **over}


def decoded(kind: type[T], raw: dict[str, Any]) -> T:
    """As it comes from the wire."""
    return msgspec.json.decode(json.dumps(raw), type=kind)
