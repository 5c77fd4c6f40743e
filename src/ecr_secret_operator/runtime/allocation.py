"""Slots of which there are only so many, shared fairly among groups."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable, Iterable
from enum import Enum, auto
from typing import Generic, TypeVar

G = TypeVar("G", bound=Hashable)
N = TypeVar("N", bound=Hashable)


class Full(Enum):
    """Why an item has no slot."""

    GROUP = auto()
    """Its group has as many as one group may have."""

    ALL = auto()
    """All slots are taken, and its group has its fair share of them."""


class Allocation(Generic[G, N]):
    """Gives each item a slot, or has it wait for one.

    While all slots are taken, a group takes one from the group that has the most, if that one still has at least as
    many afterwards. The newest item of that group loses its slot and waits. Costs O(number of groups) then.

    Args:
        total: slots in all.
        most: slots of one group.
        group_of: the group of an item.
        start: called with an item that gets a slot.
        stop: called with an item that loses its slot while it still wants one.
    """

    def __init__(
        self,
        *,
        total: int,
        most: int,
        group_of: Callable[[N], G],
        start: Callable[[N], None],
        stop: Callable[[N], None],
    ) -> None:
        self._free = total
        self._most = most
        self._group_of = group_of
        self._start = start
        self._stop = stop
        self._granted: dict[G, dict[N, None]] = {}
        self._waiting: dict[G, dict[N, None]] = {}

    def __contains__(self, item: N) -> bool:
        return item in self._granted.get(self._group_of(item), ())

    def full(self, item: N) -> Full | None:
        """Why an item waits; None if it has a slot or wants none."""
        group = self._group_of(item)
        if item not in self._waiting.get(group, ()):
            return None
        return Full.GROUP if self._count(group) >= self._most else Full.ALL

    @property
    def granted(self) -> int:
        """How many items have a slot."""
        return sum(map(len, self._granted.values()))

    @property
    def waiting(self) -> int:
        """How many items wait for a slot."""
        return sum(map(len, self._waiting.values()))

    def change(self, *, remove: Iterable[N] = (), add: Iterable[N] = ()) -> None:
        """Removes items that want no slot any more, and adds items that want one.

        What is removed gives its slots to what is added first, so that an item that takes the place of another one of
        its group disturbs no other group. Costs O(groups) for each item that is added while all slots are taken, and
        O(groups log groups) once.

        Args:
            remove: the caller ends what it used their slots for. Nothing happens to what was never added.
            add: nothing happens to what has a slot, or waits for one.
        """
        for item in remove:
            group = self._group_of(item)
            self._drop(self._waiting, group, item)
            self._free += self._drop(self._granted, group, item)
        for item in add:
            group = self._group_of(item)
            if item not in self and item not in self._waiting.get(group, ()):
                self._waiting.setdefault(group, {})[item] = None
                self._serve(group)
        self._fill()

    def _fill(self) -> None:
        """Gives free slots to the groups that have the fewest."""
        if not self._free:
            return
        groups = [(self._count(one), place, one) for place, one in enumerate(self._waiting)]
        heapq.heapify(groups)
        while self._free and groups:
            count, place, group = heapq.heappop(groups)
            if count < self._most and group in self._waiting:
                self._serve(group)
                heapq.heappush(groups, (self._count(group), place, group))

    def _serve(self, group: G) -> None:
        """Gives a slot to the first item of a group that waits, if it may have one."""
        if self._count(group) >= self._most:
            return
        if not self._free:
            richest = max(self._granted, key=self._count)
            if self._count(richest) - 1 <= self._count(group):
                return
            newest = next(reversed(self._granted[richest]))
            self._drop(self._granted, richest, newest)
            self._waiting[richest] = {newest: None} | self._waiting.get(richest, {})
            self._free += 1
            self._stop(newest)
        item = next(iter(self._waiting[group]))
        self._drop(self._waiting, group, item)
        self._granted.setdefault(group, {})[item] = None
        self._free -= 1
        self._start(item)

    def _count(self, group: G) -> int:
        return len(self._granted.get(group, ()))

    @staticmethod
    def _drop(items: dict[G, dict[N, None]], group: G, item: N) -> bool:
        of_group = items.get(group, {})
        if item not in of_group:
            return False
        del of_group[item]
        if not of_group:
            del items[group]
        return True
