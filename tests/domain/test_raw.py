"""Nothing is promised of an object as it is stored: what is not as expected is not there."""

from __future__ import annotations

from typing import Any

import pytest

from ecr_secret_operator.domain.raw import items, mapping, mappings, number, text

OBJECT = {"a": {"b": {"c": "text"}, "list": [{"x": 1}, 7]}, "n": 3, "yes": True}


@pytest.mark.parametrize("junk", [None, 7, "x", [1], {"a": None}, {"a": {"b": 3}}], ids=repr)
def test_what_is_not_there_is_empty(junk: Any) -> None:
    assert mapping(junk, "a", "b", "c") == {}
    assert text(junk, "a", "b", "c") == ""
    assert number(junk, "a", "b", "c") == 0
    assert items(junk, "a", "b", "c") == ()
    assert mappings(junk, "a", "b", "c") == []


def test_what_is_there_is_found() -> None:
    assert mapping(OBJECT, "a", "b") == {"c": "text"}
    assert text(OBJECT, "a", "b", "c") == "text"
    assert text("itself") == "itself"
    assert number(OBJECT, "n") == number(3) == 3
    assert items(OBJECT, "a", "list") == [{"x": 1}, 7]
    assert items([1]) == [1]
    assert mappings(OBJECT, "a", "list") == [{"x": 1}]


def test_a_boolean_is_no_number() -> None:
    assert number(OBJECT, "yes") == 0
