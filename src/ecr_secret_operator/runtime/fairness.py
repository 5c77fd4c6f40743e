"""Bounds how many keys of one group are processed at a time, so that a slow group does not hold up the others.

A group is whatever may be slow on its own: for the operator, a namespace (an admission webhook that hangs on the
requests of one namespace, for example). See ADR 18.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K")

SLOW_SECONDS = 0.5
"""A reconcile that takes longer makes its group slow. An API server in good health answers in 5 to 100 ms."""

REPORTED_SECONDS = 3.0
"""A group is reported as slow only for a reconcile that takes longer: a busy machine is slow for a moment, too."""

SLOW_FOR_SECONDS = 60.0
"""A group stays slow for this long after its last slow reconcile."""

SLOW_AT_A_TIME = 4
"""How many keys of a slow group are processed at a time."""

REPORT_EVERY_SECONDS = 600.0
"""How often a group that stays slow is reported."""


@dataclass(slots=True)
class _Group:
    running: int = 0
    slow_until: float = float("-inf")
    reported_until: float = float("-inf")
    report_at: float = float("-inf")


class Fairness(Generic[K]):
    """Counts the keys in process of each group, and remembers which groups are slow.

    Args:
        group_of: gives the group of a key.
        at_a_time: how many keys of one group may be processed at a time while it is not slow.
        clock: monotonic, in seconds.
    """

    def __init__(
        self, *, group_of: Callable[[K], Hashable], at_a_time: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.group_of = group_of
        self._at_a_time = at_a_time
        self._clock = clock
        self._groups: dict[Hashable, _Group] = {}

    def has_room(self, group: Hashable) -> bool:
        """Whether another key of this group may be processed now."""
        found = self._groups.get(group)
        if found is None:
            return True
        return found.running < (SLOW_AT_A_TIME if self._clock() < found.slow_until else self._at_a_time)

    def start(self, key: K) -> None:
        """Counts a key as in process."""
        self._groups.setdefault(self.group_of(key), _Group()).running += 1

    def end(self, key: K) -> None:
        """Ends the count of a key."""
        group = self.group_of(key)
        found = self._groups[group]
        found.running -= 1
        if not found.running and self._clock() >= found.slow_until:
            del self._groups[group]

    def mark_slow(self, key: K) -> None:
        """Marks the group of a key as slow for 60 seconds."""
        self._groups.setdefault(self.group_of(key), _Group()).slow_until = self._clock() + SLOW_FOR_SECONDS

    def mark_reported(self, key: K) -> bool:
        """Marks the group of a key as slow and as reported. Returns whether it was not reported before."""
        self.mark_slow(key)
        found, now = self._groups[self.group_of(key)], self._clock()
        was_reported = now < found.reported_until
        found.reported_until = now + SLOW_FOR_SECONDS
        return not was_reported

    def is_slow(self, key: K) -> bool:
        """Whether the group of a key is slow now."""
        found = self._groups.get(self.group_of(key))
        return found is not None and self._clock() < found.slow_until

    def claim_report(self, key: K) -> bool:
        """Returns True for one caller every ten minutes, while the group of this key is reported as slow."""
        found, now = self._groups.get(self.group_of(key)), self._clock()
        if found is None or now >= found.reported_until or now < found.report_at:
            return False
        found.report_at = now + REPORT_EVERY_SECONDS
        return True

    def slow_groups(self) -> Iterator[Hashable]:
        """The groups that are reported as slow now."""
        now = self._clock()
        for group, found in list(self._groups.items()):
            if now < found.reported_until:
                yield group
            elif now >= found.slow_until and not found.running:
                del self._groups[group]
