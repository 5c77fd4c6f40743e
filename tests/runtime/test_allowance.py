"""The memory of a group is bounded, and what there was no room for is taken in once there is."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator.runtime.allowance import Allowance, Weight
from ecr_secret_operator.runtime.cache import Cache

MOST = 100


@dataclass(frozen=True)
class Parcel:
    name: str
    version: int = 1
    place: str = "here"
    size: int = 0
    parts: tuple[str, ...] = ()
    opened: bool = False

    @property
    def resource_version(self) -> str:
        return str(self.version)


def weigh(one: Parcel) -> Weight | None:
    if one.size + len(one.parts) == 0:
        return None
    return Weight(one.size, tuple((part, 30) for part in one.parts))


def an_allowance() -> Allowance[Parcel]:
    return Allowance(
        most=MOST,
        group_of=lambda one: one.place,
        weigh=weigh,
        reduce=lambda one: replace(one, size=0, parts=(), opened=True),
        is_reduced=lambda one: one.opened,
    )


def a_cache() -> tuple[Cache[str, Parcel], Allowance[Parcel], list[tuple[str, bool]]]:
    allowance, told = an_allowance(), list[tuple[str, bool]]()
    cache = Cache[str, Parcel](lambda one: one.name, allowance=allowance)
    cache.listen(lambda change: told.append((change.new.name, change.new.opened)) if change.new else None)
    return cache, allowance, told


def test_what_does_not_fit_is_reduced() -> None:
    cache, allowance, _ = a_cache()
    for name in "abc":
        cache.put(Parcel(name, size=40))
    assert [one.opened for one in cache] == [False, False, True]
    assert allowance.taken("here") == 80


def test_what_fits_exactly_is_kept() -> None:
    cache, allowance, _ = a_cache()
    cache.put(Parcel("a", size=MOST))
    assert cache.get("a") == Parcel("a", size=MOST)
    assert allowance.taken("here") == MOST


def test_groups_have_room_of_their_own() -> None:
    cache, _, _ = a_cache()
    cache.put(Parcel("a", size=90))
    cache.put(Parcel("b", size=90, place="there"))
    assert not any(one.opened for one in cache)


def test_what_many_share_counts_once() -> None:
    cache, allowance, _ = a_cache()
    for number in range(50):
        cache.put(Parcel(str(number), size=1, parts=("token",)))
    assert not any(one.opened for one in cache)
    assert allowance.taken("here") == 80


def test_what_was_reduced_is_taken_in_whole_when_it_is_listed_again_and_there_is_room() -> None:
    cache, allowance, told = a_cache()
    first, second = Parcel("a", size=90), Parcel("b", size=90)
    cache.put(first)
    cache.put(second)
    told.clear()
    cache.put(second)
    assert told == [], "there is no room yet"
    cache.replace([second], within=lambda _: True, listed_at="9")
    assert cache.get("b") == Parcel("b", size=0, opened=True), "in the same list it came before the other was gone"
    cache.replace([second], within=lambda _: True, listed_at="9")
    assert cache.get("b") == second
    assert told == [("b", False)]
    assert allowance.taken("here") == 90


def test_one_that_grew_or_shrank_is_counted_anew() -> None:
    cache, allowance, _ = a_cache()
    cache.put(Parcel("a", size=90))
    cache.put(Parcel("a", version=2, size=95))
    assert allowance.taken("here") == 95
    cache.put(Parcel("a", version=3, size=200))
    assert allowance.taken("here") == 0
    cache.put(Parcel("a", version=4, size=10))
    assert allowance.taken("here") == 10


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["put", "drop", "forget"]),
        st.sampled_from("abcd"),
        st.sampled_from(["here", "there"]),
        st.integers(0, 70),
        st.sets(st.sampled_from("xyz")),
    ),
    max_size=40,
)


@given(STEPS)
def test_nothing_is_counted_that_is_not_there(steps: list[tuple[str, str, str, int, set[str]]]) -> None:
    cache, allowance, _ = a_cache()
    for version, (step, name, place, size, parts) in enumerate(steps, start=1):
        parcel = Parcel(name, version, place, size, tuple(sorted(parts)))
        if step == "put":
            cache.put(parcel)
        elif step == "drop":
            cache.drop(parcel)
        else:
            cache.forget(name)
        for group in ("here", "there"):
            inside = [one for one in cache if one.place == group]
            shared = {part for one in inside for part in one.parts}
            assert allowance.taken(group) == sum(one.size for one in inside) + 30 * len(shared) <= MOST
