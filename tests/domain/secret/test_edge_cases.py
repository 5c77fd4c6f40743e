"""Edge cases of one resource: hostile data, a restart at a bad moment, one registry of several that fails."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from ecr_secret_operator.domain.identity.access_policy import AccessPolicySpec, Policy, parse_policy
from ecr_secret_operator.domain.identity.authorization import Authorization
from ecr_secret_operator.domain.identity.policy import AccessRequest, judge
from ecr_secret_operator.domain.kinds import DOCKER_CONFIG_KEY, DOCKER_CONFIG_TYPE, passwords_of
from ecr_secret_operator.domain.resource import InvalidSpec, condition_of
from ecr_secret_operator.domain.secret.annotations import TOKENS
from ecr_secret_operator.domain.secret.decide import decide
from ecr_secret_operator.domain.secret.failures import merge_failures
from ecr_secret_operator.domain.secret.ownership import Claim, claim
from ecr_secret_operator.domain.status.conditions import next_status
from ecr_secret_operator.domain.status.outcome import READY, Outcome
from ecr_secret_operator.reasons import Failure, Reason
from tests.domain.secret.registries import BOTH, FINE, LOST, MISSING, SOON, held, login, of, seen, wanted_of, write_of
from tests.factories import (
    HOST,
    NOW,
    OTHER_HOST,
    a_desired,
    a_resource,
    a_spec,
    a_stored_secret,
    a_token,
    an_observed,
    stored_tokens,
)

ROLE = "arn:aws:iam::123456789012:role/ecr-pull"
DEEP = "[" * 5_000 + "]" * 5_000


@pytest.mark.parametrize("text", [DEEP, f'{{"auths":{DEEP}}}', f'{{"auths":{{}},"x":{DEEP}}}'])
def test_deeply_nested_data_are_no_crash(text: str) -> None:
    assert passwords_of(DOCKER_CONFIG_TYPE, {DOCKER_CONFIG_KEY: text}) == {}


def test_a_deeply_nested_annotation_is_no_crash() -> None:
    assert a_stored_secret(annotations={**a_desired().annotations, TOKENS: DEEP}).stored_tokens == {}


LONE = '{"auths":{"%s":{"username":"AWS","password":"\\ud800","auth":"x"}}}' % HOST  # noqa: UP031 - it is JSON


def test_a_password_that_is_no_text_is_repaired() -> None:
    passwords = passwords_of(DOCKER_CONFIG_TYPE, {DOCKER_CONFIG_KEY: LONE})
    stored = a_stored_secret(data_digest="0", passwords=passwords)
    assert write_of(an_observed(secrets=(stored,)), NOW).keep == stored_tokens()


def test_a_foreign_secret_whose_password_is_no_text_is_foreign() -> None:
    stored = a_stored_secret(labels={}, annotations={}, owners=())
    assert claim(stored, {DOCKER_CONFIG_KEY: LONE}, a_resource(), a_spec()) is Claim.FOREIGN


def test_the_target_is_taken_away_on_denial_even_without_its_annotations() -> None:
    stored = a_stored_secret(annotations={})
    plan = decide(an_observed(secrets=(stored,), authorization=Authorization(denied="no")), now=NOW)
    assert plan.remove == (stored,)


def test_after_a_restart_a_change_of_metadata_keeps_every_last_good_token() -> None:
    """Data and tokens annotation are as they were sealed, so they can be trusted whatever the spec says now."""
    changed = replace(of(HOST, OTHER_HOST, metadata={"labels": {"team": "a"}}), generation=2)
    write = write_of(seen(FINE, resource=changed, made_as=BOTH, remembered={}), SOON)
    assert write.keep == FINE


def test_after_a_restart_a_removed_registry_costs_the_others_nothing() -> None:
    changed = replace(of(HOST), generation=2)
    write = write_of(seen(FINE, login(HOST), resource=changed, made_as=BOTH, remembered={}), SOON)
    assert (write.keep, write.wants) == ({HOST: FINE[HOST]}, ())


def test_a_request_for_a_refresh_is_for_each_registry_once() -> None:
    asked = replace(BOTH, refresh_request="now")
    first = write_of(seen(FINE, login(HOST), LOST, resource=asked), SOON)
    assert list(wanted_of(first)) == [HOST]
    now_held = {**FINE, HOST: held(HOST, a_token(issued_at=SOON))}
    status = next_status(asked, Outcome(stored=now_held, failure=MISSING, written=True, refreshed=True), now=SOON)
    again = seen(now_held, login(HOST), LOST, resource=replace(asked, status=status))
    assert decide(again, now=SOON + timedelta(minutes=10)).write is None


def test_another_account_of_the_region_is_served_with_the_same_token() -> None:
    host = HOST.replace("123456789012", "999999999999")
    changed = a_resource(spec=a_spec(ecr_registry=host), generation=2)
    write = write_of(an_observed(resource=changed, secrets=(a_stored_secret(),), remembered=stored_tokens()), SOON)
    assert (write.keep, write.wants) == (stored_tokens(changed), ())


def test_an_audit_does_not_tell_of_what_the_default_role_would_serve() -> None:
    said = {}
    for mode in ("Audit", "Enforce"):
        spec = parse_policy({"default_role_arn": ROLE, "mode": mode})
        assert isinstance(spec, AccessPolicySpec)
        ask = AccessRequest(HOST, "us-east-2", "ambient")
        policies = [Policy("p", "1", spec)]
        verdict = judge(ask, namespace="team-a", place="it", labels={}, policies=policies, required=False)
        said[mode] = verdict.refusal
    assert said == {"Audit": "", "Enforce": ""}


def test_a_suspended_resource_that_lacks_one_registry_does_not_say_that_it_has_nothing() -> None:
    suspended = of(HOST, OTHER_HOST, suspend=True)
    outcome = Outcome(stored={HOST: FINE[HOST]}, lacking=(OTHER_HOST,))
    message = condition_of(next_status(suspended, outcome, now=SOON), READY)["message"]
    assert "no valid token is stored" not in message


def test_the_repair_of_a_secret_that_lacks_one_registry_is_told() -> None:
    have = {HOST: FINE[HOST]}
    status = next_status(BOTH, Outcome(stored=have, lacking=(OTHER_HOST,), failure=MISSING), now=SOON)
    observed = seen(have, login(HOST), LOST, resource=replace(BOTH, status=status))
    write = write_of(replace(observed, secrets=()), SOON)
    assert write.keep == have
    assert write.repairs == ("it was deleted",)


def test_the_longest_role_that_iam_allows_is_taken() -> None:
    arn = f"arn:aws:iam::123456789012:role/{'p' * 500}/{'n' * 64}"
    assert a_spec(aws={"role_arn": arn}).aws.role_arn == arn


def test_a_requirement_needs_a_key() -> None:
    raw = {"namespaces": {"selector": {"matchExpressions": [{"key": "", "operator": "DoesNotExist"}]}}}
    assert isinstance(parse_policy(raw), InvalidSpec)


def test_the_reason_of_several_failures_is_the_one_that_needs_a_person() -> None:
    both = merge_failures([Failure(Reason.AWS_UNAVAILABLE, "a"), Failure(Reason.AWS_ACCESS_DENIED, "b")])
    assert both
    assert both.reason is Reason.AWS_ACCESS_DENIED
