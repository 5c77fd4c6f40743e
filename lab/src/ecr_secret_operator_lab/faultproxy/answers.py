"""Answers that the proxy makes up, in the API server's own form (`meta/v1.Status`)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from .memory import Answer
from .records import FaultRule

JSON = "application/json"
REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}
MESSAGE = "the fault proxy injected this answer"
UNAUTHORIZED = 401


def made_up(rule: FaultRule) -> Answer:
    """What a rule answers."""
    headers = {"Content-Type": rule.content_type}
    if rule.retry_after is not None:
        headers["Retry-After"] = str(rule.retry_after)
    if rule.body is not None:
        return Answer(rule.status, headers, rule.body.encode())
    details = {} if rule.retry_after is None else {"details": {"retryAfterSeconds": rule.retry_after}}
    return Answer(rule.status, headers, _status(rule.status, MESSAGE, details))


def refused() -> Answer:
    """For a client that does not show what the proxy wants in place of the kubeconfig's certificate."""
    return Answer(UNAUTHORIZED, {"Content-Type": JSON}, _status(UNAUTHORIZED, "Unauthorized", {}))


def _status(code: int, message: str, more: Mapping[str, object]) -> bytes:
    return msgspec.json.encode(
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": REASONS.get(code, ""),
            "code": code,
            **more,
        }
    )
