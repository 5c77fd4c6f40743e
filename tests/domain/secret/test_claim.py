"""Whose a Secret is that has the generated name already, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ecr_secret_operator.domain.kinds import ARGO_HELM_REPO_SECRET, DOCKER_CONFIG_TYPE, SECRET, docker_config
from ecr_secret_operator.domain.resource import Resource
from ecr_secret_operator.domain.secret.annotations import OWNER
from ecr_secret_operator.domain.secret.decide import decide
from ecr_secret_operator.domain.secret.ownership import (
    CONFLICT_RETRY,
    Claim,
    claim,
    conflict,
    conflict_retry,
    conflicted,
)
from ecr_secret_operator.domain.secret.plan import Plan
from ecr_secret_operator.domain.secret.registries import newest
from ecr_secret_operator.domain.secret.render import needs_replacing
from ecr_secret_operator.domain.secret.stored import OwnerReference, StoredSecret
from ecr_secret_operator.domain.secret.target import intact
from ecr_secret_operator.domain.times import format_time
from ecr_secret_operator.reasons import Failure, Reason
from tests.factories import (
    HOST,
    LIFETIME,
    NOW,
    OTHER_HOST,
    a_key,
    a_resource,
    a_spec,
    a_stored_secret,
    a_token,
    an_argo_spec,
    an_observed,
    spec_of,
    stored_tokens,
)

HELD = stored_tokens()
RESOURCE = a_resource()


def test_the_secret_of_another_resource_is_left_alone_and_looked_at_again() -> None:
    other = a_resource(uid="other", key=a_key(name="other"))
    plan = decide(an_observed(secrets=(a_stored_secret(other),)), now=NOW)
    assert plan == Plan(
        failure=Failure(
            Reason.SECRET_CONFLICT,
            "Secret ecr-pull exists and is generated for Secret team-a/other; it is left as it is. Choose another"
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
    plan = decide(replace(an_observed(secrets=(stored,), remembered={}), released=frozenset({stored.name})), now=NOW)
    assert plan.failure is None
    assert plan.write
    assert plan.write.stored == stored


def test_the_secret_of_another_resource_that_is_being_deleted_is_waited_for() -> None:
    other = a_resource(uid="other", key=a_key(name="other"))
    stored = a_stored_secret(other, deleting=True, finalizers=("example.com/a", "example.com/b"))
    plan = decide(an_observed(secrets=(stored,), released=frozenset({stored.name})), now=NOW)
    assert plan.write is None
    assert plan.failure
    assert plan.failure.reason is Reason.TERMINATING
    assert "finalizers example.com/a, example.com/b hold it" in plan.failure.message


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
DOCKER_DATA = SECRET.render(a_spec(), {HOST: "an old token"})
CONFIG = ".dockerconfigjson"
ARGO = a_resource(spec=an_argo_spec(url=f"{HOST}/charts"))
ARGO_PLAIN = a_stored_secret(ARGO, labels={"argocd.argoproj.io/secret-type": "repository"}, annotations={}, owners=())
ARGO_DATA = ARGO_HELM_REPO_SECRET.render(spec_of(ARGO), {HOST: "an old token"})
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
        (PLAIN, {CONFIG: docker_config({HOST: "x"}).replace(":{", ": {")}, RESOURCE, Claim.FOREIGN),
        (replace(PLAIN, labels={"app.kubernetes.io/managed-by": "Helm"}), DOCKER_DATA, RESOURCE, Claim.FOREIGN),
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
        *(
            (ARGO_PLAIN, {key: value for key, value in ARGO_DATA.items() if key != left_out}, ARGO, Claim.FOREIGN)
            for left_out in ARGO_DATA
        ),
        (ARGO_PLAIN, {}, ARGO, Claim.FOREIGN),
    ],
)
def test_whose_a_secret_is(stored: StoredSecret, data: dict[str, str], resource: Resource, verdict: Claim) -> None:
    assert claim(stored, data, resource, spec_of(resource)) is verdict


@pytest.mark.parametrize("over", [{"secret_type": "repo-creds"}, {"repo_type": "oci"}, {"project": "team-a"}], ids=str)
def test_what_upstream_wrote_is_taken_over_whatever_the_spec_says_by_now(over: dict[str, str]) -> None:
    resource = a_resource(spec=an_argo_spec(url=f"{HOST}/charts", **over))
    assert claim(ARGO_PLAIN, ARGO_DATA, resource, spec_of(resource)) is Claim.UPSTREAM
    templates = replace(ARGO_PLAIN, labels={"argocd.argoproj.io/secret-type": "repo-creds"})
    mine = ARGO_HELM_REPO_SECRET.render(spec_of(resource), {HOST: "an old token"})
    assert claim(templates, mine, resource, spec_of(resource)) is Claim.FOREIGN


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
    found = newest(HELD, intact(a_stored_secret(token=theirs), RESOURCE, spec_of(RESOURCE)))
    assert found == (stored_tokens(token=theirs) if newer else HELD)


def test_a_newer_token_in_a_changed_secret_counts_for_nothing() -> None:
    theirs = a_stored_secret(token=a_token(issued_at=NOW + timedelta(hours=1)), data_digest="0")
    assert newest(HELD, intact(theirs, RESOURCE, spec_of(RESOURCE))) == HELD


@pytest.mark.parametrize(
    ("over", "replaced"), [({}, False), ({"immutable": True}, True), ({"secret_type": "Opaque"}, True)]
)
def test_what_an_update_cannot_change_is_replaced(over: dict[str, Any], *, replaced: bool) -> None:
    assert needs_replacing(a_stored_secret(**over), DOCKER_CONFIG_TYPE) is replaced


@pytest.mark.parametrize(
    ("stored", "kept"),
    [
        (a_stored_secret(), True),
        (a_stored_secret(a_resource(uid="of-another")), True),
        (a_stored_secret(token=a_token(issued_at=NOW - LIFETIME)), False),
        (a_stored_secret(data_digest="changed"), False),
    ],
)
def test_a_secret_with_a_valid_token_is_worth_keeping(stored: StoredSecret, *, kept: bool) -> None:
    assert stored.has_valid_token(NOW) is kept
