"""What is left of a step when it is over."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Done:
    """A step that really happened.

    Attributes:
        promise: what the operator claims.
        seen: what was seen of it, from outside.
        seconds: how long the step took.
    """

    promise: str
    seen: str
    seconds: float
