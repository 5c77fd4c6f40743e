"""What a resource with several registries, or one that policy judges, says of itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ecr_secret_operator.domain.identity.limit import LONGEST_SUMMARY, UNLIMITED, TokenLimit
from ecr_secret_operator.domain.resource import InvalidSpec, Resource, condition_of
from ecr_secret_operator.domain.secret.annotations import StoredToken, StoredTokens
from ecr_secret_operator.domain.status.conditions import next_status
from ecr_secret_operator.domain.status.events import Event, events
from ecr_secret_operator.domain.status.outcome import POLICY_ALLOWED, READY, REFRESHING, Outcome
from ecr_secret_operator.domain.status.timing import SOONEST_LOOK, next_look
from ecr_secret_operator.domain.times import format_time
from ecr_secret_operator.domain.tokens.schedule import due_at
from ecr_secret_operator.reasons import Failure, Reason
from tests.factories import HOST, NOW, OTHER_HOST, a_resource, a_spec, a_token, spec_of

BOTH = a_resource(spec=a_spec(additional_registries=[{"ecr_registry": OTHER_HOST}]), status={})
SUSPENDED = replace(BOTH, spec=a_spec(additional_registries=[{"ecr_registry": OTHER_HOST}], suspend=True))
FREQUENCY = spec_of(BOTH).interval

YOUNG = a_token()
OLD = a_token(issued_at=NOW - timedelta(hours=3))
HELD = {HOST: StoredToken(YOUNG, "m"), OTHER_HOST: StoredToken(OLD, "m")}
PULL, TEAM_A = TokenLimit("pull"), TokenLimit("push", ("team-a/*",))
YOUNG_DUE = due_at(YOUNG, FREQUENCY, seed=BOTH.uid)
OLD_DUE = due_at(OLD, FREQUENCY, seed=BOTH.uid)
SOON = NOW + timedelta(minutes=30)
LATER = NOW + timedelta(hours=4)
assert SOON < OLD_DUE < LATER < YOUNG_DUE

THROTTLED = Failure(Reason.AWS_UNAVAILABLE, f"ECR in eu-west-1 failed for {OTHER_HOST}")
MISSING = Failure(Reason.IDENTITY_UNAVAILABLE, "ServiceAccount team-a/puller does not exist")
DENIED = Failure(Reason.POLICY_DENIED, "no AccessPolicy lets namespace team-a")


def conditions_of(resource: Resource, outcome: Outcome, now: datetime = NOW) -> dict[str, tuple[str, str]]:
    conditions = next_status(resource, outcome, now=now)["conditions"]
    return {entry["type"]: (entry["status"], entry["reason"]) for entry in conditions}


def after(resource: Resource, outcome: Outcome, now: datetime = NOW) -> Resource:
    return replace(resource, status=next_status(resource, outcome, now=now))


def told(resource: Resource, outcome: Outcome, now: datetime = NOW) -> list[Event]:
    return list(events(resource, next_status(resource, outcome, now=now), outcome))


# Times


def test_the_times_are_those_of_the_token_that_ends_or_is_due_first() -> None:
    status = next_status(BOTH, Outcome(stored=HELD), now=NOW)
    assert status["expiresAt"] == format_time(OLD.expires_at)
    assert status["nextRefreshTime"] == format_time(OLD_DUE)
    assert status["lastUpdatedTime"] == format_time(OLD.issued_at)
    refreshed = {**HELD, OTHER_HOST: StoredToken(a_token(issued_at=LATER), "m")}
    status = next_status(BOTH, Outcome(stored=refreshed, written=True), now=LATER)
    assert status["expiresAt"] == format_time(YOUNG.expires_at)
    assert status["nextRefreshTime"] == format_time(YOUNG_DUE)
    assert status["lastUpdatedTime"] == format_time(LATER)


def limited(*limits: TokenLimit) -> dict[str, StoredToken]:
    return {host: replace(HELD[host], limit=limit) for host, limit in zip(HELD, limits, strict=True)}


@pytest.mark.parametrize(
    ("stored", "limit"),
    [
        ({}, None),
        (HELD, None),
        (limited(PULL, PULL), "pull in all repositories"),
        (limited(PULL, UNLIMITED), None),
        (limited(TEAM_A, PULL), f"{OTHER_HOST}: pull in all repositories; {HOST}: push in team-a/*"),
    ],
)
def test_the_limit_is_that_of_all_tokens(stored: StoredTokens, limit: str | None) -> None:
    assert next_status(BOTH, Outcome(stored=stored), now=NOW).get("tokenLimit") == limit


def test_a_long_limit_is_cut() -> None:
    many = TokenLimit.of("pull", [f"{number}{'x' * 250}" for number in range(9)])
    shown = next_status(BOTH, Outcome(stored=limited(many, many)), now=NOW)["tokenLimit"]
    assert len(shown) == LONGEST_SUMMARY
    assert shown.endswith("...")


def test_the_order_of_the_tokens_does_not_matter() -> None:
    backwards = dict(reversed(limited(TEAM_A, PULL).items()))
    assert next_status(BOTH, Outcome(stored=backwards), now=NOW) == next_status(
        BOTH, Outcome(stored=limited(TEAM_A, PULL)), now=NOW
    )


def test_the_order_of_unlimited_tokens_does_not_matter() -> None:
    backwards = dict(reversed(HELD.items()))
    assert next_status(BOTH, Outcome(stored=backwards), now=NOW) == next_status(BOTH, Outcome(stored=HELD), now=NOW)


# Conditions


FINE = ("True", "Refreshed")


@pytest.mark.parametrize(
    ("resource", "outcome", "now", "phase", "ready", "refreshing"),
    [
        (BOTH, Outcome(stored=HELD), SOON, "Updated", FINE, FINE),
        # one fails and has its last good token
        (BOTH, Outcome(stored=HELD, failure=THROTTLED), SOON, "Updated", FINE, ("False", "AWSUnavailable")),
        (BOTH, Outcome(stored=HELD, failure=MISSING), SOON, "Updated", FINE, ("False", "IdentityUnavailable")),
        # one has none: the Secret does not do what it is for
        (
            BOTH,
            Outcome(stored={HOST: HELD[HOST]}, lacking=(OTHER_HOST,), failure=THROTTLED),
            SOON,
            "Pending",
            ("False", "AWSUnavailable"),
            ("False", "AWSUnavailable"),
        ),
        (
            BOTH,
            Outcome(stored={HOST: HELD[HOST]}, lacking=(OTHER_HOST,), failure=MISSING),
            SOON,
            "Error",
            ("False", "IdentityUnavailable"),
            ("False", "IdentityUnavailable"),
        ),
        # the token of another identity does not count, although it is stored
        (
            BOTH,
            Outcome(stored=HELD, lacking=(OTHER_HOST,), failure=THROTTLED),
            SOON,
            "Pending",
            ("False", "AWSUnavailable"),
            ("False", "AWSUnavailable"),
        ),
        (
            BOTH,
            Outcome(stored=HELD, failure=THROTTLED),
            OLD.expires_at,
            "Pending",
            ("False", "AWSUnavailable"),
            ("False", "AWSUnavailable"),
        ),
        # policy
        (BOTH, Outcome(failure=DENIED), SOON, "Error", ("False", "PolicyDenied"), ("False", "PolicyDenied")),
        (
            BOTH,
            Outcome(stored=HELD, failure=DENIED),
            SOON,
            "Error",
            ("False", "PolicyDenied"),
            ("False", "PolicyDenied"),
        ),
        (SUSPENDED, Outcome(failure=DENIED), SOON, "Error", ("False", "PolicyDenied"), ("False", "PolicyDenied")),
        # suspended
        (SUSPENDED, Outcome(stored=HELD), SOON, "Suspended", ("True", "Suspended"), ("False", "Suspended")),
        (
            SUSPENDED,
            Outcome(stored={HOST: HELD[HOST]}, lacking=(OTHER_HOST,)),
            SOON,
            "Suspended",
            ("False", "Suspended"),
            ("False", "Suspended"),
        ),
        (SUSPENDED, Outcome(stored=HELD), OLD.expires_at, "Suspended", ("False", "Suspended"), ("False", "Suspended")),
    ],
)
def test_phase_and_conditions(
    resource: Resource,
    outcome: Outcome,
    now: datetime,
    phase: str,
    ready: tuple[str, str],
    refreshing: tuple[str, str],
) -> None:
    assert next_status(resource, outcome, now=now)["phase"] == phase
    assert conditions_of(resource, outcome, now) == {READY: ready, REFRESHING: refreshing}


def test_the_condition_counts_the_registries() -> None:
    message = condition_of(next_status(BOTH, Outcome(stored=HELD), now=NOW), READY)["message"]
    assert message == "Secret ecr-pull holds a valid token for each of 2 registries"


def test_the_failure_of_one_is_told_while_the_secret_is_good() -> None:
    status = next_status(BOTH, Outcome(stored=HELD, failure=THROTTLED), now=NOW)
    assert condition_of(status, REFRESHING)["message"] == THROTTLED.message
    assert condition_of(status, READY)["message"].endswith("for each of 2 registries")


# Audit


AUDITED = Outcome(stored=HELD, audited="no AccessPolicy lets namespace team-a use it")


def test_what_is_audited_is_served_and_has_a_condition_that_says_so() -> None:
    status = next_status(BOTH, AUDITED, now=NOW)
    assert status["phase"] == "Updated"
    assert [entry["type"] for entry in status["conditions"]] == [READY, REFRESHING, POLICY_ALLOWED]
    assert condition_of(status, POLICY_ALLOWED) == {
        "type": "PolicyAllowed",
        "status": "False",
        "reason": "PolicyDenied",
        "message": f"reported only, because an AccessPolicy is in mode Audit: {AUDITED.audited}",
        "observedGeneration": 1,
        "lastTransitionTime": format_time(NOW),
    }


def test_an_audit_is_told_once_and_again_when_it_says_something_else() -> None:
    text = f"reported only, because an AccessPolicy is in mode Audit: {AUDITED.audited}"
    assert told(BOTH, AUDITED) == [Event("PolicyAudited", text, warning=True)]
    stored = after(BOTH, AUDITED)
    assert told(stored, AUDITED, SOON) == []
    assert next_status(stored, AUDITED, now=SOON) == stored.status
    other = replace(AUDITED, audited="another")
    assert [event.message for event in told(stored, other)] == [
        "reported only, because an AccessPolicy is in mode Audit: another"
    ]
    assert condition_of(next_status(stored, other, now=SOON), POLICY_ALLOWED)["lastTransitionTime"] == format_time(NOW)


def test_when_the_audit_is_over_its_condition_goes_without_a_word() -> None:
    stored = after(BOTH, AUDITED)
    allowed = replace(AUDITED, audited="")
    status = next_status(stored, allowed, now=SOON)
    assert condition_of(status, POLICY_ALLOWED) == {}
    assert told(stored, allowed, SOON) == []


def test_an_audit_is_told_beside_a_failure() -> None:
    failing = replace(AUDITED, failure=THROTTLED)
    assert [event.reason for event in told(BOTH, failing)] == ["AWSUnavailable", "PolicyAudited"]
    assert set(conditions_of(BOTH, failing)) == {READY, REFRESHING, POLICY_ALLOWED}


def test_a_denial_and_its_end_are_told_once() -> None:
    refused = Outcome(failure=DENIED)
    assert told(BOTH, refused) == [Event("PolicyDenied", DENIED.message, warning=True)]
    stored = after(BOTH, refused)
    assert told(stored, refused, SOON) == []
    assert not {"expiresAt", "nextRefreshTime"} & stored.status.keys()
    assert [event.reason for event in told(stored, Outcome(stored=HELD, written=True))] == ["Recovered"]


def test_a_denial_takes_the_times_of_the_token_with_it() -> None:
    stored = after(BOTH, Outcome(stored=HELD, written=True))
    assert not {"expiresAt", "nextRefreshTime"} & next_status(stored, Outcome(failure=DENIED), now=SOON).keys()


# When to look again


@pytest.mark.parametrize(
    ("resource", "outcome", "now", "look"),
    [
        (BOTH, Outcome(stored=HELD), NOW, OLD_DUE),
        # one fails for good: the other is due all the same
        (BOTH, Outcome(stored=HELD, failure=MISSING), NOW, OLD_DUE),
        (BOTH, Outcome(stored=HELD, failure=MISSING), LATER, YOUNG_DUE),
        (BOTH, Outcome(stored={HOST: HELD[HOST]}, lacking=(OTHER_HOST,), failure=MISSING), NOW, YOUNG_DUE),
        # the end of a token is looked at, since Ready flips
        (BOTH, Outcome(stored=HELD, failure=MISSING), YOUNG_DUE, OLD.expires_at),
        (BOTH, Outcome(stored=HELD, failure=MISSING), OLD.expires_at, YOUNG.expires_at),
        (BOTH, Outcome(stored=HELD, failure=MISSING), YOUNG.expires_at, None),
        # a retry comes first
        (BOTH, Outcome(stored=HELD, failure=THROTTLED, retry_at=SOON), NOW, SOON),
        (BOTH, Outcome(stored=HELD, failure=THROTTLED, retry_at=LATER), NOW, OLD_DUE),
        (BOTH, Outcome(stored=HELD, failure=THROTTLED, retry_at=YOUNG.expires_at), LATER, YOUNG_DUE),
        # no hot loop
        (BOTH, Outcome(stored=HELD), OLD_DUE, OLD_DUE + SOONEST_LOOK),
        (BOTH, Outcome(stored=HELD, retry_at=NOW), LATER, LATER + SOONEST_LOOK),
        # nothing is refreshed: only the ends count
        (SUSPENDED, Outcome(stored=HELD), NOW, OLD.expires_at),
        (SUSPENDED, Outcome(stored=HELD), OLD.expires_at, YOUNG.expires_at),
        (replace(BOTH, spec=InvalidSpec("no")), Outcome(stored=HELD, failure=MISSING), NOW, OLD.expires_at),
        (BOTH, Outcome(failure=DENIED), NOW, None),
    ],
)
def test_when_to_look_again(resource: Resource, outcome: Outcome, now: datetime, look: datetime | None) -> None:
    assert next_look(resource, outcome, now=now) == look
