"""The check of the documentation's language finds what it is meant to find, and nothing in code."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.language import WORDS, Hit, find, pages

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Whoever reads this is told of it.", ["Whoever", "is told"]),
        ("# Title\n\nA Secret that Somebody mended,\nanew.", ["Somebody", "mended", "anew"]),
        ("The cure is another one; it gives the rights.", ["cure", "rights"]),
        ("A token that was had before.", ["was had"]),
        ("A plain sentence about secure permissions and the standby.", []),
        ("Code is left alone: `nobody`, [a link](nobody.md)\n\n```bash\nwhoever anew\n```\n", []),
        ("<!-- rights -->\n", []),
    ],
)
def test_words_to_replace_are_found_in_prose_only(text: str, words: list[str]) -> None:
    assert [hit.word for hit in find(text)] == words


def test_a_hit_has_its_line_and_the_word_to_use() -> None:
    text = "# Title\n\n```bash\nls\n```\n\nA page with anew in it.\n"
    assert list(find(text)) == [Hit(7, "anew", WORDS["anew"])]


def test_all_pages_but_the_decisions_are_read() -> None:
    read = {page.relative_to(ROOT).as_posix() for page in pages(ROOT)}
    top = {"README.md", "CHANGELOG.md", "lab/README.md"}
    assert {*top, "docs/install.md", "docs/runbooks/README.md", "deploy/chart/README.md"} <= read
    assert not any(page.startswith("docs/adr/") for page in read)


@pytest.mark.parametrize("page", [page.relative_to(ROOT).as_posix() for page in pages(ROOT)])
def test_no_page_has_such_a_word(page: str) -> None:
    assert list(find((ROOT / page).read_text(encoding="utf-8"))) == []
