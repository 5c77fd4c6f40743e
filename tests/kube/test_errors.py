"""How long the API server may ask to be left alone."""

from __future__ import annotations

import json

import pytest

from ecr_secret_operator.kube.errors import LONGEST_WAIT_SECONDS, error_of


@pytest.mark.parametrize(
    ("header", "body", "expected"),
    [
        (None, None, None),
        ("7", None, 7.0),
        (None, 5, 5.0),
        ("7", 5, 7.0),
        ("86400", None, LONGEST_WAIT_SECONDS),
        (None, 1e12, LONGEST_WAIT_SECONDS),
        (None, -3, 0.0),
        ("-3", None, None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 2, 2.0),
        ("9" * 400, None, LONGEST_WAIT_SECONDS),
    ],
)
def test_it_is_obeyed_for_a_minute_at_most(header: str | None, body: float | None, expected: float | None) -> None:
    details = {} if body is None else {"details": {"retryAfterSeconds": body}}
    error = error_of(429, json.dumps({"message": "slow down", **details}).encode(), retry_after=header)
    assert error.retry_after == expected


@pytest.mark.parametrize("secret", ["eyJhbGciOiJSUzI1NiJ9.eyJqdGkiOiIxIn0.c2lnbmF0dXJl", "IQoJb3JpZ2lu" * 60])
def test_a_token_that_a_webhook_repeats_is_left_out(secret: str) -> None:
    """What the API server says goes into statuses and events."""
    body = {"message": f'admission webhook "x" denied the request: auth {secret} is not allowed', "code": 403}
    error = error_of(403, json.dumps(body).encode())
    assert secret[:20] not in str(error)
    assert "denied the request: auth [redacted] is not allowed" in str(error)


@pytest.mark.parametrize(
    ("message", "admission"),
    [
        ('admission webhook "rules.example.com" denied the request: no', "rules.example.com"),
        ('Internal error occurred: failed calling webhook "a.b.c": failed to call webhook: Post "https://x"', "a.b.c"),
        (
            "secrets \"x\" is forbidden: ValidatingAdmissionPolicy 'guard' with binding 'all' denied request: no",
            "guard",
        ),
        ('secrets "x" is forbidden: exceeded quota: q', ""),
        ("webhook says no", ""),
    ],
)
def test_who_refused_is_part_of_what_makes_it_the_same_error(message: str, admission: str) -> None:
    error = error_of(403, json.dumps({"message": message, "code": 403}).encode())
    assert error.admission == admission
    again = error_of(403, json.dumps({"message": f"{message}, port 4711", "code": 403}).encode())
    assert (again.identity, again.failure.causes) == (error.identity, error.failure.causes)
    assert error.worded("other").identity == error.identity
