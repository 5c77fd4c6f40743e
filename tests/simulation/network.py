"""The network between clients and the simulated API server: delays and faults, drawn from a seeded random source."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property


@dataclass(frozen=True, kw_only=True)
class Faults:
    """How often something goes wrong, as shares of requests between 0 and 1. Nothing does by default.

    Attributes:
        latency: shortest and longest time that a request takes, in seconds.
        event_latency: the same for each event of a watch.
        throttled: answered with 429 and Retry-After.
        retry_after: shortest and longest Retry-After, in seconds.
        failed: answered with 500, 502, 503 or 504 before anything happens.
        failed_after: answered with 500 or 504 although the request was carried out.
        lost: not answered; the request does not reach the server.
        lost_after: not answered, although the request was carried out.
        timeout_seconds: how long a client waits for a lost answer.
        stale: lists with `resourceVersion=0` that a lagging replica answers.
        lag: by how many revisions such a replica lags at most.
        watch_broken: watches that break off.
        watch_silent: watches that bring nothing from some moment on.
        watch_seconds: shortest and longest time until such a watch fails, in seconds.
        watch_expired: watches that are answered with 410.
        bookmark_seconds: the time between two bookmarks.
    """

    latency: tuple[float, float] = (0.0, 0.0)
    event_latency: tuple[float, float] = (0.0, 0.0)
    throttled: float = 0.0
    retry_after: tuple[int, int] = (1, 5)
    failed: float = 0.0
    failed_after: float = 0.0
    lost: float = 0.0
    lost_after: float = 0.0
    timeout_seconds: float = 60.0
    stale: float = 0.0
    lag: int = 50
    watch_broken: float = 0.0
    watch_silent: float = 0.0
    watch_seconds: tuple[float, float] = (0.0, 300.0)
    watch_expired: float = 0.0
    bookmark_seconds: float = 60.0

    @cached_property
    def fates(self) -> tuple[tuple[float, Fate], ...]:
        """What may become of a request, each with its share."""
        shares = (
            (self.throttled, Fate.THROTTLED),
            (self.failed, Fate.FAILED),
            (self.failed_after, Fate.FAILED_AFTER),
            (self.lost, Fate.LOST),
            (self.lost_after, Fate.LOST_AFTER),
        )
        return tuple((share, fate) for share, fate in shares if share)


class Fate(Enum):
    """What becomes of a request."""

    ANSWERED = "answered"
    THROTTLED = "throttled"
    FAILED = "failed"
    FAILED_AFTER = "failed after it was carried out"
    LOST = "lost"
    LOST_AFTER = "lost after it was carried out"


@dataclass(frozen=True, slots=True)
class WatchFate:
    """What becomes of a watch.

    Attributes:
        breaks_after: seconds until the connection breaks; None for never.
        silent_after: seconds until nothing more arrives; None for never.
        expired: whether it is answered with 410.
    """

    breaks_after: float | None = None
    silent_after: float | None = None
    expired: bool = False


@dataclass(slots=True)
class Network:
    """Draws what happens to requests and watches.

    Args:
        random: the only source of chance.
        faults: may be replaced at any time.

    Attributes:
        partitioned: names of the users that cannot reach the server now.
    """

    random: random.Random
    faults: Faults = field(default_factory=Faults)
    partitioned: set[str] = field(default_factory=set)

    def latency(self) -> float:
        """How long one way of a request takes, in seconds: half of the whole."""
        return self._between(self.faults.latency) / 2

    def event_latency(self) -> float:
        """How long an event of a watch takes to arrive, in seconds."""
        return self._between(self.faults.event_latency)

    def fate(self) -> Fate:
        """What becomes of the next request."""
        shares = self.faults.fates
        if not shares:
            return Fate.ANSWERED
        drawn = self.random.random()
        for share, fate in shares:
            if drawn < share:
                return fate
            drawn -= share
        return Fate.ANSWERED

    def retry_after(self) -> int:
        """The Retry-After of a 429, in seconds."""
        return self.random.randint(*self.faults.retry_after)

    def failure(self, *, carried_out: bool) -> int:
        """The status of a failure."""
        return self.random.choice((500, 504) if carried_out else (500, 502, 503, 504))

    def watch_fate(self) -> WatchFate:
        """What becomes of the next watch."""
        faults = self.faults
        if not (faults.watch_broken or faults.watch_silent or faults.watch_expired):
            return WatchFate()
        return WatchFate(
            breaks_after=self._between(faults.watch_seconds) if self._drawn(faults.watch_broken) else None,
            silent_after=self._between(faults.watch_seconds) if self._drawn(faults.watch_silent) else None,
            expired=self._drawn(faults.watch_expired),
        )

    def lag(self) -> int:
        """By how many revisions the replica that answers a list lags."""
        faults = self.faults
        return self.random.randint(1, faults.lag) if self._drawn(faults.stale) else 0

    def _drawn(self, share: float) -> bool:
        return share > 0.0 and self.random.random() < share

    def _between(self, bounds: tuple[float, float]) -> float:
        least, most = bounds
        return least if least == most else self.random.uniform(least, most)
