"""Bounds what the cached objects of one group take in memory, so that no group fills the memory that all share.

A group is whatever one tenant has: for the operator, a namespace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Weight(NamedTuple):
    """The memory that one object takes.

    Attributes:
        own: bytes that it takes alone.
        shared: parts that are in memory once, however many objects have them, each with its bytes.
    """

    own: int
    shared: tuple[tuple[Hashable, int], ...] = ()


@dataclass(slots=True)
class _Group:
    bytes: int = 0
    parts: Counter[Hashable] = field(default_factory=Counter)

    def take(self, weight: Weight) -> None:
        """Counts an object."""
        self.bytes += weight.own + sum(size for part, size in weight.shared if part not in self.parts)
        self.parts.update(part for part, _ in weight.shared)

    def give(self, weight: Weight) -> None:
        """Ends the count of an object."""
        self.bytes -= weight.own
        for part, size in weight.shared:
            self.parts[part] -= 1
            if not self.parts[part]:
                del self.parts[part]
                self.bytes -= size


class Allowance(Generic[T]):
    """Counts the bytes that the objects of each group take.

    Args:
        most: bytes for each group.
        group_of: gives the group of an object.
        weigh: gives the memory that an object takes; None for an object that is not counted.
        reduce: gives the object to keep where there is no room; `weigh` has to give None for it.
        is_reduced: whether an object was made by `reduce`.
    """

    def __init__(
        self,
        *,
        most: int,
        group_of: Callable[[T], Hashable],
        weigh: Callable[[T], Weight | None],
        reduce: Callable[[T], T],
        is_reduced: Callable[[T], bool],
    ) -> None:
        self._most = most
        self._group_of = group_of
        self._weigh = weigh
        self._reduce = reduce
        self.is_reduced = is_reduced
        self._groups: dict[Hashable, _Group] = {}

    def taken(self, group: Hashable) -> int:
        """The bytes that a group takes."""
        found = self._groups.get(group)
        return found.bytes if found else 0

    def put(self, new: T) -> T:
        """Counts an object. Returns the object, or the reduced one if its group has no room."""
        weight = self._weigh(new)
        if weight is None:
            return new
        name = self._group_of(new)
        group = self._groups.setdefault(name, _Group())
        group.take(weight)
        if group.bytes <= self._most:
            return new
        self._end(name, group, weight)
        return self._reduce(new)

    def drop(self, old: T) -> None:
        """Ends the count of an object."""
        weight = None if self.is_reduced(old) else self._weigh(old)
        name = self._group_of(old)
        group = self._groups.get(name)
        if weight and group:
            self._end(name, group, weight)

    def _end(self, name: Hashable, group: _Group, weight: Weight) -> None:
        group.give(weight)
        if not group.bytes and not group.parts:
            del self._groups[name]
