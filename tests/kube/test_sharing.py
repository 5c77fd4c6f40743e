"""Texts that many objects say alike."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator.kube.sharing import SHORT, Texts, shared

STATUS = {
    "phase": "Updated",
    "observedGeneration": 1,
    "conditions": [{"type": "Ready", "status": "True", "reason": "Refreshed", "message": "m" * (SHORT + 1)}],
}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


def read() -> Any:
    return json.loads(json.dumps(STATUS))


def test_short_texts_of_two_objects_are_one_in_memory() -> None:
    one, other = shared(read()), shared(read())
    assert one == other == STATUS
    assert one["phase"] is other["phase"]
    assert one["conditions"][0]["reason"] is other["conditions"][0]["reason"]
    assert next(iter(one)) is next(iter(other))


def test_long_texts_are_not_kept_for_others() -> None:
    one, other = shared(read()), shared(read())
    assert one["conditions"][0]["message"] is not other["conditions"][0]["message"]


@given(VALUES)
def test_nothing_is_changed(value: Any) -> None:
    assert shared(value) == value


def test_the_table_does_not_grow_without_end() -> None:
    texts = Texts(most=10, longest=5)
    for number in range(1_000):
        assert texts.one(str(number)) == str(number)
        assert len(texts) <= 10
    long = "long text"
    assert texts.one(long) is long
    assert len(texts) <= 10
