"""Keys in the order in which they came, where the groups take turns and a group without room is passed over."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K")


class Lane(Generic[K]):
    """First in, first out within a group; round robin among the groups. Every operation takes constant time."""

    def __init__(self) -> None:
        self._keys: dict[Hashable, deque[K]] = {}
        self._turns: deque[Hashable] = deque()
        self._blocked: dict[Hashable, None] = {}

    def add(self, group: Hashable, key: K) -> None:
        """Appends a key to its group."""
        keys = self._keys.get(group)
        if keys is None:
            keys = self._keys[group] = deque()
            self._turns.append(group)
        keys.append(key)

    def pop(self, has_room: Callable[[Hashable], bool]) -> K | None:
        """Takes out the next key of the first group that has room; None when there is none.

        A group without room is passed over until `unblock`.
        """
        while self._turns:
            group = self._turns.popleft()
            if not has_room(group):
                self._blocked[group] = None
                continue
            keys = self._keys[group]
            key = keys.popleft()
            if keys:
                self._turns.append(group)
            else:
                del self._keys[group]
            return key
        return None

    def unblock_all(self) -> None:
        """Lets all groups take turns again."""
        self._turns.extend(self._blocked)
        self._blocked.clear()

    def unblock(self, group: Hashable) -> bool:
        """Lets a group take turns again. Returns whether it had been passed over."""
        if group not in self._blocked:
            return False
        del self._blocked[group]
        self._turns.append(group)
        return True
