"""What a reconcile says to the work queue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Result:
    """What the queue is to do with the key.

    Attributes:
        again_at: when to reconcile it although nothing has changed (UTC); None for never.
        failed: back off and try again soon.
        parked: it did not come to an end: what it waits for wakes the key. What is known of earlier attempts stands.
    """

    again_at: datetime | None = None
    failed: bool = False
    parked: bool = False


DONE = Result()
AGAIN = Result(failed=True)
PARKED = Result(parked=True)
