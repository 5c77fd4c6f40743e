"""Slots are shared fairly among groups, and what wants one and has none says why."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator.runtime.allocation import Allocation, Full


class Slots:
    """An allocation of items such as `a1`, of the group `a`, and what it started and stopped."""

    def __init__(self, total: int = 4, most: int = 3) -> None:
        self.running: set[str] = set()
        self.log: list[str] = []
        self.allocation: Allocation[str, str] = Allocation(
            total=total, most=most, group_of=lambda item: item[0], start=self._start, stop=self._stop
        )

    def _start(self, item: str) -> None:
        assert item not in self.running
        self.running.add(item)
        self.log.append(f"+{item}")

    def _stop(self, item: str) -> None:
        self.running.remove(item)
        self.log.append(f"-{item}")

    def add(self, *items: str) -> None:
        self.allocation.change(add=items)

    def remove(self, *items: str) -> None:
        self.running -= set(items)
        self.allocation.change(remove=items)


def test_a_group_has_at_most_its_bound() -> None:
    slots = Slots(total=10)
    slots.add("a1", "a2", "a3", "a4", "a1")
    assert slots.running == {"a1", "a2", "a3"}
    assert slots.allocation.full("a4") is Full.GROUP
    assert slots.allocation.full("a1") is None
    assert slots.allocation.full("b1") is None
    slots.remove("a2")
    assert slots.running == {"a1", "a3", "a4"}
    assert slots.allocation.full("a4") is None


def test_a_group_that_comes_late_takes_from_the_one_that_has_the_most() -> None:
    slots = Slots()
    slots.add("a1", "a2", "a3", "b1", "c1")
    assert slots.log == ["+a1", "+a2", "+a3", "+b1", "-a3", "+c1"]
    assert slots.allocation.full("a3") is Full.ALL
    slots.add("d1")
    assert slots.running == {"a1", "b1", "c1", "d1"}
    slots.add("e1")
    assert slots.running == {"a1", "b1", "c1", "d1"}, "all have one"
    assert slots.allocation.full("e1") is Full.ALL


def test_a_free_slot_goes_to_the_group_that_has_the_fewest_and_a_lost_item_comes_first_again() -> None:
    slots = Slots()
    slots.add("a1", "a2", "a3", "b1", "c1", "a4", "e1")
    assert slots.running == {"a1", "b1", "c1", "e1"}
    slots.remove("c1")
    assert slots.running == {"a1", "a2", "b1", "e1"}
    slots.remove("b1")
    slots.remove("e1")
    assert slots.running == {"a1", "a2", "a3"}
    slots.remove("a4")
    slots.remove("a1")
    assert slots.running == {"a2", "a3"}


def test_a_free_slot_goes_past_groups_that_wait_for_longer_and_have_more() -> None:
    slots = Slots(total=4)
    slots.add("a1", "a2", "a3", "b1", "b2", "c1", "c2")
    assert slots.running == {"a1", "b1", "b2", "c1"}
    slots.remove("c1")
    assert slots.running == {"a1", "b1", "b2", "c2"}, "a waits for longer, and has one"


def test_two_free_slots_go_to_two_groups() -> None:
    slots = Slots(total=2, most=2)
    slots.add("x1", "y1", "a1", "a2", "b1", "b2")
    slots.allocation.change(remove=["x1", "y1"])
    assert slots.running - {"x1", "y1"} == {"a1", "b1"}


def test_a_group_that_has_its_fair_share_takes_nothing_from_others() -> None:
    slots = Slots(total=4, most=4)
    slots.add("b1", "b2", "a1", "a2", "a3")
    assert slots.log == ["+b1", "+b2", "+a1", "+a2"]
    assert slots.allocation.full("a3") is Full.ALL


ITEMS = [f"{group}{number}" for group in "abcde" for number in range(5)]


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(ITEMS)), max_size=60), st.integers(1, 12), st.integers(1, 4))
def test_whatever_comes_and_goes_the_slots_are_shared_fairly(
    steps: list[tuple[bool, str]], total: int, most: int
) -> None:
    slots, wanted = Slots(total, most), set[str]()
    for add, item in steps:
        if add:
            wanted.add(item)
            slots.add(item)
        else:
            wanted.discard(item)
            slots.remove(item)
        running = {one for one in ITEMS if one in slots.allocation}
        assert running == slots.running
        assert running <= wanted
        counts, wants = Counter(one[0] for one in running), Counter(one[0] for one in wanted)
        assert max(counts.values(), default=0) <= most
        assert len(running) == min(total, sum(min(count, most) for count in wants.values()))
        for one in wanted - running:
            group = one[0]
            full = slots.allocation.full(one)
            assert full is (Full.GROUP if counts[group] == most else Full.ALL)
            if full is Full.ALL:
                assert max(counts.values()) <= counts[group] + 1, "no group has two more than one that waits"


def test_a_group_that_renames_an_item_disturbs_no_other_one() -> None:
    slots = Slots(total=8, most=8)
    slots.add("x1", "r1", "r2", "r3", "s1", "s2", "s3", "s4")
    slots.log.clear()
    slots.running.remove("x1")
    slots.allocation.change(remove=["x1"], add=["x2"])
    assert slots.log == ["+x2"]


def test_removing_all_starts_nothing() -> None:
    slots = Slots(total=2)
    items = [f"{group}{number}" for group in "abcde" for number in range(2)]
    slots.add(*items)
    slots.log.clear()
    slots.remove(*items)
    assert slots.log == []
    assert (slots.allocation.granted, slots.allocation.waiting) == (0, 0)


def test_what_has_a_slot_and_what_waits_is_counted() -> None:
    slots = Slots(total=3, most=2)
    slots.add("a1", "a2", "a3", "b1", "b2")
    assert (slots.allocation.granted, slots.allocation.waiting) == (3, 2)


def test_what_was_never_added_can_be_removed() -> None:
    slots = Slots()
    slots.remove("a1")
    slots.add("a1")
    assert slots.running == {"a1"}


@pytest.mark.parametrize("item", ["a1", "b1"])
def test_an_item_that_waits_can_be_removed(item: str) -> None:
    slots = Slots(total=1)
    slots.add("a0", "a1", "b1")
    slots.remove(item)
    slots.remove("a0")
    assert slots.running == {"a1", "b1"} - {item}
