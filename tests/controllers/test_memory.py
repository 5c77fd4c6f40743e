"""What is remembered of an object is dropped with it."""

from __future__ import annotations

from ecr_secret_operator.controllers.memory import Memories
from ecr_secret_operator.domain.resource import Key

KEY = Key("Secret", "team-a", "pull")
OTHER = Key("Secret", "team-b", "pull")


def test_an_object_keeps_its_memory_between_two_reconciles() -> None:
    memories: Memories[list[str]] = Memories(list)
    memories.of(KEY, "1").append("a")
    assert memories.of(KEY, "1") == ["a"]
    assert memories.of(OTHER, "1") == []


def test_another_object_of_the_same_name_begins_with_an_empty_memory() -> None:
    memories: Memories[list[str]] = Memories(list)
    memories.of(KEY, "1").append("a")
    assert memories.of(KEY, "2") == []
    assert memories.of(KEY, "1") == []


def test_what_is_forgotten_begins_again() -> None:
    memories: Memories[list[str]] = Memories(list)
    memories.of(KEY, "1").append("a")
    memories.forget(KEY)
    memories.forget(OTHER)
    assert memories.of(KEY, "1") == []
