"""The check of the documentation's language finds bad words, long sentences and misspellings, and nothing in code."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.language import NOT_MEASURED, WORDS, Hit, find, find_in_code, hard_to_read, misspelt, pages, problems
from tools.prose import LONG_SHARE, LONG_WORDS, MEAN_WORDS, MOST_WORDS, readability, sentences

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Whoever reads this is told of it.", ["Whoever", "is told", "told of"]),
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


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ('"""Whoever reads this."""\n', ["Whoever"]),
        ("nobody = 1  # a comment about somebody\n", ["somebody"]),
        ('text = "the rights of it"\n', ["rights"]),
        ('text = f"{count} was told of {place}, by {nobody}"\n', ["was told", "told of"]),
        ("def mend(anew: int) -> None: ...\n", []),
    ],
)
def test_words_to_replace_are_found_in_texts_of_code_only(code: str, words: list[str]) -> None:
    assert [hit.word for hit in find_in_code(code) if hit.word != "nobody"] == words


def test_a_hit_in_code_has_its_line() -> None:
    assert [
        hit.line for hit in find_in_code('x = 1\n\n\ndef f() -> None:\n    """A text.\n\n    Anew.\n    """\n')
    ] == [7]


def test_a_hit_has_its_line_and_the_word_to_use() -> None:
    text = "# Title\n\n```bash\nls\n```\n\nA page with anew in it.\n"
    assert list(find(text)) == [Hit(7, "anew", WORDS["anew"])]


def test_all_pages_are_read() -> None:
    read = {page.relative_to(ROOT).as_posix() for page in pages(ROOT)}
    top = {"README.md", "CHANGELOG.md", "lab/README.md"}
    assert {*top, "docs/install.md", "docs/runbooks/README.md", "deploy/chart/README.md"} <= read
    assert {page.relative_to(ROOT).as_posix() for page in (ROOT / "docs" / "adr").glob("*.md")} <= read


@pytest.mark.parametrize("page", [page.relative_to(ROOT).as_posix() for page in pages(ROOT)])
def test_no_page_has_such_a_word(page: str) -> None:
    assert list(find((ROOT / page).read_text(encoding="utf-8"))) == []


SHORT = "The operator writes the Secret. "


def sentence(words: int) -> str:
    return " ".join(["Word", *["word"] * (words - 2), "end."]) + " "


def test_markup_and_code_are_not_words_of_a_sentence() -> None:
    text = "# A title\n\nRead [the guide](a/long/address.md) of `kubectl get pods`, e.g. now.\n\n```bash\nls -l\n```\n"
    assert [(one.line, one.text, one.words) for one in sentences(text)] == [
        (1, "A title", 2),
        (3, "Read the guide of code, e.g. now.", 7),
    ]


def test_cells_of_a_table_and_entries_of_a_list_are_read() -> None:
    text = "| a | b |\n|---|---|\n| One sentence here. | Two here. And three. |\n\n- An entry of a list.\n"
    assert [one.text for one in sentences(text)] == [
        "One sentence here.",
        "Two here.",
        "And three.",
        "An entry of a list.",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (SHORT * 20, ""),
        (SHORT * 20 + sentence(MOST_WORDS), ""),
        (SHORT * 20 + sentence(MOST_WORDS + 1), f"a sentence of {MOST_WORDS + 1} words"),
        (SHORT * 20 + sentence(LONG_WORDS + 1) * 4, f"at most {LONG_SHARE:.0%} are allowed"),
        (sentence(int(MEAN_WORDS) + 1) * 5, f"at most {MEAN_WORDS:g} are allowed"),
        (sentence(LONG_WORDS + 1) + SHORT, ""),
    ],
)
def test_long_sentences_exceed_a_bound(text: str, problem: str) -> None:
    found = readability(text).problem
    assert problem in found
    assert bool(found) == bool(problem)


def test_a_planted_bad_sentence_fails_the_check(tmp_path: Path) -> None:
    (tmp_path / "good.md").write_text(SHORT * 20)
    assert list(problems(tmp_path)) == []
    planted = sentence(MOST_WORDS + 1)
    (tmp_path / "long.md").write_text(SHORT * 20 + planted)
    (tmp_path / "word.md").write_text("Whoever reads this is right.\n")
    (tmp_path / "spelling.md").write_text("The operator recieves a token.\n")
    said = list(problems(tmp_path))
    assert [line for line in said if line.startswith("long.md:1:")] == [f"long.md:1: 41 words: {planted.strip()}"]
    assert any(line.startswith("word.md:1: 'Whoever'") for line in said)
    assert any("spelling.md:1: recieves ==> receives" in line for line in said)


@pytest.mark.parametrize("page", [page.relative_to(ROOT).as_posix() for page in pages(ROOT)])
def test_every_page_is_easy_to_read(page: str) -> None:
    assert list(hard_to_read(ROOT / page, ROOT)) == []


def test_no_page_is_misspelt_and_those_that_are_not_measured_exist() -> None:
    assert misspelt(pages(ROOT)) == []
    assert all((ROOT / page).exists() for page in NOT_MEASURED)
