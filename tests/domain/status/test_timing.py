"""When a failed refresh is reported, and when a resource is reconciled again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ecr_secret_operator.domain.resource import InvalidSpec, Resource
from ecr_secret_operator.domain.status.outcome import Outcome
from ecr_secret_operator.domain.status.timing import PATIENCE, too_soon_to_tell
from ecr_secret_operator.reasons import Failure, Reason
from tests.domain.outcomes import BAD_SPEC, DENIED, DUE, HELD, NEW, SERVED, TAKEN, THROTTLED, TOKEN, after
from tests.factories import a_token, stored_tokens

READY = after(NEW, SERVED)
FAILED = Outcome(stored=HELD, failure=THROTTLED, passing=True)
A_SECOND = timedelta(seconds=1)


def quiet(resource: Resource = READY, outcome: Outcome = FAILED, *, lasted: timedelta = A_SECOND) -> bool:
    return too_soon_to_tell(resource, outcome, DUE, DUE + lasted)


@pytest.mark.parametrize("failure", [THROTTLED, DENIED])
def test_a_moments_failure_of_aws_is_no_news(failure: Failure) -> None:
    assert quiet(outcome=replace(FAILED, failure=failure))


@pytest.mark.parametrize(
    ("lasted", "expected"),
    [
        (timedelta(), True),
        (PATIENCE - timedelta(microseconds=1), True),
        (PATIENCE, False),
        (timedelta(seconds=-1), False),  # the clock was set back: nobody knows how long it has lasted
    ],
)
def test_one_that_lasts_is_told(lasted: timedelta, *, expected: bool) -> None:
    assert quiet(lasted=lasted) is expected


def _lives(seconds: float) -> Outcome:
    token = a_token(issued_at=DUE, lifetime=timedelta(seconds=seconds))
    return replace(FAILED, stored=stored_tokens(token=token))


@pytest.mark.parametrize(
    ("life", "lasted", "expected"),
    [(60, 5.9, True), (60, 6.0, False), (100, 9.9, True), (1000, 9.9, True), (1000, 10.0, False)],
)
def test_a_short_life_makes_for_little_patience(life: float, lasted: float, *, expected: bool) -> None:
    assert quiet(outcome=_lives(life), lasted=timedelta(seconds=lasted)) is expected


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(stored=HELD),
        Outcome(failure=THROTTLED, passing=True),
        replace(FAILED, lacking=("another.registry",)),
        *(
            replace(FAILED, failure=failure, passing=False)
            for failure in (
                TAKEN,
                BAD_SPEC,
                Failure(Reason.IDENTITY_UNAVAILABLE, "no credentials"),
                Failure(Reason.KUBERNETES_ERROR, "quota"),
            )
        ),
    ],
    ids=lambda outcome: f"{outcome.failure and outcome.failure.reason} {outcome.lacking}",
)
def test_what_harms_somebody_or_needs_somebody_is_told_at_once(outcome: Outcome) -> None:
    assert not quiet(outcome=outcome)


def test_what_is_overdue_is_told_at_once_whenever_it_began_to_fail() -> None:
    """As when AWS hung for half a minute before it failed."""
    late = DUE + PATIENCE
    assert too_soon_to_tell(READY, FAILED, late - A_SECOND, late - timedelta(microseconds=1))
    assert not too_soon_to_tell(READY, FAILED, late - A_SECOND, late)
    early = DUE - timedelta(hours=1)  # as for keys that were replaced
    assert too_soon_to_tell(READY, FAILED, early, early + A_SECOND)
    assert not too_soon_to_tell(READY, FAILED, early, early + PATIENCE)


def test_a_token_that_has_expired_is_told_at_once() -> None:
    end: datetime = TOKEN.expires_at
    assert not too_soon_to_tell(READY, FAILED, end, end)


@pytest.mark.parametrize(
    "resource",
    [
        NEW,
        after(READY, FAILED),
        replace(READY, generation=READY.generation + 1),
        replace(READY, refresh_request="now"),
        replace(READY, spec=InvalidSpec("no")),
    ],
    ids=["never served", "told before", "another spec", "asked to refresh", "invalid"],
)
def test_who_waits_for_an_answer_gets_one(resource: Resource) -> None:
    assert not quiet(resource)


def test_what_failed_beside_something_else_waits_for_it() -> None:
    own = Outcome(stored=HELD, failure=TAKEN, retry_at=DUE)
    assert FAILED.beside(None, passing=True, retry_at=None) is FAILED
    assert Outcome(stored=HELD).beside(THROTTLED, passing=True, retry_at=DUE) == replace(FAILED, retry_at=DUE)
    assert not Outcome(stored=HELD).beside(DENIED, passing=False, retry_at=DUE).passing
    assert own.beside(THROTTLED, passing=True, retry_at=DUE + A_SECOND) == own


def test_a_request_that_was_done_is_no_request() -> None:
    asked = replace(NEW, refresh_request="now")
    assert quiet(after(asked, SERVED))
    assert quiet(replace(after(asked, SERVED), refresh_request="")), "nor one that was taken back"
