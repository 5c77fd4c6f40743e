"""The index says what a search through the cache would say, in the order in which the objects came to have the key."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator.runtime.cache import Cache
from ecr_secret_operator.runtime.index import FEW, Index

COLOURS = ("red", "green", "blue")


@dataclass(frozen=True)
class Thing:
    name: str
    resource_version: str
    colours: tuple[str, ...]


def indexed() -> tuple[Cache[str, Thing], Index[str, str, Thing]]:
    cache: Cache[str, Thing] = Cache(lambda thing: thing.name)
    return cache, Index(cache, key_of=lambda thing: thing.name, derived=lambda thing: thing.colours)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2 * FEW), st.none() | st.lists(st.sampled_from(COLOURS), max_size=3, unique=True).map(tuple)
        ),
        max_size=60,
    )
)
def test_it_is_what_a_search_would_find(changes: list[tuple[int, tuple[str, ...] | None]]) -> None:
    cache, index = indexed()
    expected: dict[str, list[str]] = {colour: [] for colour in COLOURS}
    for version, (number, colours) in enumerate(changes, start=1):
        name = f"thing-{number}"
        thing = Thing(name, str(version), colours or ())
        if colours is None:
            cache.drop(thing)
        else:
            cache.put(thing)
        for colour, names in expected.items():
            if name in names and colour not in thing.colours:
                names.remove(name)
            elif name not in names and colour in thing.colours:
                names.append(name)
        assert {colour: list(index.get(colour)) for colour in COLOURS} == expected


def test_nothing_is_kept_for_a_key_that_nobody_has() -> None:
    cache, index = indexed()
    for number in range(2 * FEW):
        cache.put(Thing(f"thing-{number}", "1", ("red",)))
    assert len(index.get("red")) == 2 * FEW
    for number in range(2 * FEW):
        cache.drop(Thing(f"thing-{number}", "2", ()))
    assert index.get("red") == ()
    assert vars(index)["_keys"] == {}
