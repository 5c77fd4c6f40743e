"""Values as messages of the API server show them, which is how Go formats them."""

from __future__ import annotations

from typing import Any

import msgspec

_SHORT = {"\a": r"\a", "\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", "\v": r"\v"}
_SHORT |= {'"': r"\"", "\\": r"\\"}
_ASCII, _BASIC = 0x80, 0x10000


def quoted(text: str) -> str:
    """A text as Go's %q shows it."""
    return '"' + "".join(map(_character, text)) + '"'


def _character(one: str) -> str:
    if one in _SHORT:
        return _SHORT[one]
    if one.isprintable():
        return one
    code = ord(one)
    return f"\\x{code:02x}" if code < _ASCII else f"\\u{code:04x}" if code < _BASIC else f"\\U{code:08x}"


def shown(value: Any) -> str:
    """A value as `field.Error` shows it."""
    if isinstance(value, str):
        return quoted(value)
    return "null" if value is None else msgspec.json.encode(value).decode()
