"""An earlier version of a Secret that another client puts back, such as a GitOps tool that stores it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ecr_secret_operator.domain.secret.decide import decide
from ecr_secret_operator.domain.secret.plan import Plan
from ecr_secret_operator.domain.secret.stored import StoredSecret
from tests.factories import (
    HOST,
    NOW,
    a_resource,
    a_served_status,
    a_stored_secret,
    a_token,
    an_observed,
    stored_tokens,
)

RESOURCE = a_resource(status=a_served_status())
BEFORE, LATER = NOW - timedelta(hours=6), NOW + timedelta(minutes=5)
LATEST = stored_tokens(RESOURCE)


def earlier_secret(issued_at: datetime) -> StoredSecret:
    return a_stored_secret(RESOURCE, a_token(issued_at=issued_at, password="earlier"))


@pytest.mark.parametrize("age", [timedelta(hours=1), timedelta(hours=6), timedelta(hours=13)], ids=str)
def test_the_last_token_is_restored_without_a_call(age: timedelta) -> None:
    plan = decide(an_observed(resource=RESOURCE, secrets=(earlier_secret(NOW - age),), remembered=LATEST), now=LATER)
    write = plan.write
    assert write is not None
    assert (write.keep, write.wants) == (LATEST, ())
    assert write.only_restores(plan.stored, ()), "so it is damped in a fight"
    assert write.repairs == ("content",), "and reported"


def test_after_a_restart_an_earlier_version_that_is_not_due_stays() -> None:
    secret = earlier_secret(NOW - timedelta(hours=1))
    assert decide(an_observed(resource=RESOURCE, secrets=(secret,), remembered={}), now=LATER) == Plan(
        stored=secret.stored_tokens
    )


def test_a_newer_token_of_another_replica_stays() -> None:
    remembered = stored_tokens(RESOURCE, a_token(issued_at=BEFORE))
    assert decide(an_observed(resource=RESOURCE, remembered=remembered), now=LATER) == Plan(stored=LATEST)


def test_an_earlier_token_of_another_scope_is_not_compared() -> None:
    other = replace(LATEST[HOST], mark="another")
    secret = earlier_secret(NOW - timedelta(hours=1))
    plan = decide(an_observed(resource=RESOURCE, secrets=(secret,), remembered={HOST: other}), now=LATER)
    assert plan == Plan(stored=secret.stored_tokens)


def test_the_last_token_is_not_restored_once_the_resource_has_another_identity() -> None:
    secret = earlier_secret(NOW - timedelta(hours=1))
    observed = an_observed(resource=RESOURCE, secrets=(secret,), remembered=LATEST)
    (login,) = observed.authorization.logins
    assert login.scope
    moved = replace(login, scope=replace(login.scope, region="eu-west-1"))
    observed = replace(observed, authorization=replace(observed.authorization, logins=(moved,)))
    write = decide(observed, now=LATER).write
    assert write is not None
    assert write.keep != LATEST
    assert [want.scope for want in write.wants] == [moved.scope]
