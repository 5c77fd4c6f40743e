"""Checks the language of the documentation and of the operator's code: words, readability and spelling.

Run by `make check`. It reads all Markdown files without code: blocks, `spans` and addresses of links. Of the modules
of the operator, the laboratory and the tools it reads comments, docstrings and other texts. Add a word
to `WORDS` when a reader stumbles over it, together with the word to use instead. The bounds of readability are in
`tools/prose.py`, and are for Markdown only. codespell checks the spelling.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from tools.prose import readability

ROOT = Path(__file__).parent.parent
LIST = Path("tools/language.py")
"""This module, which contains the words."""
NOT_MEASURED = ("CHANGELOG.md",)
"""A page without a bound of readability: a list of changes."""
SPELT_SO = "notin,te"
"""What codespell takes for mistakes: an operator of Kubernetes' selectors, and a header of HTTP."""

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
    r"no news": "what happens instead",
    r"left out:": "Optional. Defaults to ...",
    r"(?:tell|tells|told) of": "report",
}
"""Patterns of words, each with what to write instead."""

_CODE = re.compile(r"^```.*?^```|`[^`\n]*`|\]\([^)\s]*\)|<!--.*?-->", re.MULTILINE | re.DOTALL)


_TEXTS = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
"""Python 3.12 divides f-strings into tokens."""


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
    yield from _find(prose, 1)


def find_in_code(text: str) -> Iterator[Hit]:
    """The words of a Python module that should be others: in comments, docstrings and all other texts."""
    for token in tokenize.generate_tokens(StringIO(text).readline):
        if token.type in _TEXTS:
            yield from _find(token.string, token.start[0])


def _find(text: str, first_line: int) -> Iterator[Hit]:
    for number, line in enumerate(text.splitlines(), first_line):
        for pattern, instead in WORDS.items():
            for found in re.finditer(rf"\b(?:{pattern})\b", line, re.IGNORECASE):
                yield Hit(number, found[0], instead)


def pages(root: Path) -> list[Path]:
    """The Markdown files to read: at the top, in lab/, of the chart, and of the documentation."""
    found = [*root.glob("*.md"), *root.glob("lab/*.md"), *root.glob("deploy/**/*.md"), *root.glob("docs/**/*.md")]
    return sorted(found)


def modules(root: Path) -> list[Path]:
    """The modules whose texts are read: those of the operator, of the laboratory, and the tools but this one."""
    found = (module for place in ("src", "lab/src", "tools") for module in (root / place).rglob("*.py"))
    return sorted(module for module in found if module.relative_to(root) != LIST)


def hard_to_read(page: Path, root: Path) -> Iterator[str]:
    """What exceeds a bound of readability, with the longest sentences."""
    name = page.relative_to(root).as_posix()
    if name in NOT_MEASURED:
        return
    found = readability(page.read_text(encoding="utf-8"))
    if found.problem:
        yield f"{name}: {found.problem}"
        for one in found.long:
            yield f"{name}:{one.line}: {one.words} words: {one.text}"


def misspelt(found: Sequence[Path]) -> list[str]:
    """The lines in which codespell reports a spelling mistake."""
    command = [sys.executable, "-m", "codespell_lib", f"--ignore-words-list={SPELT_SO}", *map(str, found)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).splitlines() if done.returncode else []


def problems(root: Path) -> Iterator[str]:
    """Everything that is wrong with the language of pages and modules, a line each."""
    texts, code = pages(root), modules(root)
    for path in (*texts, *code):
        search = find_in_code if path in code else find
        for hit in search(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(root)}:{hit.line}: {hit.word!r}: {hit.instead}"
    for page in texts:
        yield from hard_to_read(page, root)
    yield from misspelt([*texts, *code])


def main() -> int:
    """Prints every problem; gives 1 if there is one."""
    found = list(problems(ROOT))
    sys.stdout.writelines(f"{line}\n" for line in found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
