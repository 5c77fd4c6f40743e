"""Denials of an identity, shared by the tokens that differ in their limit only.

An AccessPolicy can give each namespace a token with a limit of its own. If AWS denies the identity, it denies all of
these tokens. So after a denial one of them is requested at a time, and not each of them by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..domain.identity.scope import Scope
from ..errors import TokenError
from ..reasons import Reason
from ..runtime.backoff import Backoff

MOST_KEPT = 1000
"""How many denied identities are remembered. The oldest are forgotten first."""

_DENIALS = frozenset((Reason.AWS_ACCESS_DENIED, Reason.IDENTITY_UNAVAILABLE))


@dataclass(slots=True)
class _Denial:
    error: TokenError
    failures: int
    retry_at: datetime


class Denials:
    """Remembers which identities AWS denies.

    Args:
        backoff: how long an identity is not used after a denial.
        draw: gives a number from 0 to 1 for the jitter.
    """

    def __init__(self, backoff: Backoff, *, draw: Callable[[], float]) -> None:
        self._backoff = backoff
        self._draw = draw
        self._denied: dict[tuple[object, ...], _Denial] = {}

    def check(self, scope: Scope, now: datetime) -> None:
        """Lets the first request after the back-off pass, and holds back the others until it has its answer.

        Args:
            scope: of the token to request.
            now: the time (UTC).

        Raises:
            TokenError: the last denial, with the time to ask again.
        """
        denial = self._denied.get(scope.requested_as) if scope.limit.limits else None
        if denial is None:
            return
        longest = timedelta(seconds=self._backoff.cap)
        if timedelta() < denial.retry_at - now <= longest:
            raise denial.error.again(denial.retry_at)
        denial.retry_at = now + longest

    def answered(self, scope: Scope, error: TokenError | None, now: datetime) -> None:
        """Remembers the answer of AWS; `error` is None for a token."""
        if not scope.limit.limits:
            return
        if error is None:
            self._denied.pop(scope.requested_as, None)
        elif error.reason in _DENIALS and not error.of_limit:
            failures = 1 + (known.failures if (known := self._denied.pop(scope.requested_as, None)) else 0)
            delay = timedelta(seconds=self._backoff.delay(failures, draw=self._draw()))
            self._denied[scope.requested_as] = _Denial(error.again(), failures, now + delay)
            if len(self._denied) > MOST_KEPT:
                del self._denied[next(iter(self._denied))]
