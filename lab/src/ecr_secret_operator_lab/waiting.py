"""Waiting for a state instead of sleeping for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

POLL_SECONDS = 0.05
MOST_PATIENCE = 6
"""How many times longer than said a wait may take on a busy machine."""


class NotReached(AssertionError):
    """The state was not reached in time; the message says which, and what was seen last."""


def wait_for(state: Callable[[], T | None], what: str, *, within: float = 30.0) -> T:
    """Asks again and again until the answer is true, and gives it.

    It asks as often as it could in the given time on a machine that answers at once, and so waits longer on a busy
    one, where each answer takes longer.

    Args:
        state: what is asked; an exception of its own ends the wait, a false answer does not.
        what: the state in words, for the error.
        within: seconds on an idle machine.

    Raises:
        NotReached: it did not come true in time.
    """
    began, asked = time.monotonic(), 0
    while True:
        answer = state()
        if answer:
            return answer
        passed, asked = time.monotonic() - began, asked + 1
        if (passed > within and asked * POLL_SECONDS > within) or passed > MOST_PATIENCE * within:
            raise NotReached(f"{what}: not within {passed:.3g} s; last seen: {answer!r}")
        time.sleep(POLL_SECONDS)
