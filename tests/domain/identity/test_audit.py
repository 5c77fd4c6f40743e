"""Audit mode reports what Enforce would deny or change, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator.api.registry import parse_registry
from ecr_secret_operator.domain.identity.access_policy import AccessPolicySpec, Policy
from ecr_secret_operator.domain.identity.authorization import Authorization, RegistryLogin, assess, audited
from ecr_secret_operator.domain.identity.identity import AMBIENT, AssumedRole, Identity
from ecr_secret_operator.domain.identity.policy import AccessRequest
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.resource import InvalidSpec
from ecr_secret_operator.domain.secret.annotations import StoredToken, StoredTokens
from tests.domain.identity.dependencies import Cluster
from tests.domain.identity.policies import AMBIENT as ASKS_AMBIENT
from tests.domain.identity.policies import ASSUMED, INVALID, KEYS, OTHER_ROLE, ROLE, UNKNOWN, a_policy, verdict_of
from tests.factories import HOST, OTHER_HOST, a_resource, a_spec, a_token

POLICIES = st.lists(
    st.builds(
        a_policy,
        st.sampled_from(["a", "b", "c"]),
        namespaces=st.sampled_from([{}, {"include": ["team-a"]}, {"include": ["team-b"]}]),
        registries=st.sampled_from([[], [HOST], [OTHER_HOST]]),
        regions=st.sampled_from([[], ["us-east-2"], ["eu-west-1"]]),
        role_arns=st.sampled_from([[], [ROLE], [OTHER_ROLE]]),
        ambient_identity=st.booleans(),
        default_role_arn=st.sampled_from(["", ROLE, OTHER_ROLE]),
        mode=st.sampled_from(["Enforce", "Audit"]),
    )
    | st.just(INVALID),
    max_size=3,
    unique_by=lambda policy: policy.name,
)


def enforced(policy: Policy) -> Policy:
    if isinstance(policy.spec, InvalidSpec):
        return policy
    return replace(policy, spec=AccessPolicySpec.model_validate({**policy.spec.model_dump(), "mode": "Enforce"}))


@given(ask=st.sampled_from([ASKS_AMBIENT, ASSUMED, KEYS, UNKNOWN]), policies=POLICIES, required=st.booleans())
def test_what_is_served_is_reported_exactly_where_enforcing_every_policy_denies_or_changes_it(
    ask: AccessRequest, policies: list[Policy], *, required: bool
) -> None:
    now = verdict_of(ask, *policies, required=required)
    then = verdict_of(ask, *map(enforced, policies), required=required)
    if now.served:
        denies, changes = not then.served, then.default_role_arn != now.default_role_arn
        assert bool(now.audited) == (denies or changes)
    assert then.served or then.refusal
    assert not then.served or not then.audited, "nothing is left to report"


AUDITS = {"mode": "Audit", "default_role_arn": ROLE}


@pytest.mark.parametrize(
    ("policies", "text"),
    [
        (
            [a_policy("p", **AUDITS)],
            f"AccessPolicy p replaces the operator's own identity for {HOST} in namespace team-a with role {ROLE}",
        ),
        (
            [a_policy("p", **AUDITS, ambient_identity=True)],
            f"AccessPolicy p replaces the operator's own identity for {HOST} in namespace team-a with role {ROLE}",
        ),
        (
            [a_policy("p", **AUDITS), a_policy("q", default_role_arn=OTHER_ROLE)],
            f"AccessPolicy p replaces role {OTHER_ROLE} for {HOST} in namespace team-a with role {ROLE}",
        ),
        ([a_policy("q", **AUDITS), a_policy("p", default_role_arn=OTHER_ROLE)], ""),
        ([a_policy("q", **AUDITS), a_policy("p", default_role_arn=ROLE)], ""),
        ([a_policy("p", **{**AUDITS, "registries": [OTHER_HOST]}), a_policy("q", ambient_identity=True)], ""),
    ],
)
def test_a_change_of_the_identity_is_reported(policies: list[Policy], text: str) -> None:
    verdict = verdict_of(ASKS_AMBIENT, *policies)
    assert (verdict.audited, verdict.refusal, verdict.served) == (text, "", True)


# What is stored


def had_with(identity: Identity, host: str = HOST) -> StoredTokens:
    return {host: StoredToken.of(Scope.of(parse_registry(host), identity), a_token())}


ALLOWED = AssumedRole(ROLE)
ONLY_ROLE = a_policy("p", mode="Audit", role_arns=[ROLE])


@pytest.mark.parametrize(
    "spec", [a_spec(aws={"role_arn": ROLE}), InvalidSpec("it cannot be read")], ids=["allowed by now", "unreadable"]
)
def test_a_stored_token_that_enforcing_removes_is_reported_for_as_long_as_it_is_stored(
    spec: AccessPolicySpec | InvalidSpec,
) -> None:
    stored, later = had_with(AMBIENT), had_with(ALLOWED)
    access = assess(a_resource(spec=spec), Cluster(known=[ONLY_ROLE]), stored=stored, policy_required=False)
    assert access.audited == ""
    assert audited(access, stored).startswith(f"the stored token for {HOST} would be removed: no AccessPolicy lets")
    assert audited(access, later) == ""
    assert audited(access, {}) == ""


def test_a_stored_token_of_the_identity_that_is_asked_for_adds_nothing() -> None:
    stored = had_with(AMBIENT)
    access = assess(a_resource(), Cluster(known=[ONLY_ROLE]), stored=stored, policy_required=False)
    assert access.audited
    assert audited(access, stored) == access.audited


def test_a_stored_token_whose_identity_a_default_role_replaces_is_reported() -> None:
    stored, policy = had_with(AMBIENT), a_policy("p", **AUDITS)
    broken = a_resource(spec=InvalidSpec("it cannot be read"))
    access = assess(broken, Cluster(known=[policy]), stored=stored, policy_required=False)
    text = audited(access, stored)
    assert text.startswith(f"the stored token for {HOST} would be removed: AccessPolicy p replaces the operator's own")


def test_what_is_denied_already_is_not_reported_as_well() -> None:
    policy = a_policy("p", role_arns=[ROLE])
    access = assess(a_resource(), Cluster(known=[policy]), stored=had_with(AMBIENT), policy_required=False)
    assert access.denied
    assert audited(access, {}) == ""
    assert audited(Authorization((RegistryLogin(HOST, None),)), had_with(AMBIENT)) == ""


def test_what_is_removed_already_is_not_reported_as_well() -> None:
    policies = [a_policy("p", **AUDITS), a_policy("q", default_role_arn=OTHER_ROLE)]
    broken = a_resource(spec=InvalidSpec("it cannot be read"))
    access = assess(broken, Cluster(known=policies), stored=had_with(AMBIENT), policy_required=False)
    assert access.revoked == {HOST}
    assert audited(access, had_with(AMBIENT)) == ""
