"""Turns for something of which only so many may run at a time, shared out fairly among groups.

The groups take turns (`Lane`), and a group whose turns take long has few of them at a time (`Fairness`). A group that
has none gets one even when all are taken, up to a second bound: so what hangs in some groups does not delay a new one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Hashable
from typing import Generic, TypeVar

from .fairness import Fairness
from .lanes import Lane

G = TypeVar("G", bound=Hashable)


class Turn(Generic[G]):
    """One turn, waited for by one group or by several.

    Attributes:
        group: whose turn it is; None while it is waited for.
    """

    def __init__(self) -> None:
        self.group: G | None = None
        self.waiting: set[G] = set()
        self.begun = asyncio.Event()


class Turns(Generic[G]):
    """Hands out a limited number of turns.

    Args:
        most: how many run at a time.
        most_in_all: how many more may run, of groups that have none.
        fairness: bounds those of each group.
    """

    def __init__(self, *, most: int, most_in_all: int, fairness: Fairness[G]) -> None:
        self._most = most
        self._most_in_all = most_in_all
        self._fairness = fairness
        self._lane: Lane[tuple[G, Turn[G]]] = Lane()
        self._running: dict[G, int] = {}
        self._total = 0

    def ask(self, turn: Turn[G], group: G) -> None:
        """Adds a group that waits for a turn. The turn counts for the first of its groups that has room."""
        if turn.group is None and group not in turn.waiting:
            turn.waiting.add(group)
            self._lane.add(group, (group, turn))
            self._hand_out()

    def mark_slow(self, turn: Turn[G]) -> None:
        """Marks the group of a turn as slow, so that it has few turns at a time."""
        if turn.group is not None:
            self._fairness.mark_slow(turn.group)

    def end(self, turn: Turn[G]) -> None:
        """Ends a turn, or the wait for it."""
        group, turn.waiting = turn.group, set()
        if group is None:
            turn.begun.set()  # its entries are passed over
            return
        self._fairness.end(group)
        self._total -= 1
        self._running[group] -= 1
        if not self._running[group]:
            del self._running[group]
        self._lane.unblock_all()
        self._hand_out()

    def _has_room(self, group: Hashable) -> bool:
        most = self._most if group in self._running else self._most_in_all
        return self._total < most and self._fairness.has_room(group)

    def _hand_out(self) -> None:
        while (found := self._lane.pop(self._has_room)) is not None:
            group, turn = found
            if turn.begun.is_set():  # it was begun for another group, or is not waited for any more
                continue
            turn.group = group
            self._total += 1
            self._running[group] = self._running.get(group, 0) + 1
            self._fairness.start(group)
            turn.begun.set()
