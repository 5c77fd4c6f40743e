"""When a token is due to be replaced, and which token counts as new enough. Pure arithmetic on times."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .token import Token

SAFE_SHARE = Fraction(5, 6)
"""A token is replaced before more than this share of its life is over: the last sixth is for retries."""

JITTER_SHARE = Fraction(1, 10)
"""Refreshes are spread over the last tenth of the interval."""

SHARED_SHARE = Fraction(1, 10)
"""A token younger than this share of its life serves everyone who falls due. At least the jitter's share, so
that resources that fall due together share one call."""

KEPT_SHARE = 1 - JITTER_SHARE
"""A token older than this share of the frequency would be due again at once."""

SHORTEST_SPACING = timedelta(seconds=1)
LONGEST_SPACING = timedelta(seconds=5)


def _share(duration: timedelta, share: Fraction) -> timedelta:
    return duration * share.numerator / share.denominator


@lru_cache(maxsize=1024)
def safe_interval(lifetime: timedelta) -> timedelta:
    """The longest time that a token of this lifetime is kept: 5/6 of it."""
    return _share(lifetime, SAFE_SHARE)


def refresh_interval(frequency: timedelta, lifetime: timedelta) -> timedelta:
    """How long a token is kept: the frequency, clamped to 5/6 of the token's life."""
    return min(frequency, safe_interval(lifetime))


def is_clamped(frequency: timedelta, lifetime: timedelta) -> bool:
    """Whether the frequency is longer than is safe for a token of this lifetime.

    The lifetime is measured between our clock and AWS's: five minutes of difference, which is what AWS itself accepts
    in a signature, do not count.
    """
    return frequency > safe_interval(lifetime + timedelta(minutes=5))


def jitter(seed: str, interval: timedelta) -> timedelta:
    """How much earlier than the interval this one refreshes: 0 to 10 % of it, always the same for a seed.

    Derived, not drawn: a restart computes the same time and has nothing to write.
    """
    return _share(interval, JITTER_SHARE) * (zlib.crc32(seed.encode()) / 2**32)


def due_at(token: Token, frequency: timedelta, *, seed: str) -> datetime:
    """When the stored token is to be replaced (UTC, whole seconds)."""
    return _due_at(token.issued_at, token.lifetime, frequency, seed)


@lru_cache(maxsize=1024)
def _due_at(issued_at: datetime, lifetime: timedelta, frequency: timedelta, seed: str) -> datetime:
    interval = refresh_interval(frequency, lifetime)
    return (issued_at + interval - jitter(seed, interval)).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class Freshness:
    """Which token a resource accepts.

    Attributes:
        newer_than: it must have been issued after this; the resource has that one already.
        max_age: it must be younger than this, so that it is not due again at once.
    """

    newer_than: datetime | None
    max_age: timedelta


def wanted(frequency: timedelta, *, newer_than: datetime | None) -> Freshness:
    """What a resource with this frequency accepts instead of its present token."""
    return Freshness(newer_than=newer_than, max_age=_share(frequency, KEPT_SHARE))


def replaces(token: Token, newer_than: datetime | None, kept: Token | None) -> bool:
    """Whether an obtained token is newer than the one that the resource has.

    Times are whole seconds: a different token of the same second counts as newer.

    Args:
        token: the obtained one.
        newer_than: when the one that it has was issued; None when that is of another kind, or there is none.
        kept: the one that it has, while that is valid.
    """
    if newer_than is None or token.issued_at > newer_than:
        return True
    unchanged = kept is not None and kept.password == token.password
    return token.issued_at == newer_than and not unchanged


def serves(token: Token, freshness: Freshness, now: datetime) -> bool:
    """Whether a cached token does for this resource, so that AWS need not be asked.

    It does while it is young (a tenth of its life at most) and newer than what the resource has. A token of the
    last seconds always does: however often someone asks, AWS is asked once in that time.
    """
    age = now - token.issued_at
    young = _share(token.lifetime, SHARED_SHARE)
    if token.expired(now):
        return False
    if age < max(SHORTEST_SPACING, min(LONGEST_SPACING, young)):
        return True
    newer = freshness.newer_than is None or token.issued_at > freshness.newer_than
    return newer and age < young and age < freshness.max_age
