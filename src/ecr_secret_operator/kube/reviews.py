"""TokenReview and SubjectAccessReview: the API server authenticates a token, and authorizes a user."""

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
"""The time-out of controller-runtime's filter. Prometheus gives up a scrape after 10 s by default."""
REVIEWS_AT_ONCE = 4
"""Everyone who reaches the metrics port causes reviews, which must not use up the connections of reconciles."""

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
        timeout: seconds that one review may take, including the wait for earlier ones.
    """

    def __init__(self, client: Client, *, timeout: float = REVIEW_SECONDS) -> None:
        self._client = client
        self._timeout = timeout
        self._turns = asyncio.Semaphore(REVIEWS_AT_ONCE)

    async def user_of(self, token: Sensitive) -> User | None:
        """The user that a bearer token belongs to; None if the token is not valid."""
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
        """Whether the user may use this verb on a URL path that belongs to no resource, such as /metrics."""
        spec = {
            "user": user.name,
            "uid": user.uid,
            "groups": list(user.groups),
            "extra": {key: list(values) for key, values in user.extra},
            "nonResourceAttributes": {"verb": verb, "path": path},
        }
        return await self._allowed(spec)

    async def may_access(self, user: User, *, verb: str, group: str, resource: str, namespace: str = "") -> bool:
        """Whether the user may do this to all objects of a resource.

        Args:
            user: who does it.
            verb: such as `patch`.
            group: API group; empty for the core group.
            resource: plural, with its subresource if one is meant, such as `serviceaccounts/token`.
            namespace: empty for all namespaces.
        """
        plural, _, subresource = resource.partition("/")
        attributes = {
            "group": group,
            "resource": plural,
            "subresource": subresource,
            "verb": verb,
            "namespace": namespace,
        }
        spec = {"user": user.name, "groups": list(user.groups), "resourceAttributes": attributes}
        return await self._allowed(spec)

    async def _allowed(self, spec: Mapping[str, Any]) -> bool:
        status = (await self._ask(_AUTHORIZATION, "SubjectAccessReview", spec, _AccessReview)).status
        return status.allowed and not status.denied

    async def _ask(self, version: str, kind: str, spec: Mapping[str, Any], reply: type[T]) -> T:
        body = {"apiVersion": version, "kind": kind, "spec": spec}
        try:
            async with asyncio.timeout(self._timeout), self._turns:
                return await self._client.post(f"/apis/{version}/{kind.lower()}s", body, reply)
        except TimeoutError as error:
            raise Unavailable(f"the API server did not answer a {kind} in {self._timeout:g} s") from error
