"""What a watch tells of a write that is under way."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ecr_secret_operator.runtime.cache import Cache
from ecr_secret_operator.runtime.inflight import InFlightWrites
from tests.runtime.objects import Thing, name_of


class Seen:
    """A cache, what writes to it, and what of it was read from a watch."""

    def __init__(self, *things: Thing) -> None:
        self.cache: Cache[str, Thing] = Cache(name_of)
        for thing in things:
            self.cache.put(thing)
        self.own = InFlightWrites(self.cache)
        self.read: list[Thing] = []

    def tells(self, thing: Thing) -> bool:
        """A watch tells of a thing; whether it is to be read at once."""
        return not self.own.absorb(thing.name, thing.resource_version, self._reader(thing))

    def _reader(self, thing: Thing) -> Callable[[], Thing]:
        def read() -> Thing:
            self.read.append(thing)
            return thing

        return read


def test_what_others_write_is_read() -> None:
    seen = Seen(Thing("a", 1))
    assert seen.tells(Thing("a", 2))
    assert seen.tells(Thing("b", 3))


def test_what_is_here_already_is_not() -> None:
    seen = Seen(Thing("a", 5))
    assert not seen.tells(Thing("a", 5))
    assert not seen.tells(Thing("a", 4))


def test_the_echo_that_comes_before_the_answer_is_never_read() -> None:
    seen = Seen(Thing("a", 1))
    with seen.own.writing("a"):
        assert not seen.tells(Thing("a", 2))
        seen.cache.put(Thing("a", 2, tags=("answer",)))
    assert seen.cache.get("a") == Thing("a", 2, tags=("answer",))
    assert seen.read == []


def test_other_objects_are_read_meanwhile() -> None:
    seen = Seen()
    with seen.own.writing("a"):
        assert seen.tells(Thing("b", 2))
    assert seen.tells(Thing("a", 3)), "the write is over"


def test_what_another_one_wrote_after_the_own_write_is_taken_in_after_the_answer() -> None:
    seen = Seen(Thing("a", 1))
    with seen.own.writing("a"):
        assert not seen.tells(Thing("a", 2))
        assert not seen.tells(Thing("a", 3, tags=("theirs",)))
        seen.cache.put(Thing("a", 2))
    assert seen.cache.get("a") == Thing("a", 3, tags=("theirs",))
    assert seen.read == [Thing("a", 3, tags=("theirs",))]


def test_what_was_told_is_taken_in_when_the_write_fails() -> None:
    seen = Seen(Thing("a", 1))

    def write() -> None:
        with seen.own.writing("a"):
            assert not seen.tells(Thing("a", 2, tags=("theirs",)))
            raise ValueError("a conflict")

    with pytest.raises(ValueError, match="a conflict"):
        write()
    assert seen.cache.get("a") == Thing("a", 2, tags=("theirs",))


def test_what_is_gone_by_then_does_not_come_back() -> None:
    seen = Seen(Thing("a", 1))
    with seen.own.writing("a"):
        assert not seen.tells(Thing("a", 2))
        seen.cache.drop(Thing("a", 3))
    assert seen.cache.get("a") is None


def test_two_writes_at_once_end_one_by_one() -> None:
    seen = Seen()
    with seen.own.writing("a"):
        with seen.own.writing("a"):
            seen.cache.put(Thing("a", 2))
        assert seen.tells(Thing("a", 3))
