"""Waiting for a state instead of sleeping for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.05


class NotReached(AssertionError):
    """The state was not reached in time; the message says which, and what was seen last."""


def wait_for(state: Callable[[], T | None], what: str, *, within: float = 15.0) -> T:
    """Asks again and again until the answer is true, and gives it.

    Args:
        state: what is asked; an exception of its own ends the wait, a false answer does not.
        what: the state in words, for the error.
        within: seconds.

    Raises:
        NotReached: it did not come true in time.
    """
    end = time.monotonic() + within
    while True:
        answer = state()
        if answer:
            return answer
        if time.monotonic() > end:
            raise NotReached(f"{what}: not within {within:g} s; last seen: {answer!r}")
        time.sleep(POLL_SECONDS)
