"""The sentences of a Markdown page, and how easy they are to read.

A page is parsed as CommonMark with tables. Each paragraph, heading, list item and table cell is a block of prose.
Code counts as one word, because readers take a name as one thing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token
from sentencex import segment

LONG_WORDS = 25
"""A sentence with more words is long."""
MEAN_WORDS = 17.0
"""The most words that a sentence of a page may have on average."""
LONG_SHARE = 0.12
"""The largest share of long sentences in a page."""
MOST_WORDS = 40
"""The most words that any sentence may have."""
FEW_SENTENCES = 10
"""The share is computed for this many sentences at least: one long sentence does not fail a short page."""

_WORD = re.compile(r"[^\W_]+(?:[-'./:@_][^\W_]+)*")
_MARKDOWN = MarkdownIt("commonmark").enable("table")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a page.

    Attributes:
        line: where its block begins, from 1.
        text: without markup; code is the word `code`.
        words: how many it has.
    """

    line: int
    text: str
    words: int


@dataclass(frozen=True, slots=True)
class Readability:
    """How long the sentences of a page are.

    Attributes:
        mean: words of a sentence on average.
        long: the sentences with more than `LONG_WORDS`.
        share: share of these.
    """

    mean: float
    long: tuple[Sentence, ...]
    share: float

    @property
    def problem(self) -> str:
        """What exceeds its bound; empty if nothing does."""
        for one in self.long:
            if one.words > MOST_WORDS:
                return f"a sentence of {one.words} words, at most {MOST_WORDS} are allowed: {one.text}"
        if self.mean > MEAN_WORDS:
            return f"{self.mean:.1f} words a sentence on average, at most {MEAN_WORDS:g} are allowed"
        if self.share > LONG_SHARE:
            return (
                f"{self.share:.0%} of the sentences have over {LONG_WORDS} words, at most {LONG_SHARE:.0%} are allowed"
            )
        return ""


def sentences(text: str) -> Iterator[Sentence]:
    """The sentences of a Markdown text that are prose: with two words or more."""
    line = 1
    for token in _MARKDOWN.parse(text):
        if token.map:
            line = token.map[0] + 1
        if token.type == "inline":
            for found in segment("en", _plain(token)):
                words = len(_WORD.findall(found))
                if words > 1:
                    yield Sentence(line, " ".join(found.split()), words)


def readability(text: str) -> Readability:
    """Measures the sentences of a Markdown text; headings and table cells without an end mark are not counted."""
    found = [one for one in sentences(text) if one.text.endswith((".", "?", "!", ":"))]
    long = tuple(one for one in found if one.words > LONG_WORDS)
    mean = sum(one.words for one in found) / max(len(found), 1)
    return Readability(mean, long, len(long) / max(len(found), FEW_SENTENCES))


def _plain(token: Token) -> str:
    """The text of a block, without markup."""
    parts = {"code_inline": "code", "softbreak": " ", "hardbreak": " ", "html_inline": ""}
    return "".join(
        parts.get(child.type, child.content if child.type == "text" else "") for child in token.children or ()
    )
