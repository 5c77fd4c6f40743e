"""The last line of defence: removes texts that look like tokens or keys from log lines.

The first line is the type `Sensitive`. This one is for texts that others wrote, such as a library's exception.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from functools import lru_cache
from typing import Any

from ..domain.redaction import REDACTED, redact_text

_SECRET_NAMES = re.compile(
    r"pass(word|wd)|secret_?access|session_?token|authorization|credential|bearer|api_?key", re.IGNORECASE
)


@lru_cache(maxsize=256)
def _names_a_secret(key: str) -> bool:
    return bool(_SECRET_NAMES.search(key))


def redact(value: object, *, depth: int = 4) -> object:
    """A copy of a value without texts that look like tokens or keys; `depth` bounds nested containers."""
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping) and depth:
        return {
            str(key): REDACTED if _names_a_secret(str(key)) else redact(item, depth=depth - 1)
            for key, item in value.items()
        }
    if isinstance(value, (list, tuple)) and depth:
        return [redact(item, depth=depth - 1) for item in value]
    if isinstance(value, (bool, int, float, type(None))):
        return value
    return redact_text(str(value))


def redacting_processor(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """For structlog: redacts every field of a log line."""
    cleaned = redact(event, depth=5)
    assert isinstance(cleaned, dict)  # noqa: S101 - a mapping comes back as a dict
    return cleaned
