"""TokenReview and SubjectAccessReview: the API server says whose a token is, and what that user may do."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from ..domain.reader import User
from ..domain.tokens.token import Sensitive
from ..errors import Unavailable
from .client import Client

T = TypeVar("T")

REVIEW_SECONDS = 10.0
"""As controller-runtime's filter has it; Prometheus gives up after 10 s by itself."""
REVIEWS_AT_ONCE = 4
"""Whoever reaches the metrics' port can cause reviews: they must not take the connections that reconciles need."""

_AUTHENTICATION, _AUTHORIZATION = "authentication.k8s.io/v1", "authorization.k8s.io/v1"


class _UserInfo(msgspec.Struct):
    username: str = ""
    uid: str = ""
    groups: list[str] | None = None
    extra: dict[str, list[str]] | None = None


class _TokenStatus(msgspec.Struct):
    authenticated: bool = False
    user: _UserInfo = msgspec.field(default_factory=_UserInfo)


class _TokenReview(msgspec.Struct):
    status: _TokenStatus = msgspec.field(default_factory=_TokenStatus)


class _AccessStatus(msgspec.Struct):
    allowed: bool = False
    denied: bool = False


class _AccessReview(msgspec.Struct):
    status: _AccessStatus = msgspec.field(default_factory=_AccessStatus)


class ApiReviews:
    """The reviews of one API server. Every method raises ApiError.

    Args:
        client: the API server; its user needs `create` on both kinds (ClusterRole `system:auth-delegator`).
        timeout: seconds that one review may take, the wait for its turn included.
    """

    def __init__(self, client: Client, *, timeout: float = REVIEW_SECONDS) -> None:
        self._client = client
        self._timeout = timeout
        self._turns = asyncio.Semaphore(REVIEWS_AT_ONCE)

    async def user_of(self, token: Sensitive) -> User | None:
        """Whose token it is; None when it is not valid."""
        spec = {"token": token.reveal()}
        status = (await self._ask(_AUTHENTICATION, "TokenReview", spec, _TokenReview)).status
        if not status.authenticated:
            return None
        found = status.user
        return User(
            name=found.username,
            uid=found.uid,
            groups=tuple(found.groups or ()),
            extra=tuple(sorted((key, tuple(values)) for key, values in (found.extra or {}).items())),
        )

    async def may(self, user: User, *, verb: str, path: str) -> bool:
        """Whether the user may do this to a path that is no resource."""
        spec = {
            "user": user.name,
            "uid": user.uid,
            "groups": list(user.groups),
            "extra": {key: list(values) for key, values in user.extra},
            "nonResourceAttributes": {"verb": verb, "path": path},
        }
        status = (await self._ask(_AUTHORIZATION, "SubjectAccessReview", spec, _AccessReview)).status
        return status.allowed and not status.denied

    async def _ask(self, version: str, kind: str, spec: Mapping[str, Any], reply: type[T]) -> T:
        body = {"apiVersion": version, "kind": kind, "spec": spec}
        try:
            async with asyncio.timeout(self._timeout), self._turns:
                return await self._client.post(f"/apis/{version}/{kind.lower()}s", body, reply)
        except TimeoutError as error:
            raise Unavailable(f"the API server did not answer a {kind} in {self._timeout:g} s") from error
