"""What is not printable is escaped, and nothing else is changed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator.domain.printable import one_line, printable, printable_json
from tests.hostile import HOSTILE, interpreted

ANY = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, café, 数 and █", "plain, café, 数 and █"),
        ("\x1b[31m", r"\x1b[31m"),
        ("\x9b2J\x7f", r"\x9b2J\x7f"),
        ("a\u202eb\u2069", r"a\u202eb\u2069"),
        ("a\u2028b\u2029", r"a\u2028b\u2029"),
        ("\udcff", r"\udcff"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
    ],
)
def test_foreign_text_is_one_line(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_text_of_several_lines_keeps_its_layout() -> None:
    assert printable("a\n\tb\r\x1b") == "a\n\tb\\r\\x1b"


@given(ANY)
def test_nothing_is_left_to_interpret(text: str) -> None:
    assert interpreted(one_line(text), own="") == []
    assert interpreted(printable(text), own="\n\t") == []
    assert one_line(one_line(text)) == one_line(text)


@given(st.recursive(ANY, lambda inner: st.lists(inner) | st.dictionaries(ANY, inner), max_leaves=5))
def test_a_json_document_stays_the_same_document(value: object) -> None:
    for indent in (None, 2):
        written = printable_json(json.dumps(value, ensure_ascii=False, indent=indent))
        assert json.loads(written) == json.loads(json.dumps(value))
        assert interpreted(written) == []


def test_all_that_is_hostile_is_escaped() -> None:
    assert interpreted(one_line(HOSTILE), own="") == []
    assert json.loads(printable_json(json.dumps(HOSTILE, ensure_ascii=False))) == HOSTILE
