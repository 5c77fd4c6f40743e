"""Exponential back-off with full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait after a row of failures.

    Attributes:
        base: the first failure's longest wait, in seconds.
        cap: the longest wait of all, in seconds.
        floor: the shortest wait, in seconds: jitter alone could give none.
    """

    base: float
    cap: float
    floor: float

    def delay(self, failures: int, *, draw: float) -> float:
        """Seconds to wait.

        Args:
            failures: in a row, at least one.
            draw: a random number, 0 to 1.
        """
        ceiling = min(self.cap, self.base * 2.0 ** min(failures - 1, 32))
        return max(self.floor, ceiling * draw)
