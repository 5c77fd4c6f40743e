r"""Escapes characters that a terminal interprets instead of showing.

Resources, files and environments can contain terminal control sequences, bidirectional overrides and line separators.
Printed as they are, they can hide text, forge lines or send input to the terminal. All output passes through here.

"Printable" has the meaning of `str.isprintable`: control characters (C0, DEL, C1), format characters (among them the
bidirectional controls), line and paragraph separators, lone surrogates and unassigned characters are not printable.
They are shown as Python writes them in a string literal, such as \x1b.
"""

from __future__ import annotations

from collections.abc import Callable

OWN_LAYOUT = "\n\t"
"""Control characters of texts that have several lines: tables, tracebacks, YAML."""


def one_line(text: str) -> str:
    """The text with all characters that are not printable escaped, line breaks and tabs too. For foreign text."""
    return _escaped(text, "", _literal)


def printable(text: str) -> str:
    """The text with all characters that are not printable escaped, except line breaks and tabs."""
    return _escaped(text, OWN_LAYOUT, _literal)


def printable_json(document: str) -> str:
    """A JSON document with all characters that are not printable escaped as JSON does; line breaks stay."""
    return _escaped(document, OWN_LAYOUT, _json)


def _escaped(text: str, kept: str, escape: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() or char in kept else escape(char) for char in text)


def _literal(char: str) -> str:
    return repr(char)[1:-1]


def _json(char: str) -> str:
    r"""Inside a JSON document such a character can only be in a string, where \u escapes are allowed (RFC 8259, 7)."""
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
