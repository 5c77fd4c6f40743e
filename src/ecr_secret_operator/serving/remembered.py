"""A bounded cache of answers with a time to live for each, by a monotonic clock."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """Answers by key, each until its time to live is over.

    Args:
        clock: monotonic, in seconds.
        most: how many answers to keep; the oldest is evicted first.
    """

    def __init__(self, clock: Callable[[], float], *, most: int) -> None:
        self._clock = clock
        self._most = most
        self._answers: dict[K, tuple[float, V]] = {}

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: K) -> V | None:
        """The answer; None if there is none, or if its time to live is over."""
        found = self._answers.get(key)
        if found is None:
            return None
        until, answer = found
        if self._clock() < until:
            return answer
        del self._answers[key]
        return None

    def put(self, key: K, answer: V, *, seconds: float) -> None:
        """Stores an answer with a time to live in seconds."""
        self._answers.pop(key, None)
        self._answers[key] = (self._clock() + seconds, answer)
        while len(self._answers) > self._most:
            del self._answers[next(iter(self._answers))]
