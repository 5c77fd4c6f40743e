"""The result of a reconcile, for the work queue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Result:
    """What the queue does with the key after a reconcile.

    Attributes:
        again_at: when to reconcile the key without a change (UTC); None for never.
        failed: whether to retry with back-off.
        awaiting_token: whether the key waits for a token, whose arrival enqueues it. Its back-off is not reset.
    """

    again_at: datetime | None = None
    failed: bool = False
    awaiting_token: bool = False


DONE = Result()
AGAIN = Result(failed=True)
AWAITING_TOKEN = Result(awaiting_token=True)
