"""Maps what the API server answers, or that it does not, to the errors of the domain. The one boundary for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from ..domain.redaction import redact_text
from ..errors import (
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
_ADMISSION = re.compile(r"""(?:webhook|AdmissionPolicy) ["']([^"'\s]{1,253})["']""")
"""How the API server names an admission webhook, or an admission policy, that refused or failed (k8s.io/apiserver,
pkg/admission/plugin/webhook/errors/statuserror.go; plugin/policy/validating/dispatcher.go)."""

MESSAGE_CHARACTERS = 500
LONGEST_WAIT_SECONDS = 60.0
"""Who asks for more is not obeyed further: no proxy's whim is to stop a resource for a day."""

NONSENSE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What decoding raises when the bytes are not what they should be: no JSON, no UTF-8, no end of nesting, other JSON."""


def decoded(answer: bytes, reply: type[T]) -> T:
    """Decodes an answer as this type. Raises Unavailable if it is something else."""
    try:
        return msgspec.json.decode(answer, type=reply)
    except NONSENSE as error:
        raise _no_sense(error) from None


def decoded_by(decoder: msgspec.json.Decoder[T], answer: bytes | msgspec.Raw) -> T:
    """Decodes an answer by a decoder. Raises Unavailable if it is something else."""
    try:
        return decoder.decode(answer)
    except NONSENSE as error:
        raise _no_sense(error) from None


def _no_sense(error: Exception) -> Unavailable:
    """What cannot be decoded is an API server that does not answer: it is a proxy that speaks in its place."""
    return Unavailable(f"the API server, or a proxy before it, gave an answer that makes no sense: {error}")


def error_of(status: int, body: bytes, *, retry_after: str | None = None) -> ApiError:
    """The error for an answer with an HTTP status of 300 or more.

    Args:
        status: the HTTP status, or the code in an ERROR watch event.
        body: what came with it; a `Status` object as a rule.
        retry_after: the Retry-After header, in seconds.
    """
    try:
        answer = msgspec.json.decode(body, type=StatusBody)
    except NONSENSE:
        answer = StatusBody()
    kind = _CLASSES.get(status, Unavailable)
    if answer.reason == "AlreadyExists":
        kind = AlreadyExists
    details = answer.details or _Details()
    causes = [cause.reason for cause in details.causes or [] if cause.reason]
    wait = details.retryAfterSeconds
    if retry_after and retry_after.isdecimal():
        wait = float(retry_after)
    text = redact_text(answer.message)[:MESSAGE_CHARACTERS] or f"the API server answered {status}"
    wait = None if wait is None else min(max(wait, 0.0), LONGEST_WAIT_SECONDS)
    admission = _ADMISSION.search(answer.message)
    return kind(
        text,
        status=status,
        retry_after=wait,
        cause=causes[0] if causes else "",
        admission=admission[1] if admission else "",
    )
