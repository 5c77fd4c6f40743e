"""What a reconciler remembers of each object between two reconciles."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from ..domain.resource import Key

M = TypeVar("M")


class Memories(Generic[M]):
    """One memory object for each key. It is dropped when the object is gone or has another uid.

    Args:
        new: makes an empty memory.
    """

    def __init__(self, new: Callable[[], M]) -> None:
        self._new = new
        self._memories: dict[Key, tuple[str, M]] = {}

    def of(self, key: Key, uid: str) -> M:
        """The memory of the object with this key and uid."""
        found = self._memories.get(key)
        if found and found[0] == uid:
            return found[1]
        memory = self._new()
        self._memories[key] = uid, memory
        return memory

    def forget(self, key: Key) -> None:
        """Drops the memory of an object that is gone."""
        self._memories.pop(key, None)
