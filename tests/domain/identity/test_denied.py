"""Policy refuses, only audits, or cannot be judged: what becomes of the Secret."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ecr_secret_operator.domain.identity.authorization import Authorization
from ecr_secret_operator.domain.resource import InvalidSpec, Resource
from ecr_secret_operator.domain.secret.annotations import OWNER
from ecr_secret_operator.domain.secret.decide import decide
from ecr_secret_operator.domain.secret.plan import Plan
from ecr_secret_operator.domain.secret.stored import StoredSecret
from ecr_secret_operator.reasons import Failure, Reason
from tests.factories import (
    NOW,
    a_key,
    a_resource,
    a_spec,
    a_stored_secret,
    a_token,
    an_argo_spec,
    an_observed,
    logins_of,
    stored_tokens,
)

DENIED = Authorization(denied="no AccessPolicy lets namespace team-a")
FAILURE = Failure(Reason.POLICY_DENIED, DENIED.denied)
UNKNOWN = Authorization(unknown="the operator may not list namespaces")
EXPIRED = a_token().expires_at

PLAIN = a_resource()
RETAIN = a_resource(spec=a_spec(deletion_policy="Retain"))
RENAMED = a_resource(spec=a_spec(generated_secret_name="new"))
SUSPENDED = a_resource(spec=a_spec(suspend=True))


@pytest.mark.parametrize(
    ("resource", "secrets"),
    [
        (PLAIN, ()),
        (PLAIN, (a_stored_secret(),)),
        (PLAIN, (a_stored_secret(data_digest="0"),)),
        (PLAIN, (a_stored_secret(labels={}),)),
        (RETAIN, (a_stored_secret(RETAIN),)),
        (PLAIN, (a_stored_secret(RETAIN),)),
        (RENAMED, (a_stored_secret(), a_stored_secret(RENAMED))),
        (SUSPENDED, (a_stored_secret(),)),
        (a_resource(spec=an_argo_spec()), (a_stored_secret(a_resource(spec=an_argo_spec())),)),
    ],
    ids=["none", "one", "damaged", "unlabelled", "retained", "once retained", "two names", "suspended", "argo"],
)
@pytest.mark.parametrize("now", [NOW, EXPIRED])
def test_what_policy_denies_is_taken_away(resource: Resource, secrets: tuple[StoredSecret, ...], now: object) -> None:
    observed = an_observed(resource=resource, secrets=secrets, authorization=DENIED)
    assert decide(observed, now=EXPIRED if now is EXPIRED else NOW) == Plan(remove=secrets, failure=FAILURE)


@pytest.mark.parametrize(
    "other",
    [
        a_stored_secret(a_resource(uid="other", key=a_key(name="other"))),
        a_stored_secret(owners=(), labels={}, annotations={}),
        a_stored_secret(owners=(), labels={}, annotations={OWNER: "Secret/team-a/pull"}),
        a_stored_secret(name="a-copy"),
    ],
    ids=["another's", "foreign", "foreign with our note", "somebody's copy"],
)
def test_what_is_not_its_own_is_left_alone(other: StoredSecret) -> None:
    assert decide(an_observed(secrets=(other,), authorization=DENIED), now=NOW) == Plan(failure=FAILURE)


def test_an_invalid_spec_is_told_before_policy() -> None:
    observed = an_observed(resource=a_resource(spec=InvalidSpec("no")), secrets=(), authorization=DENIED)
    failure = decide(observed, now=NOW).failure
    assert failure
    assert failure.reason is Reason.INVALID_SPEC


def test_once_it_is_allowed_again_it_is_served_anew() -> None:
    plan = decide(an_observed(secrets=(), remembered={}), now=NOW)
    assert plan.failure is None
    assert plan.write


def test_what_is_only_audited_is_served() -> None:
    audited = Authorization(logins_of(PLAIN.spec), audited="no AccessPolicy lets namespace team-a")
    assert decide(an_observed(authorization=audited), now=NOW) == decide(an_observed(), now=NOW)
    assert decide(an_observed(authorization=audited, secrets=()), now=NOW) == decide(an_observed(secrets=()), now=NOW)


# Policy cannot be judged


@pytest.mark.parametrize("resource", [PLAIN, SUSPENDED])
def test_while_policy_is_unknown_nothing_is_done_and_what_is_stored_counts(resource: Resource) -> None:
    failure = Failure(Reason.KUBERNETES_ERROR, UNKNOWN.unknown)
    secrets = (a_stored_secret(resource),)
    for now in (NOW, EXPIRED):
        observed = an_observed(resource=resource, secrets=secrets, authorization=UNKNOWN)
        assert decide(observed, now=now) == Plan(stored=stored_tokens(resource), failure=failure)
    assert decide(an_observed(resource=resource, secrets=(), authorization=UNKNOWN), now=NOW) == Plan(failure=failure)


def test_while_policy_is_unknown_an_old_name_stays() -> None:
    assert (
        decide(an_observed(resource=RENAMED, secrets=(a_stored_secret(),), authorization=UNKNOWN), now=NOW).remove == ()
    )


def test_a_name_that_is_taken_is_told_before_an_unknown_policy() -> None:
    other = a_stored_secret(a_resource(uid="other", key=a_key(name="other")))
    failure = decide(an_observed(secrets=(other,), authorization=UNKNOWN), now=NOW).failure
    assert failure
    assert failure.reason is Reason.SECRET_CONFLICT


@pytest.mark.parametrize("problem", [None, FAILURE])
def test_a_suspended_resource_does_not_tell_of_an_identity_that_it_does_not_use(problem: Failure | None) -> None:
    logins = tuple(replace(login, problem=problem) for login in logins_of(SUSPENDED.spec))
    observed = an_observed(resource=SUSPENDED, authorization=Authorization(logins))
    assert decide(observed, now=NOW) == Plan(stored=stored_tokens(SUSPENDED))
