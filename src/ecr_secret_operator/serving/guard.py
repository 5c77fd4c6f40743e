"""Authenticates and authorizes readers of the metrics, as a filter of controller-runtime does.

The filter is `filters.WithAuthenticationAndAuthorization`. The API server reviews the bearer token and the access of
its user. If it does not answer, access is denied. The times for which answers are cached are those of the filter. One
difference: the filter answers an invalid token with 500.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ..domain.reader import Reviews, User
from ..domain.tokens.token import Sensitive
from ..errors import ApiError, Unavailable
from .remembered import Remembered

TOKEN_SECONDS = 60.0
ALLOWED_SECONDS = 300.0
DENIED_SECONDS = 30.0
MOST_REMEMBERED = 1024

log: structlog.typing.FilteringBoundLogger = structlog.get_logger()

_BEARER = re.compile(r"bearer +([!-~]+) *", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer to a request that may not read the metrics: an HTTP status and its text."""

    status: int
    text: str


UNAUTHORIZED = Refusal(401, "Unauthorized")
UNANSWERED = Refusal(503, "the API server cannot be asked who may read this")
REFUSED_TO_ASK = Refusal(500, "the API server does not let the operator ask who may read this")


def bearer(authorization: str | None) -> Sensitive | None:
    """The bearer token of an Authorization header (RFC 6750); None if there is no valid one."""
    found = _BEARER.fullmatch(authorization or "")
    return Sensitive(found[1]) if found else None


def judge(user: User | None, *, allowed: bool) -> Refusal | None:
    """The refusal that follows from the answers of the API server; None if access is allowed."""
    if user is None:
        return UNAUTHORIZED
    return None if allowed else Refusal(403, f"Authorization denied for user {user.name}")


class Guard:
    """Authorizes requests, and caches the answers of the API server.

    Valid and invalid tokens are cached apart, so that a flood of invalid tokens evicts no reader. Of a token, only a
    keyed hash is kept, with a random key of this process.

    Args:
        reviews: the API server's answers.
        clock: monotonic, in seconds.
        most: how many answers of each kind to remember.
    """

    def __init__(self, reviews: Reviews, *, clock: Callable[[], float], most: int = MOST_REMEMBERED) -> None:
        self._reviews = reviews
        self._key = secrets.token_bytes(32)
        self._users: Remembered[bytes, User] = Remembered(clock, most=most)
        self._strangers: Remembered[bytes, bool] = Remembered(clock, most=most)
        self._permissions: Remembered[tuple[User, str, str], bool] = Remembered(clock, most=most)
        self._failing = False

    async def refusal(self, authorization: str | None, *, verb: str, path: str) -> Refusal | None:
        """The refusal for a request; None if access is allowed. Never raises ApiError.

        Args:
            authorization: the Authorization header; None for none.
            verb: the HTTP method in lower case.
            path: of the request.
        """
        token = bearer(authorization)
        if token is None:
            return UNAUTHORIZED
        try:
            user = await self._user(token)
            allowed = user is not None and await self._may(user, verb, path)
        except ApiError as error:
            return self._unanswered(error)
        refusal = judge(user, allowed=allowed)
        if refusal:
            log.debug("metrics refused", status=refusal.status, user=user.name if user else None)
        return refusal

    def _unanswered(self, error: ApiError) -> Refusal:
        loud = log.debug if self._failing else log.warning
        loud("metrics refused: the API server gave no answer on who may read them", error=str(error))
        self._failing = True
        return UNANSWERED if isinstance(error, Unavailable) else REFUSED_TO_ASK

    async def _user(self, token: Sensitive) -> User | None:
        digest = hmac.digest(self._key, token.reveal().encode(), "sha256")
        user = self._users.get(digest)
        if user is not None or self._strangers.get(digest):
            return user
        user = await self._reviews.user_of(token)
        self._failing = False
        if user is None:
            self._strangers.put(digest, True, seconds=TOKEN_SECONDS)  # noqa: FBT003 - a value, not a switch
        else:
            self._users.put(digest, user, seconds=TOKEN_SECONDS)
        return user

    async def _may(self, user: User, verb: str, path: str) -> bool:
        asked = (user, verb, path)
        known = self._permissions.get(asked)
        if known is not None:
            return known
        allowed = await self._reviews.may(user, verb=verb, path=path)
        self._failing = False
        self._permissions.put(asked, allowed, seconds=ALLOWED_SECONDS if allowed else DENIED_SECONDS)
        return allowed
