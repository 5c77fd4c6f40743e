"""Maps what the API server answers, or that it does not, to the errors of the domain. The one boundary for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from ..domain.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Expired,
    Forbidden,
    Internal,
    Invalid,
    NotFound,
    Unauthorized,
    Unavailable,
)

T = TypeVar("T")


class _Cause(msgspec.Struct):
    reason: str = ""


class _Details(msgspec.Struct):
    causes: list[_Cause] | None = None
    retryAfterSeconds: float | None = None  # noqa: N815 - the API's name


class StatusBody(msgspec.Struct):
    """A `meta/v1.Status`, as errors and ERROR watch events carry it."""

    message: str = ""
    reason: str = ""
    code: int = 0
    details: _Details | None = None


_CLASSES: Mapping[int, type[ApiError]] = {
    400: Invalid,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Expired,
    422: Invalid,
    500: Internal,
}
MESSAGE_CHARACTERS = 500


def error_of(status: int, body: bytes, *, retry_after: str | None = None) -> ApiError:
    """The error for an answer that is no success.

    Args:
        status: the HTTP status, or the code in an ERROR watch event.
        body: what came with it; a `Status` object as a rule.
        retry_after: the Retry-After header, in seconds.
    """
    try:
        answer = msgspec.json.decode(body, type=StatusBody)
    except msgspec.DecodeError:
        answer = StatusBody()
    kind = _CLASSES.get(status, Unavailable)
    if answer.reason == "AlreadyExists":
        kind = AlreadyExists
    details = answer.details or _Details()
    causes = [cause.reason for cause in details.causes or [] if cause.reason]
    wait = details.retryAfterSeconds
    if retry_after and retry_after.isdecimal():
        wait = float(retry_after)
    text = answer.message[:MESSAGE_CHARACTERS] or f"the API server answered {status}"
    return kind(text, status=status, retry_after=wait, cause=causes[0] if causes else "")


def decoded(answer: bytes, kind: type[T]) -> T:
    """What the API server says. Raises Unavailable for what cannot be read: a proxy's words, or half of an answer."""
    try:
        return msgspec.json.decode(answer, type=kind)
    except msgspec.MsgspecError as error:
        raise unreadable(error) from error


def unreadable(error: Exception) -> Unavailable:
    """The error for an answer that is not what it should be; says where it is wrong, and nothing of what it holds."""
    return Unavailable(f"the API server's answer cannot be read: {error}")
