"""Keeps texts that occur in thousands of objects in memory once.

`sys.intern` does not fit: since Python 3.12 it never frees a text, and tenants choose most texts here.
"""

from __future__ import annotations

from typing import Any

SHORT = 40
"""Characters of the longest text that is taken for one of many: a time, a reason, a name of a field."""


class Texts:
    """A table with one copy of each text. It is emptied when it is full, so that its size is bounded.

    Args:
        most: how many texts it holds.
        longest: characters of the longest one; a longer text is given back as it is.
    """

    def __init__(self, *, most: int, longest: int) -> None:
        self._most = most
        self._longest = longest
        self._known: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._known)

    def one(self, text: str) -> str:
        """The copy of this text that the table has, or adds."""
        if len(text) > self._longest:
            return text
        found = self._known.get(text)
        if found is None:
            if len(self._known) >= self._most:
                self._known.clear()
            found = self._known[text] = text
        return found


SHORT_TEXTS = Texts(most=4096, longest=SHORT)


def shared(value: Any) -> Any:  # noqa: ANN401 - whatever JSON can carry
    """A copy of a JSON value whose short texts are those of the table."""
    if isinstance(value, str):
        return SHORT_TEXTS.one(value)
    if isinstance(value, dict):
        return {SHORT_TEXTS.one(key): shared(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shared(item) for item in value]
    return value
