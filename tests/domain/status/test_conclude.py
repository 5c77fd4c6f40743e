"""The outcome of a reconcile, from what was observed and what was applied."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from ecr_secret_operator.domain.identity.authorization import Authorization
from ecr_secret_operator.domain.links import LinkStatus
from ecr_secret_operator.domain.resource import InvalidSpec
from ecr_secret_operator.domain.secret.observed import Observed
from ecr_secret_operator.domain.status.conclude import conclude
from ecr_secret_operator.domain.status.outcome import Applied, Outcome
from ecr_secret_operator.reasons import EventReason, Failure, Reason

from ...factories import HOST, NOW, a_resource, a_stored_secret, an_observed, stored_tokens

DENIED = Failure(Reason.AWS_UNAVAILABLE, "no")


def concluded(applied: Applied, observed: Observed | None = None, **over: Any) -> Outcome:
    given: dict[str, Any] = {"answered": frozenset(), "link_status": None, "now": NOW, **over}
    return conclude(observed or an_observed(), applied, **given)


def test_what_was_applied_is_taken_over() -> None:
    applied = Applied(
        stored=stored_tokens(),
        failure=DENIED,
        passing=True,
        written=True,
        happened=((EventReason.REPAIRED, "it was changed"),),
        retry_at=NOW + timedelta(minutes=1),
    )
    links = LinkStatus(linked=("builder",))
    outcome = concluded(applied, link_status=links)
    assert Applied(**{one.name: getattr(outcome, one.name) for one in fields(Applied)}) == applied
    assert outcome.link_status == links


def test_a_registry_without_a_valid_token_is_lacking() -> None:
    assert concluded(Applied(stored=stored_tokens())).lacking == ()
    assert concluded(Applied()).lacking == (HOST,)


@pytest.mark.parametrize(
    ("observed", "applied", "answered", "refreshed"),
    [
        (an_observed(), Applied(), {HOST}, True),
        (an_observed(), Applied(), {HOST, "another"}, True),
        (an_observed(), Applied(), {"another"}, False),
        (an_observed(), Applied(), (), False),
        (an_observed(), Applied(failure=DENIED), {HOST}, False),
        (replace(an_observed(), resource=a_resource(spec=InvalidSpec("no"))), Applied(), {HOST}, False),
    ],
)
def test_a_refresh_request_is_handled_when_each_registry_has_answered(
    observed: Observed, applied: Applied, answered: Any, *, refreshed: bool
) -> None:
    assert concluded(applied, observed, answered=frozenset(answered)).refreshed is refreshed


def test_what_policy_would_remove_is_audited_while_it_is_stored() -> None:
    stored = stored_tokens()
    removable = ((HOST, stored[HOST], "it is too wide"),)
    authorization = Authorization(an_observed().authorization.logins, audited="AccessPolicy a", removable=removable)
    observed = an_observed(authorization=authorization)
    told = f"AccessPolicy a; the stored token for {HOST} would be removed: it is too wide"
    recorded = dict(observed.recorded_tokens)
    same = replace(
        observed, authorization=replace(authorization, removable=((HOST, recorded[HOST], "it is too wide"),))
    )
    assert concluded(Applied(stored=stored), observed).audited == told
    assert concluded(Applied(), same).audited == told, "nothing was written, so it is in the Secret still"
    newer = {HOST: replace(stored[HOST], role_arn="arn:aws:iam::123456789012:role/another")}
    assert concluded(Applied(stored=newer), observed).audited == "AccessPolicy a"


def test_what_is_being_deleted_is_named() -> None:
    secret = replace(a_stored_secret(), deleting=True, finalizers=("example.com/backup",))
    assert concluded(Applied()).terminating == ""
    found = concluded(Applied(), an_observed(secrets=(secret,))).terminating
    assert secret.name in found
    assert "example.com/backup" in found
