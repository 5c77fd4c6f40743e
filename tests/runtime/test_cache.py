from __future__ import annotations

import pytest

from ecr_secret_operator.runtime import cache as module
from ecr_secret_operator.runtime.cache import Cache, version_number
from ecr_secret_operator.runtime.index import Index
from tests.runtime.objects import Thing, name_of

Told = list[tuple[Thing | None, Thing | None]]


def a_cache(*things: Thing) -> tuple[Cache[str, Thing], Told]:
    cache: Cache[str, Thing] = Cache(name_of)
    for thing in things:
        cache.put(thing)
    told: Told = []
    cache.listen(lambda change: told.append((change.old, change.new)))
    return cache, told


def everything(_thing: Thing) -> bool:
    return True


def test_a_new_object_is_kept_and_told() -> None:
    cache, told = a_cache()
    cache.put(Thing("a", 1))
    assert cache.get("a") == Thing("a", 1)
    assert cache.get("b") is None
    assert (len(cache), list(cache)) == (1, [Thing("a", 1)])
    assert told == [(None, Thing("a", 1))]


def test_a_newer_version_replaces_and_is_told_with_the_old_one() -> None:
    cache, told = a_cache(Thing("a", 9))
    cache.put(Thing("a", 10))
    assert cache.get("a") == Thing("a", 10), "versions compare as numbers, not as text"
    assert told == [(Thing("a", 9), Thing("a", 10))]


def test_who_rests_on_the_core_alone_hears_of_that_and_of_what_comes_and_goes() -> None:
    cache: Cache[str, Thing] = Cache(name_of, core=lambda thing: thing.tags)
    core: Told = []
    everything: Told = []
    cache.listen(lambda change: core.append((change.old, change.new)), core=True)
    cache.listen(lambda change: everything.append((change.old, change.new)))
    versions = [Thing("a", 1), Thing("a", 2), Thing("a", 3, tags=("x",)), Thing("a", 4, "there", tags=("x",))]
    for version in versions:
        cache.put(version)
    cache.drop(versions[-1])
    pairs = list(zip([None, *versions], [*versions, None], strict=True))
    assert everything == pairs
    assert core == [pair for pair in pairs if pair not in ((versions[0], versions[1]), (versions[2], versions[3]))]


def test_without_a_core_everybody_hears_of_every_change() -> None:
    cache: Cache[str, Thing] = Cache(name_of)
    told: Told = []
    cache.listen(lambda change: told.append((change.old, change.new)), core=True)
    cache.put(Thing("a", 1))
    cache.put(Thing("a", 2))
    assert told == [(None, Thing("a", 1)), (Thing("a", 1), Thing("a", 2))]


@pytest.mark.parametrize("version", [9, 10])
def test_what_is_not_newer_is_ignored(version: int) -> None:
    """A watch tells late of a write whose answer is here already."""
    cache, told = a_cache(Thing("a", 10, tags=("mine",)))
    cache.put(Thing("a", version))
    assert cache.get("a") == Thing("a", 10, tags=("mine",))
    assert told == []


def test_a_deletion_is_told_with_what_was_known() -> None:
    cache, told = a_cache(Thing("a", 10))
    cache.drop(Thing("a", 11))
    assert cache.get("a") is None
    assert told == [(Thing("a", 10), None)]


def test_a_deletion_of_the_very_version_that_is_known_counts() -> None:
    cache, _ = a_cache(Thing("a", 10))
    cache.drop(Thing("a", 10))
    assert cache.get("a") is None


def test_a_late_deletion_does_not_take_the_successor_of_the_name() -> None:
    cache, told = a_cache(Thing("a", 12))
    cache.drop(Thing("a", 11))
    assert cache.get("a") == Thing("a", 12)
    assert told == []


def test_a_deletion_of_something_unknown_is_nothing() -> None:
    cache, told = a_cache()
    cache.drop(Thing("a", 11))
    assert told == []


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_a_late_answer_does_not_bring_back_what_was_deleted(*, known: bool) -> None:
    cache, told = a_cache(*([Thing("a", 5)] if known else []))
    cache.drop(Thing("a", 9))
    told.clear()
    cache.put(Thing("a", 7))
    assert cache.get("a") is None
    cache.put(Thing("a", 10))
    assert cache.get("a") == Thing("a", 10), "a new object of the name is another matter"
    assert told == [(None, Thing("a", 10))]


def test_a_late_answer_does_not_bring_back_what_a_list_took() -> None:
    cache, _ = a_cache(Thing("a", 5))
    cache.replace([], within=everything, listed_at="10")
    cache.put(Thing("a", 10))
    assert cache.get("a") is None
    cache.put(Thing("a", 11))
    assert cache.get("a") == Thing("a", 11)


def test_deletions_that_come_out_of_order_leave_the_latest_in_memory() -> None:
    cache, _ = a_cache()
    cache.drop(Thing("a", 9))
    cache.drop(Thing("a", 5))
    cache.put(Thing("a", 7))
    assert cache.get("a") is None


def test_only_so_many_deletions_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 2)
    cache, _ = a_cache()
    for name in "abc":
        cache.drop(Thing(name, 9))
    for name in "abc":
        cache.put(Thing(name, 7))
    assert [thing.name for thing in cache] == ["a"]


def test_a_list_brings_what_is_new_and_takes_what_is_gone() -> None:
    cache, told = a_cache(Thing("kept", 1), Thing("changed", 2), Thing("gone", 3))
    cache.replace([Thing("kept", 1), Thing("changed", 8), Thing("new", 9)], within=everything, listed_at="10")
    assert {thing.name: thing.version for thing in cache} == {"kept": 1, "changed": 8, "new": 9}
    assert told == [
        (Thing("changed", 2), Thing("changed", 8)),
        (None, Thing("new", 9)),
        (Thing("gone", 3), None),
    ]


def test_a_list_does_not_take_what_is_newer_than_it() -> None:
    """Created by this process after the list was made on the server."""
    cache, told = a_cache(Thing("just created", 11))
    cache.replace([], within=everything, listed_at="10")
    assert cache.get("just created") is not None
    assert told == []
    cache.replace([], within=everything, listed_at="11")
    assert cache.get("just created") is None


def test_a_list_does_not_bring_back_an_older_version() -> None:
    cache, _ = a_cache(Thing("a", 12))
    cache.replace([Thing("a", 9)], within=everything, listed_at="10")
    assert cache.get("a") == Thing("a", 12)


def test_a_list_of_one_namespace_takes_nothing_from_another() -> None:
    cache, _ = a_cache(Thing("a", 1, place="here"), Thing("b", 2, place="there"))
    cache.replace([], within=lambda thing: thing.place == "here", listed_at="10")
    assert [thing.name for thing in cache] == ["b"]


# What is no longer looked at


def test_what_is_forgotten_is_gone_and_told() -> None:
    cache, told = a_cache(Thing("a", 10), Thing("b", 1))
    cache.forget("a")
    assert cache.get("a") is None
    assert [thing.name for thing in cache] == ["b"]
    assert told == [(Thing("a", 10), None)]


def test_forgetting_what_is_unknown_is_nothing() -> None:
    cache, told = a_cache()
    cache.forget("a")
    assert told == []


def test_what_is_looked_at_again_is_taken_in_whatever_its_version() -> None:
    """It was not deleted: the very same version has to be seen again."""
    cache, told = a_cache(Thing("a", 10))
    cache.forget("a")
    cache.put(Thing("a", 10))
    assert cache.get("a") == Thing("a", 10)
    assert told == [(Thing("a", 10), None), (None, Thing("a", 10))]


def test_a_deletion_is_forgotten_too() -> None:
    cache, _ = a_cache(Thing("a", 10))
    cache.drop(Thing("a", 11))
    cache.forget("a")
    cache.replace([Thing("a", 9)], within=everything, listed_at="9")
    assert cache.get("a") == Thing("a", 9)


def test_forgetting_one_leaves_the_memory_of_others() -> None:
    cache, _ = a_cache(Thing("a", 10))
    cache.drop(Thing("b", 11))
    cache.forget("a")
    cache.put(Thing("b", 10))
    assert cache.get("b") is None


def test_the_index_forgets_along() -> None:
    cache, index = an_index()
    cache.put(Thing("a", 1, tags=("x",)))
    cache.forget("a")
    assert index.get("x") == ()
    cache.put(Thing("a", 1, tags=("x",)))
    assert index.get("x") == ("a",)


def test_every_listener_hears_of_everything() -> None:
    cache, first = a_cache()
    second: Told = []
    cache.listen(lambda change: second.append((change.old, change.new)))
    cache.put(Thing("a", 1))
    cache.drop(Thing("a", 2))
    assert first == second == [(None, Thing("a", 1)), (Thing("a", 1), None)]


@pytest.mark.parametrize(("text", "number"), [("42", 42), ("0", 0), ("", 0), ("x", 0), ("-1", 0), ("1.5", 0)])
def test_versions_as_numbers(text: str, number: int) -> None:
    assert version_number(text) == number


# The index


def an_index() -> tuple[Cache[str, Thing], Index[str, str, Thing]]:
    cache: Cache[str, Thing] = Cache(name_of)
    return cache, Index(cache, key_of=name_of, derived=lambda thing: thing.tags)


def test_objects_are_found_by_what_is_derived_from_them() -> None:
    cache, index = an_index()
    cache.put(Thing("a", 1, tags=("x", "y")))
    cache.put(Thing("b", 2, tags=("x",)))
    assert index.get("x") == ("a", "b")
    assert index.get("y") == ("a",)
    assert index.get("z") == ()


def test_the_index_follows_every_change() -> None:
    cache, index = an_index()
    cache.put(Thing("a", 1, tags=("x", "y")))
    cache.put(Thing("a", 2, tags=("y", "z")))
    assert (index.get("x"), index.get("y"), index.get("z")) == ((), ("a",), ("a",))
    cache.put(Thing("b", 3, tags=("y",)))
    cache.drop(Thing("a", 4))
    assert (index.get("y"), index.get("z")) == (("b",), ())
    cache.replace([], within=everything, listed_at="9")
    assert index.get("y") == ()


def test_asking_for_what_is_unknown_leaves_nothing_behind() -> None:
    cache, index = an_index()
    assert index.get("x") == ()
    cache.put(Thing("a", 1, tags=("x",)))
    assert index.get("x") == ("a",)


def test_a_listener_can_tell_a_list_from_a_single_change() -> None:
    cache, _ = a_cache(Thing("gone", 1))
    listed: list[bool] = []
    cache.listen(lambda change: listed.append(change.listed))
    cache.replace([Thing("a", 2), Thing("b", 3)], within=everything, listed_at="5")
    cache.put(Thing("a", 6))
    cache.drop(Thing("b", 7))
    assert listed == [True, True, True, False, False]
