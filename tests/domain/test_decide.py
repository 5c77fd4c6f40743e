"""What is done about a resource, by what is observed. Times are relative to NOW, when its token is fresh."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ecr_secret_operator.domain.decide import (
    CONFLICT_RETRY,
    Claim,
    Failure,
    Observed,
    Plan,
    Write,
    claim,
    conflict,
    conflict_retry,
    conflicted,
    decide,
    needs_replacing,
    refresh_requested,
    superseded,
)
from ecr_secret_operator.domain.generated import (
    EXPIRES_AT,
    ISSUED_AT,
    OWNER,
    OwnerReference,
    StoredSecret,
    format_time,
)
from ecr_secret_operator.domain.kinds import ARGO_HELM_REPO_SECRET, SECRET, docker_config
from ecr_secret_operator.domain.reasons import Reason
from ecr_secret_operator.domain.resource import InvalidSpec, Resource
from ecr_secret_operator.domain.schedule import due_at
from ecr_secret_operator.domain.status import Outcome, next_look, next_status
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
    an_argo_spec,
    an_observed,
    spec_of,
)

TOKEN = a_token()
RESOURCE = a_resource()
DUE = due_at(TOKEN, spec_of(RESOURCE).interval, seed=RESOURCE.uid)
SOON = NOW + timedelta(hours=1)
EXPIRED = TOKEN.expires_at
BROKEN = a_stored_secret(data_digest="0")


def write_of(observed: Observed, now: datetime) -> Write:
    plan = decide(observed, now=now)
    assert plan.write is not None, plan
    return plan.write


# Nothing to do


@pytest.mark.parametrize("now", [NOW, SOON, DUE - timedelta(seconds=1)])
def test_a_good_secret_is_left_alone_until_its_token_is_due(now: datetime) -> None:
    assert decide(an_observed(), now=now) == Plan(token=TOKEN)


def test_a_restart_finds_the_token_in_the_secret_and_does_nothing() -> None:
    assert decide(an_observed(served=None), now=SOON) == Plan(token=TOKEN)


def test_a_resource_that_is_being_deleted_is_left_to_the_garbage_collector() -> None:
    observed = an_observed(resource=a_resource(deleting=True), secrets=(BROKEN,))
    assert decide(observed, now=EXPIRED) == Plan()


# A token is needed


def test_a_new_resource_gets_any_token_that_is_young_enough() -> None:
    write = write_of(Observed(resource=RESOURCE, secrets=(), served=None), NOW)
    assert write.token is None
    assert write.stored is None
    assert write.fallback is None
    assert write.repairs == ()
    assert write.freshness.newer_than is None
    assert write.freshness.max_age == timedelta(hours=6) * 0.9


def test_a_due_token_is_replaced_by_a_newer_one_and_kept_until_then() -> None:
    plan = decide(an_observed(), now=DUE)
    assert plan.token == TOKEN
    write = write_of(an_observed(), DUE)
    assert write.token is None
    assert write.freshness.newer_than == TOKEN.issued_at
    assert write.fallback is None, "the stored one is intact: nothing to repair with it"
    assert write.repairs == ()


def test_an_expired_token_is_replaced() -> None:
    write = write_of(an_observed(), EXPIRED)
    assert write.token is None
    assert write.freshness.newer_than == TOKEN.issued_at
    assert write.repairs == ()


def test_a_new_value_of_the_refresh_annotation_asks_for_a_token_now() -> None:
    asked = a_resource(refresh_request="now", status={**a_served_status(), "lastHandledRefresh": "before"})
    write = write_of(an_observed(resource=asked), SOON)
    assert write.token is None
    assert write.freshness.newer_than == TOKEN.issued_at


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
    assert write.token == TOKEN
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
        ({"data_digest": "0", "password": None}, ("data",)),
    ],
)
def test_an_edited_secret_is_put_right_with_the_token_in_memory(over: dict[str, Any], repairs: tuple[str, ...]) -> None:
    stored = a_stored_secret(**over)
    write = write_of(an_observed(secrets=(stored,)), SOON)
    assert write.token == TOKEN
    assert write.stored == stored
    assert write.repairs == repairs


def test_an_edited_secret_without_a_token_in_memory_gets_a_new_one() -> None:
    """After a restart: what the Secret says cannot be trusted."""
    write = write_of(an_observed(secrets=(BROKEN,), served=None), SOON)
    assert write.token is None
    assert write.fallback is None
    assert write.freshness.newer_than is None
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
    assert write.token is None
    assert write.fallback == TOKEN
    assert write.repairs == ("data",)


def test_an_edited_secret_whose_token_has_expired_is_not_repaired_with_it() -> None:
    write = write_of(an_observed(secrets=(BROKEN,)), EXPIRED)
    assert write.token is None
    assert write.fallback is None


def test_an_edited_expiry_cannot_keep_a_token_beyond_its_life() -> None:
    forged = a_stored_secret(annotations={**a_desired().annotations, EXPIRES_AT: "2030-01-01T00:00:00Z"})
    plan = decide(an_observed(secrets=(forged,), served=None), now=EXPIRED)
    assert plan.token is None
    assert plan.write is not None


# The spec changes


def changed(**over: object) -> Resource:
    return a_resource(spec=a_spec(**over), generation=2)


def test_new_metadata_is_written_with_the_same_token_and_is_no_repair() -> None:
    resource = changed(metadata={"labels": {"team": "a"}})
    stored = a_stored_secret()
    write = write_of(an_observed(resource=resource, secrets=(stored,)), SOON)
    assert write.token == TOKEN
    assert write.stored == stored
    assert write.repairs == ()


def test_another_region_needs_another_token() -> None:
    resource = changed(ecr_registry=OTHER_HOST)
    observed = an_observed(resource=resource, secrets=(a_stored_secret(),), served=None)
    write = write_of(observed, SOON)
    assert decide(observed, now=SOON).token is None
    assert write.token is None
    assert write.fallback is None
    assert write.freshness.newer_than is None
    assert write.repairs == ()


@pytest.mark.parametrize(
    ("over", "served"), [({"ecr_registry": OTHER_HOST}, None), ({"generated_secret_name": "new"}, TOKEN)]
)
def test_what_aws_refused_at_first_is_no_repair_at_the_next_attempt(over: dict[str, Any], served: Any) -> None:
    """The status names the new generation by then, although its Secret was never written."""
    resource = changed(**over)
    failed = Outcome(failure=Failure(Reason.AWS_UNAVAILABLE, "throttled"))
    again = replace(resource, status=next_status(resource, failed, now=SOON))
    observed = Observed(resource=again, secrets=(a_stored_secret(),), served=served)
    assert write_of(observed, SOON).repairs == ()


def test_another_account_of_the_region_is_served_with_the_same_token() -> None:
    resource = changed(ecr_registry=HOST.replace("123456789012", "999999999999"))
    write = write_of(an_observed(resource=resource, secrets=(a_stored_secret(),)), SOON)
    assert write.token == TOKEN


def test_a_shorter_frequency_makes_the_token_due() -> None:
    resource = changed(frequency="30m")
    write = write_of(an_observed(resource=resource), SOON)
    assert write.token is None
    assert write.freshness.max_age == timedelta(minutes=27)


def test_a_new_name_is_written_with_the_same_token_and_the_old_secret_goes() -> None:
    old = a_stored_secret()
    plan = decide(an_observed(resource=changed(generated_secret_name="new"), secrets=(old,)), now=SOON)
    assert plan.remove == (old,)
    assert plan.write is not None
    assert plan.write.stored is None
    assert plan.write.token == TOKEN
    assert plan.write.repairs == ()


def test_the_old_name_goes_even_when_the_new_one_is_good_already() -> None:
    old, resource = a_stored_secret(), changed(generated_secret_name="new")
    plan = decide(an_observed(resource=resource, secrets=(old, a_stored_secret(resource))), now=SOON)
    assert plan == Plan(token=TOKEN, remove=(old,))


def test_a_secret_of_another_resource_is_never_removed() -> None:
    others = a_stored_secret(a_resource(uid="other", key=a_key(name="other"), spec=a_spec(generated_secret_name="o")))
    plan = decide(an_observed(secrets=(a_stored_secret(), others)), now=SOON)
    assert plan == Plan(token=TOKEN)


@pytest.mark.parametrize("served", [TOKEN, None])
def test_retain_drops_the_owner_reference_with_the_same_token_and_is_no_repair(served: Any) -> None:
    write = write_of(
        an_observed(resource=changed(deletion_policy="Retain"), secrets=(a_stored_secret(),), served=served), SOON
    )
    assert write.repairs == ()
    assert write.token == served


# Suspended


def test_a_suspended_resource_keeps_what_it_has() -> None:
    suspended = changed(suspend=True)
    for now in (SOON, DUE, EXPIRED):
        assert decide(an_observed(resource=suspended), now=now) == Plan(token=TOKEN)


@pytest.mark.parametrize("secrets", [(), (BROKEN,)])
def test_a_suspended_resource_is_not_repaired(secrets: tuple[StoredSecret, ...]) -> None:
    assert decide(an_observed(resource=changed(suspend=True), secrets=secrets), now=SOON) == Plan()


def test_a_suspended_resource_removes_nothing_under_an_old_name() -> None:
    plan = decide(an_observed(resource=changed(suspend=True, generated_secret_name="new")), now=SOON)
    assert plan.remove == ()


# Invalid


def test_an_invalid_spec_changes_nothing_and_tells_why() -> None:
    invalid = a_resource(spec=InvalidSpec("spec.frequency: banana"))
    failure = Failure(Reason.INVALID_SPEC, "spec.frequency: banana")
    assert decide(an_observed(resource=invalid, secrets=()), now=NOW) == Plan(failure=failure)
    held = an_observed(resource=invalid, secrets=(a_stored_secret(),))
    assert decide(held, now=SOON) == Plan(token=TOKEN, failure=failure)
    assert decide(held, now=EXPIRED) == Plan(failure=failure)


FAR_TIMES = [
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-14:00",
    "2026-03-01T12:00:00Z",
]


@pytest.mark.parametrize("expires_at", FAR_TIMES)
@pytest.mark.parametrize("issued_at", FAR_TIMES)
@pytest.mark.parametrize("spec", [a_spec(), a_spec(suspend=True), InvalidSpec("no")], ids=["due", "held", "invalid"])
def test_times_at_the_ends_of_the_calendar_are_no_crash(spec: Any, issued_at: str, expires_at: str) -> None:
    """Anyone who may write Secrets can store them."""
    resource = a_resource(spec=spec)
    forged = {**a_desired().annotations, ISSUED_AT: issued_at, EXPIRES_AT: expires_at}
    plan = decide(an_observed(resource=resource, secrets=(a_stored_secret(annotations=forged),)), now=NOW)
    outcome = Outcome(token=plan.token, failure=plan.failure)
    assert next_status(resource, outcome, now=NOW)["observedGeneration"] == 1
    next_look(resource, outcome, now=NOW)


def test_an_invalid_spec_does_not_claim_the_token_of_another_resource() -> None:
    invalid = a_resource(spec=InvalidSpec("no"), uid="other", key=a_key(name="other"))
    assert decide(an_observed(resource=invalid, secrets=(a_stored_secret(),)), now=SOON).token is None


# Conflicts


def test_the_secret_of_another_resource_is_left_alone_and_looked_at_again() -> None:
    other = a_resource(uid="other", key=a_key(name="other"))
    plan = decide(an_observed(secrets=(a_stored_secret(other),)), now=NOW)
    assert plan == Plan(
        failure=Failure(
            Reason.SECRET_CONFLICT,
            "Secret ecr-pull exists and is generated for Secret/team-a/other; it is left as it is. Choose another"
            " generated_secret_name, or remove that Secret: this resource is then served by itself",
        ),
        retry_at=NOW + CONFLICT_RETRY,
    )


@pytest.mark.parametrize(
    ("lasted", "seconds"), [(None, 5), (0, 5), (10, 5), (60, 15), (119, 29.75), (120, 30), (86_400, 30)]
)
def test_a_conflict_that_lasts_is_looked_at_less_often(lasted: float | None, seconds: float) -> None:
    since = "" if lasted is None else format_time(NOW - timedelta(seconds=lasted))
    ready = {"type": "Ready", "status": "False", "reason": "SecretConflict", "lastTransitionTime": since}
    resource = a_resource(status={"observedGeneration": 1, "conditions": [ready]})
    assert conflict_retry(resource, NOW) == timedelta(seconds=seconds)


def test_how_long_something_else_lasted_does_not_count_for_a_conflict() -> None:
    since = format_time(NOW - timedelta(days=1))
    ready = {"type": "Ready", "status": "True", "reason": "Refreshed", "lastTransitionTime": since}
    resource = a_resource(status={"observedGeneration": 1, "conditions": [ready]})
    assert conflict_retry(resource, NOW) == CONFLICT_RETRY


def test_a_name_that_its_resource_no_longer_wants_is_taken_over() -> None:
    other = a_resource(uid="other", key=a_key(name="other"))
    stored = a_stored_secret(other)
    plan = decide(replace(an_observed(secrets=(stored,), served=None), released=frozenset({stored.name})), now=NOW)
    assert plan.failure is None
    assert plan.write
    assert plan.write.stored == stored


def test_a_secret_that_is_being_deleted_is_waited_for() -> None:
    plan = decide(an_observed(secrets=(a_stored_secret(deleting=True),)), now=NOW)
    assert plan.write is None
    assert plan.failure
    assert plan.failure.reason is Reason.KUBERNETES_ERROR
    assert "finalizers hold it" in plan.failure.message


@pytest.mark.parametrize(
    "stored",
    [
        a_stored_secret(labels={}, annotations={}, owners=()),
        a_stored_secret(annotations={}, owners=()),
        a_stored_secret(annotations={OWNER: "nonsense"}, owners=()),
    ],
)
def test_the_message_does_not_invent_an_owner(stored: StoredSecret) -> None:
    assert "exists and was not made by this operator; it is left as it is" in conflict(stored, RESOURCE).message


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ({}, False),
        ({"conditions": None}, False),
        ({"conditions": "x"}, False),
        ({"conditions": ["x", None]}, False),
        ({"conditions": [{"type": "Ready", "reason": "Refreshed"}]}, False),
        ({"conditions": [{"type": "Other", "reason": "SecretConflict"}]}, False),
        ({"conditions": [{"type": "Refreshing"}, {"type": "Ready", "reason": "SecretConflict"}]}, True),
    ],
)
def test_whether_the_resource_last_said_that_its_name_was_taken(status: dict[str, Any], *, said: bool) -> None:
    assert conflicted(a_resource(status=status)) is said


# Promise 3: whose is a Secret that stands in the way

PLAIN = a_stored_secret(labels={}, annotations={}, owners=())
DOCKER_DATA = SECRET.render(a_spec(), "an old token")
CONFIG = ".dockerconfigjson"
ARGO = a_resource(spec=an_argo_spec(url=f"{HOST}/charts"))
ARGO_PLAIN = a_stored_secret(ARGO, labels={"argocd.argoproj.io/secret-type": "repository"}, annotations={}, owners=())
ARGO_DATA = ARGO_HELM_REPO_SECRET.render(spec_of(ARGO), "an old token")
SOMEONE = OwnerReference(api_version="apps/v1", kind="Deployment", name="web", uid="d0")


@pytest.mark.parametrize(
    ("stored", "data", "resource", "verdict"),
    [
        # ours
        (a_stored_secret(), DOCKER_DATA, RESOURCE, Claim.OURS),
        (a_stored_secret(labels={}), DOCKER_DATA, RESOURCE, Claim.OURS),
        (a_stored_secret(labels={}, annotations={}), {}, RESOURCE, Claim.OURS),
        (a_stored_secret(owners=()), {"x": "y"}, RESOURCE, Claim.OURS),
        # the Go operator's
        (PLAIN, DOCKER_DATA, RESOURCE, Claim.UPSTREAM),
        (replace(PLAIN, labels={"others": "x"}), DOCKER_DATA, RESOURCE, Claim.UPSTREAM),
        (ARGO_PLAIN, ARGO_DATA, ARGO, Claim.UPSTREAM),
        (ARGO_PLAIN, {key: value for key, value in ARGO_DATA.items() if key != "name"}, ARGO, Claim.UPSTREAM),
        # foreign, each by one difference
        (replace(PLAIN, secret_type="Opaque"), DOCKER_DATA, RESOURCE, Claim.FOREIGN),
        (replace(PLAIN, owners=(SOMEONE,)), DOCKER_DATA, RESOURCE, Claim.FOREIGN),
        (PLAIN, {}, RESOURCE, Claim.FOREIGN),
        (PLAIN, {CONFIG: "banana"}, RESOURCE, Claim.FOREIGN),
        (PLAIN, {CONFIG: "{}"}, RESOURCE, Claim.FOREIGN),
        (PLAIN, {CONFIG: '{"auths":null}'}, RESOURCE, Claim.FOREIGN),
        (PLAIN, {CONFIG: docker_config({})}, RESOURCE, Claim.FOREIGN),
        (PLAIN, {CONFIG: docker_config({OTHER_HOST: "x"})}, RESOURCE, Claim.FOREIGN),
        (PLAIN, {CONFIG: docker_config({HOST: "x", OTHER_HOST: "x"})}, RESOURCE, Claim.FOREIGN),
        (PLAIN, {CONFIG: docker_config({HOST: "x"}).replace('"AWS"', '"bob"')}, RESOURCE, Claim.FOREIGN),
        (PLAIN, {CONFIG: f'{{"auths":{{"{HOST}":null}}}}'}, RESOURCE, Claim.FOREIGN),
        (PLAIN, {**DOCKER_DATA, "extra": "x"}, RESOURCE, Claim.FOREIGN),
        (a_stored_secret(owners=(), annotations={}), DOCKER_DATA, RESOURCE, Claim.FOREIGN),
        (a_stored_secret(a_resource(uid="o", key=a_key(name="o"))), DOCKER_DATA, RESOURCE, Claim.FOREIGN),
        (replace(ARGO_PLAIN, labels={}), ARGO_DATA, ARGO, Claim.FOREIGN),
        (
            replace(ARGO_PLAIN, labels={"argocd.argoproj.io/secret-type": "repo-creds"}),
            ARGO_DATA,
            ARGO,
            Claim.FOREIGN,
        ),
        (ARGO_PLAIN, {**ARGO_DATA, "url": HOST}, ARGO, Claim.FOREIGN),
        (ARGO_PLAIN, {**ARGO_DATA, "username": "bob"}, ARGO, Claim.FOREIGN),
        (ARGO_PLAIN, {**ARGO_DATA, "password": ""}, ARGO, Claim.FOREIGN),
        (ARGO_PLAIN, {**ARGO_DATA, "project": "team-a"}, ARGO, Claim.FOREIGN),
        (ARGO_PLAIN, {**ARGO_DATA, "name": "mine"}, ARGO, Claim.FOREIGN),
        (ARGO_PLAIN, {**ARGO_DATA, "enableOCI": "false"}, ARGO, Claim.FOREIGN),
        (ARGO_PLAIN, {key: value for key, value in ARGO_DATA.items() if key != "password"}, ARGO, Claim.FOREIGN),
        (ARGO_PLAIN, {key: value for key, value in ARGO_DATA.items() if key != "url"}, ARGO, Claim.FOREIGN),
        (ARGO_PLAIN, {}, ARGO, Claim.FOREIGN),
    ],
)
def test_whose_a_secret_is(stored: StoredSecret, data: dict[str, str], resource: Resource, verdict: Claim) -> None:
    assert claim(stored, data, resource, spec_of(resource)) is verdict


def test_upstream_wrote_the_url_as_the_user_did_with_the_scheme() -> None:
    resource = a_resource(spec=an_argo_spec(url=f"oci://{HOST}/charts"))
    data = {**ARGO_DATA, "url": f"oci://{HOST}/charts"}
    assert claim(ARGO_PLAIN, data, resource, spec_of(resource)) is Claim.UPSTREAM


# Writing over


@pytest.mark.parametrize(
    ("stored_age", "newer"), [(timedelta(seconds=-1), False), (timedelta(0), False), (timedelta(seconds=1), True)]
)
def test_a_newer_token_is_never_replaced_by_an_older_one(stored_age: timedelta, *, newer: bool) -> None:
    theirs = a_token(issued_at=NOW + stored_age, password="theirs")
    found = superseded(a_stored_secret(token=theirs), RESOURCE, spec_of(RESOURCE), TOKEN)
    assert found == (theirs if newer else None)


def test_a_newer_token_in_a_changed_secret_counts_for_nothing() -> None:
    theirs = a_stored_secret(token=a_token(issued_at=NOW + timedelta(hours=1)), data_digest="0")
    assert superseded(theirs, RESOURCE, spec_of(RESOURCE), TOKEN) is None


@pytest.mark.parametrize(
    ("over", "replaced"), [({}, False), ({"immutable": True}, True), ({"secret_type": "Opaque"}, True)]
)
def test_what_an_update_cannot_change_is_replaced(over: dict[str, Any], *, replaced: bool) -> None:
    assert needs_replacing(a_stored_secret(**over), a_desired()) is replaced
