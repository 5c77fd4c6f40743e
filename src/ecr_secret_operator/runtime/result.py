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
        awaiting_token: it waits for a token, whose arrival enqueues the key. The back-off goes on as it was.
    """

    again_at: datetime | None = None
    failed: bool = False
    awaiting_token: bool = False


DONE = Result()
AGAIN = Result(failed=True)
AWAITING_TOKEN = Result(awaiting_token=True)
