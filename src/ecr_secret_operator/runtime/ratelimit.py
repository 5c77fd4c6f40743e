"""Token buckets, one for each key: so many at once, then so many a second. Pure: the time is passed in.

The rule is that of client-go's rate limiters (golang.org/x/time/rate). A bucket that is full again is forgotten.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float
    refused: int = 0


class Buckets(Generic[K]):
    """Limits how often something happens for each key.

    Args:
        burst: how often it may happen at once.
        per_second: how many more in each second.
        longest_wait: the longest wait of a key, in seconds.
    """

    def __init__(self, *, burst: int, per_second: float, longest_wait: float) -> None:
        self._burst = float(burst)
        self._rate = per_second
        self._longest_wait = longest_wait
        self._buckets: OrderedDict[K, _Bucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(self, key: K, now: float) -> float:
        """Seconds until it may happen; 0 if it may happen now.

        Each refused key has to wait longer than the one before, so that they do not all come back
        at once.
        """
        bucket = self._filled(key, now)
        if bucket is None or bucket.left >= 1:
            return 0.0
        bucket.refused += 1
        return min(self._longest_wait, (bucket.refused - bucket.left) / self._rate)

    def take(self, key: K, now: float) -> None:
        """Counts one use of the key, which `wait` allowed."""
        bucket = self._filled(key, now) or _Bucket(self._burst, now)
        bucket.left -= 1
        bucket.refused = max(0, bucket.refused - 1)
        self._buckets[key] = bucket
        self._buckets.move_to_end(key)

    def _filled(self, key: K, now: float) -> _Bucket | None:
        """The bucket of a key, with what has come into it since; those that are full by now are dropped."""
        while self._buckets:
            oldest, bucket = next(iter(self._buckets.items()))
            self._fill(bucket, now)
            if bucket.left < self._burst:
                break
            del self._buckets[oldest]
        found = self._buckets.get(key)
        if found:
            self._fill(found, now)
        return found

    def _fill(self, bucket: _Bucket, now: float) -> None:
        """A clock that was set back fills nothing, and takes nothing."""
        bucket.left = min(self._burst, bucket.left + max(0.0, now - bucket.at) * self._rate)
        bucket.at = now
