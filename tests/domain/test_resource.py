from __future__ import annotations

import pytest

from ecr_secret_operator.domain.resource import Key, condition_of
from ecr_secret_operator.errors import ApiError, InvalidField, OperatorError, TokenError, shown
from ecr_secret_operator.reasons import Reason
from ecr_secret_operator.runtime.backoff import Backoff
from tests.factories import NOW


def test_a_key_is_read_back_as_it_was_written() -> None:
    key = Key("Secret", "team-a", "pull")
    assert str(key) == "Secret/team-a/pull"
    assert Key.parse(str(key)) == key


@pytest.mark.parametrize("text", ["", "Secret", "Secret/team-a", "Secret/team-a/pull/x", "///"])
def test_what_is_no_key_is_none(text: str) -> None:
    assert Key.parse(text) is None


READY = {"type": "Ready", "status": "True"}


@pytest.mark.parametrize(
    ("status", "condition"),
    [
        ({"conditions": [READY]}, READY),
        ({"conditions": ["x", None, {}, {"type": "Other"}, READY]}, READY),
        ({"conditions": [{"type": "Other"}]}, {}),
        ({"conditions": []}, {}),
        ({"conditions": None}, {}),
        ({"conditions": "Ready"}, {}),
        ({"conditions": {"type": "Ready"}}, {}),
        ({}, {}),
    ],
)
def test_a_condition_is_found_in_a_status_of_any_shape(status: dict[str, object], condition: dict[str, str]) -> None:
    assert condition_of(status, "Ready") == condition


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("x", "'x'"),
        ("x" * 80, repr("x" * 80)),
        ("x" * 81, repr("x" * 80 + "...")),
        ("a\nb", r"'a\nb'"),
        (5, "'5'"),
        (None, "'None'"),
    ],
)
def test_a_rejected_value_is_quoted_and_cut(value: object, text: str) -> None:
    assert shown(value) == text


def test_errors_are_one_sentence_and_carry_what_the_queue_needs() -> None:
    token = TokenError("AWS said no", reason=Reason.AWS_ACCESS_DENIED, retry_at=NOW)
    api = ApiError("slow down", status=429, retry_after=2.5, cause="x")
    assert (str(token), token.reason, token.retry_at) == ("AWS said no", Reason.AWS_ACCESS_DENIED, NOW)
    assert (str(api), api.status, api.retry_after, api.cause) == ("slow down", 429, 2.5, "x")
    for error in (token, api, InvalidField("x")):
        assert isinstance(error, OperatorError)


@pytest.mark.parametrize(
    ("failures", "draw", "seconds"),
    [
        (1, 1.0, 1.0),
        (2, 1.0, 2.0),
        (3, 1.0, 4.0),
        (3, 0.5, 2.0),
        (5, 1.0, 16.0),
        (6, 1.0, 30.0),
        (1_000_000, 1.0, 30.0),
        (3, 0.0, 0.5),
        (1, 0.1, 0.5),
    ],
)
def test_waits_double_up_to_a_cap_with_full_jitter_above_a_floor(failures: int, draw: float, seconds: float) -> None:
    assert Backoff(base=1.0, cap=30.0, floor=0.5).delay(failures, draw=draw) == seconds
