"""Finds words in the documentation that readers have to read twice, and names the words to use instead.

Run by `make check`. It reads all Markdown files but the decision records, without code: blocks, `spans` and addresses
of links. Add a word here when a reader stumbles over it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent
SKIPPED = ("docs/adr/",)

WORDS = {
    r"whoever|nobody|somebody|anybody": "say who: you, an administrator, another controller, no replica",
    r"mend|mends|mended": "fix",
    r"anew": "again",
    r"cures?": "remedy",
    r"rights": "permissions",
    r"(?:is|was|are|were|to be) had": "obtained",
    r"(?:is|are|was|were|be) told": "reported, or configured",
    r"looks at|looked at": "watch, reconcile, read or check",
    r"stands (?:in|for|above|below|between)": "is in, means, is above",
    r"no good": "invalid",
}
"""Patterns of words, each with what to write instead."""

_CODE = re.compile(r"^```.*?^```|`[^`\n]*`|\]\([^)\s]*\)|<!--.*?-->", re.MULTILINE | re.DOTALL)


class Hit(NamedTuple):
    """A word that should be another one.

    Attributes:
        line: its number, from 1.
        word: as it was found.
        instead: what to write.
    """

    line: int
    word: str
    instead: str


def find(text: str) -> Iterator[Hit]:
    """The words of a Markdown text that should be others, in their order."""
    prose = _CODE.sub(lambda found: "\n" * found[0].count("\n"), text)
    for number, line in enumerate(prose.splitlines(), 1):
        for pattern, instead in WORDS.items():
            for found in re.finditer(rf"\b(?:{pattern})\b", line, re.IGNORECASE):
                yield Hit(number, found[0], instead)


def pages(root: Path) -> list[Path]:
    """The Markdown files to read: at the top, in lab/, of the chart, and of the documentation without decisions."""
    found = [*root.glob("*.md"), *root.glob("lab/*.md"), *root.glob("deploy/**/*.md"), *root.glob("docs/**/*.md")]
    return sorted(page for page in found if not page.relative_to(root).as_posix().startswith(SKIPPED))


def main() -> int:
    """Prints every hit; gives 1 if there is one."""
    hits = [(page, hit) for page in pages(ROOT) for hit in find(page.read_text(encoding="utf-8"))]
    for page, hit in hits:
        sys.stdout.write(f"{page.relative_to(ROOT)}:{hit.line}: {hit.word!r}: {hit.instead}\n")
    return 1 if hits else 0


if __name__ == "__main__":
    sys.exit(main())
