"""What is worth an event, and when a resource has to be looked at again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ecr_secret_operator.domain.resource import Resource
from ecr_secret_operator.domain.status.conditions import next_status
from ecr_secret_operator.domain.status.events import Event, slow_event
from ecr_secret_operator.domain.status.outcome import Outcome
from ecr_secret_operator.domain.status.timing import next_look
from ecr_secret_operator.domain.times import format_time
from ecr_secret_operator.reasons import EventReason, Failure, Reason
from tests.domain.outcomes import (
    BAD_SPEC,
    DENIED,
    DUE,
    HELD,
    INVALID,
    NEW,
    SERVED,
    SOON,
    SUSPENDED,
    TAKEN,
    THROTTLED,
    TOKEN,
    UNCHANGED,
    after,
    told,
)
from tests.factories import NOW, a_resource, a_spec, a_token, stored_tokens


def test_an_ordinary_service_and_refresh_are_no_events() -> None:
    assert told(NEW, SERVED) == []
    newer = Outcome(stored=stored_tokens(token=a_token(issued_at=SOON)), written=True, refreshed=True)
    assert told(after(NEW, SERVED), newer, now=SOON) == []


@pytest.mark.parametrize(
    ("resource", "outcome", "event"),
    [
        (NEW, Outcome(failure=DENIED), Event("AWSAccessDenied", "AWS refused it", warning=True)),
        (NEW, Outcome(failure=TAKEN), Event("SecretConflict", "Secret ecr-pull exists", warning=True)),
        (INVALID, Outcome(failure=BAD_SPEC), Event("InvalidSpec", BAD_SPEC.message, warning=True)),
        (
            after(NEW, SERVED),
            Outcome(stored=HELD, failure=THROTTLED),
            Event("AWSUnavailable", THROTTLED.message, warning=True),
        ),
    ],
)
def test_a_failure_is_told_once(resource: Resource, outcome: Outcome, event: Event) -> None:
    assert told(resource, outcome) == [event]
    assert told(after(resource, outcome), outcome, now=SOON) == [], "not again while it lasts, nor after a restart"


def test_another_failure_is_told_too() -> None:
    stored = after(NEW, Outcome(failure=THROTTLED))
    assert [event.reason for event in told(stored, Outcome(failure=DENIED))] == ["AWSAccessDenied"]
    other_words = Failure(Reason.AWS_UNAVAILABLE, "something else")
    assert [event.message for event in told(stored, Outcome(failure=other_words))] == ["something else"]


@pytest.mark.parametrize("failure", [THROTTLED, DENIED, TAKEN])
def test_a_recovery_is_told_once(failure: Failure) -> None:
    stored = after(NEW, Outcome(failure=failure))
    event = Event("Recovered", f"{failure.reason} is over: the token is fresh again", warning=False)
    assert told(stored, SERVED) == [event]
    assert told(after(stored, SERVED), UNCHANGED) == []


def test_a_corrected_spec_is_a_recovery() -> None:
    stored = after(INVALID, Outcome(failure=BAD_SPEC))
    corrected = replace(stored, spec=a_spec(), generation=2)
    assert [event.reason for event in told(corrected, SERVED)] == ["Recovered"]


def test_suspending_and_resuming_are_a_persons_doing_and_no_events() -> None:
    assert told(SUSPENDED, UNCHANGED) == []
    stored = after(SUSPENDED, UNCHANGED)
    assert told(replace(stored, spec=a_spec(), generation=2), UNCHANGED) == []


def test_a_repair_is_told_each_time() -> None:
    repaired = Outcome(stored=HELD, written=True, happened=((EventReason.REPAIRED, "Secret x was restored"),))
    stored = after(NEW, SERVED)
    expected = [Event("Repaired", "Secret x was restored", warning=False)]
    assert told(stored, repaired) == expected
    assert told(after(stored, repaired), repaired) == expected


CLAMPED = a_resource(spec=a_spec(frequency="24h"), status={})
CLAMPED_EVENT = Event(
    "FrequencyClamped",
    "frequency 24h is longer than is safe for a token that lives 12h: it is refreshed every 10h",
    warning=False,
)


def test_a_clamped_frequency_is_told_once() -> None:
    assert told(CLAMPED, SERVED) == [CLAMPED_EVENT]
    stored = after(CLAMPED, SERVED)
    assert told(stored, SERVED) == []
    assert told(after(stored, Outcome(stored=HELD, failure=THROTTLED)), UNCHANGED, now=SOON)[1:] == []


def test_another_frequency_that_is_clamped_is_told_too() -> None:
    stored = replace(after(CLAMPED, SERVED), spec=a_spec(frequency="48h"), generation=2)
    (event,) = told(stored, UNCHANGED)
    assert event.message.startswith("frequency 48h is longer than is safe")


@pytest.mark.parametrize("failure", [THROTTLED, DENIED, TAKEN])
def test_a_clamped_frequency_is_told_although_the_first_attempt_failed(failure: Failure) -> None:
    assert CLAMPED_EVENT in told(after(CLAMPED, Outcome(failure=failure)), SERVED)


# When to look again


@pytest.mark.parametrize(
    ("resource", "outcome", "now", "look"),
    [
        (NEW, SERVED, NOW, DUE),
        (NEW, UNCHANGED, SOON, DUE),
        (NEW, Outcome(), NOW, None),
        (NEW, Outcome(failure=DENIED), NOW, None),
        (NEW, Outcome(failure=THROTTLED, retry_at=SOON), NOW, SOON),
        (NEW, Outcome(failure=TAKEN, retry_at=SOON), NOW, SOON),
        # a failing refresh: at the retry, or when the token ends and Ready has to flip
        (NEW, Outcome(stored=HELD, failure=THROTTLED, retry_at=SOON), NOW, SOON),
        (
            NEW,
            Outcome(stored=HELD, failure=THROTTLED, retry_at=TOKEN.expires_at + timedelta(hours=1)),
            DUE,
            TOKEN.expires_at,
        ),
        # the refresh that failed was asked for before its time: the due one comes all the same
        (
            NEW,
            Outcome(stored=HELD, failure=THROTTLED, retry_at=TOKEN.expires_at + timedelta(hours=1)),
            SOON,
            DUE,
        ),
        (NEW, Outcome(stored=HELD, failure=THROTTLED), TOKEN.expires_at, None),
        # nothing is refreshed, but the end of the token has to be told
        (SUSPENDED, UNCHANGED, NOW, TOKEN.expires_at),
        (SUSPENDED, UNCHANGED, TOKEN.expires_at, None),
        (SUSPENDED, Outcome(), NOW, None),
        (INVALID, Outcome(failure=BAD_SPEC), NOW, None),
        (INVALID, Outcome(stored=HELD, failure=BAD_SPEC), NOW, TOKEN.expires_at),
    ],
)
def test_when_to_look_again(resource: Resource, outcome: Outcome, now: datetime, look: datetime | None) -> None:
    assert next_look(resource, outcome, now=now) == look


def test_the_status_promises_the_refresh_that_the_queue_is_told() -> None:
    status: Any = next_status(NEW, SERVED, now=NOW)
    assert status["nextRefreshTime"] == format_time(next_look(NEW, SERVED, now=NOW) or NOW)


def test_the_event_of_a_slow_namespace_names_it() -> None:
    event = slow_event("web")
    assert (event.reason, event.warning) == ("NamespaceSlow", True)
    assert "namespace web" in event.message
