"""What a resource says of itself, from what a reconcile achieved; and that it says it once."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ecr_secret_operator.domain.resource import Resource, condition_of
from ecr_secret_operator.domain.status.conditions import next_status
from ecr_secret_operator.domain.status.outcome import READY, REFRESHING, Outcome
from ecr_secret_operator.domain.times import format_time
from ecr_secret_operator.reasons import Failure, Reason
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
    with_status,
)
from tests.factories import HOST, NOW, a_resource, a_spec, a_token, an_argo_spec, stored_tokens


def test_the_status_of_a_resource_that_was_served() -> None:
    ready = f"Secret ecr-pull holds a valid token for {HOST}"
    assert next_status(NEW, SERVED, now=NOW) == {
        "phase": "Updated",
        "observedGeneration": 1,
        "lastUpdatedTime": "2026-03-01T12:00:00Z",
        "expiresAt": "2026-03-02T00:00:00Z",
        "nextRefreshTime": format_time(DUE),
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Refreshed",
                "message": ready,
                "observedGeneration": 1,
                "lastTransitionTime": "2026-03-01T12:00:00Z",
            },
            {
                "type": "Refreshing",
                "status": "True",
                "reason": "Refreshed",
                "message": "The token is refreshed on schedule",
                "observedGeneration": 1,
                "lastTransitionTime": "2026-03-01T12:00:00Z",
            },
        ],
    }


@pytest.mark.parametrize(
    ("resource", "outcome", "phase", "ready", "refreshing"),
    [
        # (who, what happened, phase, Ready as (status, reason), Refreshing as (status, reason))
        (NEW, SERVED, "Updated", ("True", "Refreshed"), ("True", "Refreshed")),
        (NEW, UNCHANGED, "Updated", ("True", "Refreshed"), ("True", "Refreshed")),
        # a refresh failed, the stored token is still good
        (NEW, Outcome(stored=HELD, failure=THROTTLED), "Updated", ("True", "Refreshed"), ("False", "AWSUnavailable")),
        (NEW, Outcome(stored=HELD, failure=DENIED), "Updated", ("True", "Refreshed"), ("False", "AWSAccessDenied")),
        # nothing good is stored
        (NEW, Outcome(failure=THROTTLED), "Pending", ("False", "AWSUnavailable"), ("False", "AWSUnavailable")),
        (
            NEW,
            Outcome(failure=Failure(Reason.KUBERNETES_ERROR, "no")),
            "Pending",
            ("False", "KubernetesError"),
            ("False", "KubernetesError"),
        ),
        (NEW, Outcome(failure=DENIED), "Error", ("False", "AWSAccessDenied"), ("False", "AWSAccessDenied")),
        (
            NEW,
            Outcome(failure=Failure(Reason.IDENTITY_UNAVAILABLE, "no")),
            "Error",
            ("False", "IdentityUnavailable"),
            ("False", "IdentityUnavailable"),
        ),
        (NEW, Outcome(failure=TAKEN), "Error", ("False", "SecretConflict"), ("False", "SecretConflict")),
        (INVALID, Outcome(failure=BAD_SPEC), "Error", ("False", "InvalidSpec"), ("False", "InvalidSpec")),
        # never Ready, whatever is stored
        (INVALID, Outcome(stored=HELD, failure=BAD_SPEC), "Error", ("False", "InvalidSpec"), ("False", "InvalidSpec")),
        (NEW, Outcome(stored=HELD, failure=TAKEN), "Error", ("False", "SecretConflict"), ("False", "SecretConflict")),
        # suspended
        (SUSPENDED, UNCHANGED, "Suspended", ("True", "Suspended"), ("False", "Suspended")),
        (SUSPENDED, Outcome(), "Suspended", ("False", "Suspended"), ("False", "Suspended")),
        (SUSPENDED, Outcome(failure=TAKEN), "Error", ("False", "SecretConflict"), ("False", "SecretConflict")),
    ],
)
def test_phase_and_conditions(
    resource: Resource, outcome: Outcome, phase: str, ready: tuple[str, str], refreshing: tuple[str, str]
) -> None:
    status = next_status(resource, outcome, now=SOON)
    conditions = {entry["type"]: (entry["status"], entry["reason"]) for entry in status["conditions"]}
    assert (status["phase"], conditions) == (phase, {READY: ready, REFRESHING: refreshing})


def test_a_failure_tells_what_to_do_in_both_conditions_when_nothing_is_stored() -> None:
    status = next_status(NEW, Outcome(failure=DENIED), now=NOW)
    assert [entry["message"] for entry in status["conditions"]] == ["AWS refused it", "AWS refused it"]


def test_a_suspended_resource_says_whether_it_holds_a_token() -> None:
    held = condition_of(next_status(SUSPENDED, UNCHANGED, now=SOON), READY)["message"]
    assert held == "spec.suspend is true: the stored token is kept and nothing is refreshed"
    empty = condition_of(next_status(SUSPENDED, Outcome(), now=SOON), READY)["message"]
    assert empty == "spec.suspend is true: no valid token is stored and nothing is refreshed"


def test_a_suspended_resource_says_why_it_is_not_ready_although_its_token_is_kept() -> None:
    """Another identity or registry was written into its spec before it was suspended."""
    outcome = replace(UNCHANGED, lacking=(HOST,))
    held = condition_of(next_status(SUSPENDED, outcome, now=SOON), READY)
    assert held["status"] == "False"
    assert held["message"].endswith(
        f"the stored token is kept and nothing is refreshed. Another token is needed for {HOST}"
    )


def test_the_argo_kind_names_its_registry_and_secret() -> None:
    status = next_status(a_resource(spec=an_argo_spec(url=f"oci://{HOST}/charts"), status={}), SERVED, now=NOW)
    assert condition_of(status, READY)["message"] == f"Secret charts holds a valid token for {HOST}"


# Ready stays True while the stored token is good, and no longer


@pytest.mark.parametrize(
    ("now", "ready"),
    [
        (SOON, "True"),
        (TOKEN.expires_at - timedelta(seconds=1), "True"),
        (TOKEN.expires_at, "False"),
        (TOKEN.expires_at + timedelta(days=1), "False"),
    ],
)
@pytest.mark.parametrize(
    ("resource", "failure"), [(NEW, THROTTLED), (NEW, DENIED), (SUSPENDED, None)], ids=["throttled", "denied", "held"]
)
def test_ready_flips_when_the_stored_token_expires(
    resource: Resource, failure: Failure | None, now: datetime, ready: str
) -> None:
    status = next_status(resource, Outcome(stored=HELD, failure=failure), now=now)
    assert condition_of(status, READY)["status"] == ready


def test_a_token_that_has_expired_is_not_called_valid() -> None:
    ready = condition_of(next_status(NEW, UNCHANGED, now=TOKEN.expires_at), READY)
    assert ready["status"] == "False"
    assert ready["message"] == f"Secret ecr-pull holds a token that has expired, which is being replaced, for {HOST}"


# Nothing is written when nothing changed


@pytest.mark.parametrize(
    ("resource", "outcome"),
    [
        (NEW, SERVED),
        (NEW, UNCHANGED),
        (NEW, Outcome(stored=HELD, failure=THROTTLED)),
        (NEW, Outcome(failure=THROTTLED)),
        (NEW, Outcome(failure=TAKEN)),
        (INVALID, Outcome(failure=BAD_SPEC)),
        (INVALID, Outcome(stored=HELD, failure=BAD_SPEC)),
        (SUSPENDED, UNCHANGED),
        (SUSPENDED, Outcome()),
        (a_resource(refresh_request="1", status={}), SERVED),
        (a_resource(spec=a_spec(frequency="24h"), status={}), SERVED),
    ],
)
def test_the_same_outcome_again_changes_nothing_and_tells_nothing(resource: Resource, outcome: Outcome) -> None:
    stored = after(resource, outcome)
    again = replace(outcome, written=False, refreshed=False, happened=())
    later = NOW + timedelta(minutes=5)
    assert next_status(stored, again, now=later) == stored.status
    assert told(stored, again, now=later) == []


def test_a_restart_over_a_good_secret_writes_the_same_status() -> None:
    """The time of the last update is when the Secret was written, not when the operator looked."""
    stored = after(NEW, SERVED)
    assert next_status(stored, UNCHANGED, now=DUE - timedelta(seconds=1)) == stored.status


def test_a_status_that_was_lost_is_made_again_from_what_is_stored() -> None:
    assert next_status(NEW, UNCHANGED, now=SOON)["lastUpdatedTime"] == "2026-03-01T12:00:00Z"


def test_an_upstream_status_keeps_its_time_when_nothing_is_written() -> None:
    upstream = with_status(NEW, {"phase": "Updated", "lastUpdatedTime": "2026-02-28T00:00:00Z"})
    assert next_status(upstream, Outcome(failure=DENIED), now=NOW)["lastUpdatedTime"] == "2026-02-28T00:00:00Z"


def test_a_resource_that_never_had_a_secret_has_no_update_time() -> None:
    status = next_status(NEW, Outcome(failure=THROTTLED), now=NOW)
    assert not {"lastUpdatedTime", "expiresAt", "nextRefreshTime"} & status.keys()


@pytest.mark.parametrize(
    "conditions", [None, "x", [], ["x"], [{"type": "Other"}], [{"type": "Ready", "status": "True"}]]
)
def test_a_status_of_any_shape_is_replaced_by_a_whole_one(conditions: object) -> None:
    stored = with_status(NEW, {"conditions": conditions, "observedGeneration": "x"})
    assert next_status(stored, SERVED, now=NOW)["conditions"] == next_status(NEW, SERVED, now=NOW)["conditions"]


# Times


def test_transition_times_move_only_when_the_status_of_the_condition_flips() -> None:
    stored = after(NEW, SERVED)
    failed = next_status(stored, Outcome(stored=HELD, failure=THROTTLED), now=SOON)
    assert condition_of(failed, READY)["lastTransitionTime"] == format_time(NOW)
    assert condition_of(failed, REFRESHING)["lastTransitionTime"] == format_time(SOON)
    later = SOON + timedelta(hours=1)
    other = next_status(with_status(stored, failed), Outcome(stored=HELD, failure=DENIED), now=later)
    assert condition_of(other, REFRESHING)["reason"] == "AWSAccessDenied"
    assert condition_of(other, REFRESHING)["lastTransitionTime"] == format_time(SOON)


def test_a_refresh_moves_the_times_of_the_token() -> None:
    newer = a_token(issued_at=SOON)
    status = next_status(
        after(NEW, SERVED), Outcome(stored=stored_tokens(token=newer), written=True, refreshed=True), now=SOON
    )
    assert status["lastUpdatedTime"] == format_time(SOON)
    assert status["expiresAt"] == format_time(newer.expires_at)
    assert status["nextRefreshTime"] > format_time(DUE)


@pytest.mark.parametrize(
    ("resource", "outcome"), [(SUSPENDED, UNCHANGED), (INVALID, Outcome(stored=HELD, failure=BAD_SPEC))]
)
def test_what_is_not_refreshed_names_no_next_refresh(resource: Resource, outcome: Outcome) -> None:
    status = next_status(resource, outcome, now=NOW)
    assert "nextRefreshTime" not in status
    assert status["expiresAt"] == format_time(TOKEN.expires_at)


def test_the_generation_that_was_looked_at_is_named() -> None:
    status = next_status(replace(NEW, generation=7), SERVED, now=NOW)
    assert status["observedGeneration"] == 7
    assert {entry["observedGeneration"] for entry in status["conditions"]} == {7}


# Refresh requests


@pytest.mark.parametrize(
    ("request_", "handled", "refreshed", "now_handled"),
    [
        ("1", None, True, "1"),
        ("2", "1", True, "2"),
        ("2", "1", False, "1"),  # AWS failed: it is still to be done
        ("1", None, False, None),
        ("", "1", False, "1"),
        ("", None, True, None),
    ],
)
def test_a_refresh_request_is_noted_once_it_is_done(
    request_: str, handled: str | None, *, refreshed: bool, now_handled: str | None
) -> None:
    stored = a_resource(refresh_request=request_, status={"lastHandledRefresh": handled} if handled else {})
    status = next_status(stored, Outcome(stored=HELD, refreshed=refreshed), now=NOW)
    assert status.get("lastHandledRefresh") == now_handled


# Clamping


def test_a_clamped_frequency_is_said_in_the_condition() -> None:
    status = next_status(a_resource(spec=a_spec(frequency="24h"), status={}), SERVED, now=NOW)
    assert condition_of(status, READY)["message"] == (
        f"Secret ecr-pull holds a valid token for {HOST}. frequency 24h is longer than is safe for a token that lives"
        " 12h: it is refreshed every 10h"
    )


@pytest.mark.parametrize(
    ("lifetime", "words"),
    [
        (timedelta(hours=11, minutes=59, seconds=58), "lives 12h: it is refreshed every 10h"),
        (timedelta(hours=12, seconds=3), "lives 12h: it is refreshed every 10h"),
        (timedelta(minutes=6), "lives 6m: it is refreshed every 5m"),
        (timedelta(seconds=24), "lives 24s: it is refreshed every 20s"),
    ],
)
def test_the_time_that_aws_took_to_answer_is_not_part_of_a_reported_lifetime(lifetime: timedelta, words: str) -> None:
    resource = a_resource(spec=a_spec(frequency="24h"), status={})
    outcome = replace(SERVED, stored=stored_tokens(resource, a_token(lifetime=lifetime)))
    assert words in condition_of(next_status(resource, outcome, now=NOW), READY)["message"]


@pytest.mark.parametrize("frequency", ["6h", "10h", "1m"])
def test_a_safe_frequency_is_not_called_clamped(frequency: str) -> None:
    status = next_status(a_resource(spec=a_spec(frequency=frequency), status={}), SERVED, now=NOW)
    assert "longer" not in condition_of(status, READY)["message"]


# The patch


def test_a_token_that_is_gone_takes_its_times_with_it() -> None:
    stored = after(NEW, SERVED)
    status = next_status(stored, Outcome(failure=TAKEN), now=SOON)
    assert not {"expiresAt", "nextRefreshTime"} & status.keys()
    assert status["lastUpdatedTime"] == format_time(NOW)
