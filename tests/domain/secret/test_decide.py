"""What is done about a resource, by what is observed. Times are relative to NOW, when its token is fresh."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ecr_secret_operator.api.registry import parse_registry
from ecr_secret_operator.domain.identity.identity import AMBIENT
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.resource import InvalidSpec, Resource
from ecr_secret_operator.domain.secret.annotations import EXPIRES_AT, ISSUED_AT, TOKENS
from ecr_secret_operator.domain.secret.decide import decide
from ecr_secret_operator.domain.secret.observed import Observed, refresh_requested
from ecr_secret_operator.domain.secret.plan import Plan, Write
from ecr_secret_operator.domain.secret.registries import Want
from ecr_secret_operator.domain.secret.stored import StoredSecret
from ecr_secret_operator.domain.status.conditions import next_status
from ecr_secret_operator.domain.status.outcome import Outcome
from ecr_secret_operator.domain.status.timing import next_look
from ecr_secret_operator.domain.times import parse_time
from ecr_secret_operator.domain.tokens.schedule import Freshness, due_at
from ecr_secret_operator.reasons import Failure, Reason
from tests.factories import (
    HOST,
    NOW,
    OTHER_HOST,
    a_desired,
    a_key,
    a_resource,
    a_served_status,
    a_spec,
    a_stored_secret,
    a_token,
    an_observed,
    spec_of,
    stored_tokens,
)

TOKEN = a_token()
HELD = stored_tokens()
RESOURCE = a_resource()
DUE = due_at(TOKEN, spec_of(RESOURCE).interval, seed=RESOURCE.uid)
SCOPE = Scope.of(parse_registry(HOST), AMBIENT)
SOON = NOW + timedelta(hours=1)
EXPIRED = TOKEN.expires_at
BROKEN = a_stored_secret(data_digest="0")


def write_of(observed: Observed, now: datetime) -> Write:
    plan = decide(observed, now=now)
    assert plan.write is not None, plan
    return plan.write


def want_of(write: Write) -> Want:
    (want,) = write.wants
    return want


# Nothing to do


@pytest.mark.parametrize("now", [NOW, SOON, DUE - timedelta(seconds=1)])
def test_a_good_secret_is_left_alone_until_its_token_is_due(now: datetime) -> None:
    assert decide(an_observed(), now=now) == Plan(stored=HELD)


def test_a_restart_finds_the_token_in_the_secret_and_does_nothing() -> None:
    assert decide(an_observed(remembered={}), now=SOON) == Plan(stored=HELD)


# A token is needed


def test_a_new_resource_gets_any_token_that_is_young_enough() -> None:
    write = write_of(an_observed(secrets=(), remembered={}), NOW)
    assert write.keep == {}
    assert write.stored is None
    assert write.repairs == ()
    assert want_of(write) == Want(HOST, SCOPE, Freshness(newer_than=None, max_age=timedelta(hours=6) * 0.9))


def test_a_due_token_is_replaced_by_a_newer_one_and_kept_until_then() -> None:
    plan = decide(an_observed(), now=DUE)
    assert plan.stored == HELD
    write = write_of(an_observed(), DUE)
    assert want_of(write).freshness.newer_than == TOKEN.issued_at
    assert write.keep == HELD, "what is stored, so that a failure changes nothing"
    assert write.repairs == ()


def test_an_expired_token_is_replaced() -> None:
    write = write_of(an_observed(), EXPIRED)
    assert write.keep == {}
    assert want_of(write).freshness.newer_than == TOKEN.issued_at
    assert write.repairs == ()


def test_a_new_value_of_the_refresh_annotation_asks_for_a_token_now() -> None:
    asked = a_resource(refresh_request="now", status={**a_served_status(), "lastHandledRefresh": "before"})
    write = write_of(an_observed(resource=asked), SOON)
    assert write.keep == HELD
    assert want_of(write).freshness.newer_than == TOKEN.issued_at


@pytest.mark.parametrize(
    ("request_", "status", "asked"),
    [
        ("", {}, False),
        ("", {"lastHandledRefresh": "1"}, False),
        ("1", {}, True),
        ("1", {"lastHandledRefresh": "1"}, False),
        ("2", {"lastHandledRefresh": "1"}, True),
    ],
)
def test_a_refresh_is_requested_once_for_each_value(request_: str, status: dict[str, str], *, asked: bool) -> None:
    assert refresh_requested(a_resource(refresh_request=request_, status=status)) is asked


# Promise 2: repaired without an AWS call


def test_a_deleted_secret_is_written_again_with_the_token_in_memory() -> None:
    write = write_of(an_observed(secrets=()), SOON)
    assert (write.keep, write.wants) == (HELD, ())
    assert write.stored is None
    assert "deleted" in " ".join(write.repairs)


@pytest.mark.parametrize(
    ("over", "repairs"),
    [
        ({"data_digest": "0"}, ("data",)),
        ({"labels": {}}, ("labels",)),
        ({"owners": ()}, ("ownerReferences",)),
        ({"secret_type": "Opaque"}, ("type",)),
        ({"annotations": {**a_desired().annotations, EXPIRES_AT: "2030-01-01T00:00:00Z"}}, ("annotations",)),
        ({"annotations": {**a_desired().annotations, TOKENS: a_desired().annotations[TOKENS] + " "}}, ("annotations",)),
        ({"annotations": {**a_desired().annotations, TOKENS: "{}"}}, ("annotations",)),
        ({"data_digest": "0", "passwords": {}}, ("data",)),
    ],
)
def test_an_edited_secret_is_put_right_with_the_token_in_memory(over: dict[str, Any], repairs: tuple[str, ...]) -> None:
    stored = a_stored_secret(**over)
    write = write_of(an_observed(secrets=(stored,)), SOON)
    assert (write.keep, write.wants) == (HELD, ())
    assert write.stored == stored
    assert write.repairs == repairs


def test_an_edited_secret_without_a_token_in_memory_gets_a_new_one() -> None:
    """After a restart: what the Secret says cannot be trusted."""
    write = write_of(an_observed(secrets=(BROKEN,), remembered={}), SOON)
    assert write.keep == {}
    assert want_of(write).freshness.newer_than is None
    assert write.repairs, "it is told as a repair"


FAILED = next_status(RESOURCE, Outcome(failure=Failure(Reason.AWS_UNAVAILABLE, "throttled")), now=NOW)


@pytest.mark.parametrize(
    ("status", "repairs"),
    [
        (a_served_status(generation=2), ("data",)),
        (a_served_status(generation=1), ()),  # the spec has changed since: the Secret has to change, too
        ({"observedGeneration": 2}, ()),
        ({**FAILED, "observedGeneration": 2}, ()),  # this generation was looked at, but never served
        ({}, ()),
    ],
)
def test_only_a_secret_that_was_good_for_this_generation_can_have_been_damaged(
    status: dict[str, Any], repairs: tuple[str, ...]
) -> None:
    resource = a_resource(generation=2, status=status)
    assert write_of(an_observed(resource=resource, secrets=(BROKEN,)), SOON).repairs == repairs


def test_an_edited_secret_whose_token_is_due_can_be_repaired_with_the_old_token() -> None:
    write = write_of(an_observed(secrets=(BROKEN,)), DUE)
    assert want_of(write).freshness.newer_than == TOKEN.issued_at
    assert write.keep == HELD
    assert write.repairs == ("data",)


def test_an_edited_secret_whose_token_has_expired_is_not_repaired_with_it() -> None:
    write = write_of(an_observed(secrets=(BROKEN,)), EXPIRED)
    assert want_of(write).host == HOST
    assert write.keep == {}


@pytest.mark.parametrize("forged", [[EXPIRES_AT], [TOKENS], [EXPIRES_AT, TOKENS]])
def test_an_edited_expiry_cannot_keep_a_token_beyond_its_life(forged: list[str]) -> None:
    annotations = dict(a_desired().annotations)
    for name in forged:
        annotations[name] = annotations[name].replace("2026-03-02T00:00:00Z", "2030-01-01T00:00:00Z")
    stored = a_stored_secret(annotations=annotations)
    assert stored.annotations != a_desired().annotations
    plan = decide(an_observed(secrets=(stored,), remembered={}), now=EXPIRED)
    assert plan.stored == {}
    assert plan.write is not None


# The spec changes


def changed(**over: object) -> Resource:
    return a_resource(spec=a_spec(**over), generation=2)


def test_new_metadata_is_written_with_the_same_token_and_is_no_repair() -> None:
    resource = changed(metadata={"labels": {"team": "a"}})
    stored = a_stored_secret()
    write = write_of(an_observed(resource=resource, secrets=(stored,)), SOON)
    assert (write.keep, write.wants) == (HELD, ())
    assert write.stored == stored
    assert write.repairs == ()


def test_another_region_needs_another_token() -> None:
    resource = changed(ecr_registry=OTHER_HOST)
    observed = an_observed(resource=resource, secrets=(a_stored_secret(),), remembered={})
    write = write_of(observed, SOON)
    assert decide(observed, now=SOON).stored == {}
    assert write.keep == {}
    assert want_of(write).host == OTHER_HOST
    assert want_of(write).freshness.newer_than is None
    assert write.repairs == ()


@pytest.mark.parametrize(
    ("over", "served"), [({"ecr_registry": OTHER_HOST}, {}), ({"generated_secret_name": "new"}, HELD)]
)
def test_what_aws_refused_at_first_is_no_repair_at_the_next_attempt(over: dict[str, Any], served: Any) -> None:
    """The status names the new generation by then, although its Secret was never written."""
    resource = changed(**over)
    failed = Outcome(failure=Failure(Reason.AWS_UNAVAILABLE, "throttled"))
    again = replace(resource, status=next_status(resource, failed, now=SOON))
    observed = an_observed(resource=again, secrets=(a_stored_secret(),), remembered=served)
    assert write_of(observed, SOON).repairs == ()


def test_a_shorter_frequency_makes_the_token_due() -> None:
    resource = changed(frequency="30m")
    write = write_of(an_observed(resource=resource), SOON)
    assert want_of(write).freshness == Freshness(newer_than=TOKEN.issued_at, max_age=timedelta(minutes=27))


def test_a_new_name_is_written_with_the_same_token_and_the_old_secret_goes() -> None:
    old = a_stored_secret()
    plan = decide(an_observed(resource=changed(generated_secret_name="new"), secrets=(old,)), now=SOON)
    assert plan.remove == (old,)
    assert plan.write is not None
    assert plan.write.stored is None
    assert (plan.write.keep, plan.write.wants) == (HELD, ())
    assert plan.write.repairs == ()


def test_the_old_name_goes_even_when_the_new_one_is_good_already() -> None:
    old, resource = a_stored_secret(), changed(generated_secret_name="new")
    plan = decide(an_observed(resource=resource, secrets=(old, a_stored_secret(resource))), now=SOON)
    assert plan == Plan(stored=HELD, remove=(old,))


def test_a_secret_of_another_resource_is_never_removed() -> None:
    others = a_stored_secret(a_resource(uid="other", key=a_key(name="other"), spec=a_spec(generated_secret_name="o")))
    plan = decide(an_observed(secrets=(a_stored_secret(), others)), now=SOON)
    assert plan == Plan(stored=HELD)


@pytest.mark.parametrize("served", [HELD, {}])
def test_retain_drops_the_owner_reference_with_the_same_token_and_is_no_repair(served: Any) -> None:
    write = write_of(
        an_observed(resource=changed(deletion_policy="Retain"), secrets=(a_stored_secret(),), remembered=served), SOON
    )
    assert write.repairs == ()
    assert (write.keep, write.wants) == (HELD, ())


# Suspended


def test_a_suspended_resource_keeps_what_it_has() -> None:
    suspended = changed(suspend=True)
    for now in (SOON, DUE, EXPIRED):
        assert decide(an_observed(resource=suspended), now=now) == Plan(stored=HELD)


@pytest.mark.parametrize("secrets", [(), (BROKEN,)])
def test_a_suspended_resource_is_not_repaired(secrets: tuple[StoredSecret, ...]) -> None:
    assert decide(an_observed(resource=changed(suspend=True), secrets=secrets), now=SOON) == Plan()


def test_a_suspended_resource_keeps_its_token_when_the_rest_of_its_secret_is_to_look_otherwise() -> None:
    suspended = changed(suspend=True, metadata={"labels": {"team": "other"}})
    assert decide(an_observed(resource=suspended), now=SOON) == Plan(stored=HELD)


def test_a_suspended_resource_removes_nothing_under_an_old_name() -> None:
    plan = decide(an_observed(resource=changed(suspend=True, generated_secret_name="new")), now=SOON)
    assert plan.remove == ()


# Invalid


def test_an_invalid_spec_changes_nothing_and_tells_why() -> None:
    invalid = a_resource(spec=InvalidSpec("spec.frequency: banana"))
    failure = Failure(Reason.INVALID_SPEC, "spec.frequency: banana")
    assert decide(an_observed(resource=invalid, secrets=()), now=NOW) == Plan(failure=failure)
    held = an_observed(resource=invalid, secrets=(a_stored_secret(),))
    assert decide(held, now=SOON) == Plan(stored=HELD, failure=failure)
    assert decide(held, now=EXPIRED) == Plan(failure=failure)


FAR_TIMES = [
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "1000-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-14:00",
    "2026-03-01T12:00:00Z",
]


@pytest.mark.parametrize("expires_at", FAR_TIMES)
@pytest.mark.parametrize("issued_at", FAR_TIMES)
@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("spec", [a_spec(), a_spec(suspend=True), InvalidSpec("no")], ids=["due", "held", "invalid"])
def test_times_at_the_ends_of_the_calendar_are_no_crash(
    spec: Any, issued_at: str, expires_at: str, *, sealed: bool
) -> None:
    """Anyone who may write Secrets can store them."""
    resource = a_resource(spec=spec)
    entry = {"issued": issued_at, "expires": expires_at, "for": SCOPE.mark}
    forged = {ISSUED_AT: issued_at, EXPIRES_AT: expires_at, TOKENS: json.dumps({HOST: entry}, separators=(",", ":"))}
    stored = a_stored_secret(annotations={**a_desired().annotations, **forged})
    issued, expires = parse_time(issued_at), parse_time(expires_at)
    if sealed and issued and expires and issued < expires:
        stored = a_stored_secret(token=a_token(issued_at=issued, lifetime=expires - issued))
    plan = decide(an_observed(resource=resource, secrets=(stored,)), now=NOW)
    outcome = Outcome(stored=plan.stored, failure=plan.failure)
    assert next_status(resource, outcome, now=NOW)["observedGeneration"] == 1
    next_look(resource, outcome, now=NOW)


def test_an_invalid_spec_does_not_claim_the_token_of_another_resource() -> None:
    invalid = a_resource(spec=InvalidSpec("no"), uid="other", key=a_key(name="other"))
    assert decide(an_observed(resource=invalid, secrets=(a_stored_secret(),)), now=SOON).stored == {}


def test_a_secret_that_was_not_kept_in_memory_is_left_as_it_is() -> None:
    resource = a_resource()
    stored = a_stored_secret(resource, reduced=True, passwords={})
    plan = decide(an_observed(resource=resource, secrets=(stored,)), now=NOW)
    assert plan.write is None
    assert plan.failure
    assert plan.failure.reason is Reason.LIMIT_EXCEEDED
    assert "namespace team-a" in plan.failure.message


def test_a_resource_whose_spec_was_not_kept_says_so_and_keeps_its_secret() -> None:
    resource = a_resource(spec=InvalidSpec("the resources of namespace team-a take too much", limited=True))
    plan = decide(an_observed(resource=resource, secrets=()), now=NOW)
    assert plan.failure == Failure(Reason.LIMIT_EXCEEDED, "the resources of namespace team-a take too much")
    assert plan.remove == ()
