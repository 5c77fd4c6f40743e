"""What the proxy records: requests, and answers, to give them once more."""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from .records import Handled

ANSWERS_EACH = 32
REQUESTS_KNOWN = 2048
LARGEST_ANSWER = 8 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What a client is sent."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Requests:
    """The requests so far, the latest of them.

    Args:
        limit: how many are kept.
    """

    def __init__(self, limit: int) -> None:
        self._count = 0
        self._kept: deque[Handled] = deque(maxlen=limit)

    @property
    def last(self) -> int:
        """The highest number so far."""
        return self._count

    def next_number(self) -> int:
        """Of a request that arrives."""
        self._count += 1
        return self._count

    def add(self, request: Handled) -> None:
        """Remembers a request; its record may still change."""
        self._kept.append(request)

    def clear(self) -> int:
        """Forgets all; numbers go on."""
        count = len(self._kept)
        self._kept.clear()
        return count

    def select(
        self,
        *,
        method: str | None = None,
        path: str | None = None,
        watch: bool | None = None,
        fault: str | None = None,
        status: int | None = None,
        after: int = 0,
    ) -> list[Handled]:
        """Those that match, oldest first; what is None matches all. Raises re.error for a bad path."""
        pattern = re.compile(path) if path is not None else None
        wanted = (("method", method), ("watch", watch), ("fault", fault), ("status", status))
        return [
            request
            for request in self._kept
            if request.number > after
            and (pattern is None or pattern.search(request.path))
            and all(value is None or getattr(request, name) == value for name, value in wanted)
        ]


AnswerKey = tuple[str, ...]


class Answers:
    """What GETs were answered: the latest for each path, query and form that was asked for."""

    def __init__(self) -> None:
        self._known: OrderedDict[AnswerKey, deque[tuple[int, Answer]]] = OrderedDict()

    def add(self, key: AnswerKey, number: int, answer: Answer) -> None:
        """Remembers what a request was answered."""
        if len(answer.body) > LARGEST_ANSWER:
            return
        self._known.setdefault(key, deque(maxlen=ANSWERS_EACH)).append((number, answer))
        self._known.move_to_end(key)
        if len(self._known) > REQUESTS_KNOWN:
            self._known.popitem(last=False)

    def as_of(self, key: AnswerKey, number: int) -> Answer | None:
        """What it was answered last, up to and with a request; None when it was not asked before, or too long ago."""
        return next((answer for at, answer in reversed(self._known.get(key, ())) if at <= number), None)
