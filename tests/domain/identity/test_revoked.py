"""Tokens of an identity that the resource names no longer: policy judges them too, and they serve nothing new."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecr_secret_operator.api.registry import parse_registry
from ecr_secret_operator.domain.identity.authorization import Authorization, RegistryLogin, assess
from ecr_secret_operator.domain.identity.identity import AccessKeys, AssumedRole, Identity, StoredKeys
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.identity.sources import Missing
from ecr_secret_operator.domain.resource import InvalidSpec
from ecr_secret_operator.domain.secret.annotations import StoredToken, StoredTokens
from ecr_secret_operator.domain.secret.decide import decide
from ecr_secret_operator.domain.secret.observed import Observed
from ecr_secret_operator.domain.secret.registries import hosts_missing_token
from ecr_secret_operator.domain.tokens.token import Sensitive
from ecr_secret_operator.reasons import Failure, Reason
from tests.domain.identity.dependencies import Cluster, a_policy
from tests.factories import (
    HOST,
    NOW,
    a_resource,
    a_spec,
    a_stored_secret,
    a_token,
    an_observed,
    logins_of,
    stored_tokens,
)

ROLE = "arn:aws:iam::123456789012:role/ecr-pull"
KEYS = AccessKeys("AKIAEXAMPLE", Sensitive("x"))
MISSING = Failure(Reason.IDENTITY_UNAVAILABLE, "ServiceAccount team-a/nobody does not exist")
LOST = (RegistryLogin(HOST, None, MISSING, "serviceaccount/nobody"),)
REVOKED = frozenset({HOST})


def had_with(identity: Identity) -> StoredTokens:
    return {HOST: StoredToken.of(Scope.of(parse_registry(HOST), identity), a_token())}


def observed(access: Authorization, **over: Any) -> Observed:
    return replace(an_observed(), authorization=access, **over)


# A former identity, without any policy


def test_a_token_of_another_identity_does_not_make_ready_what_names_a_missing_one() -> None:
    assert hosts_missing_token(Authorization(LOST), stored_tokens(), NOW) == (HOST,)


def test_nor_is_a_secret_restored_with_it() -> None:
    plan = decide(observed(Authorization(LOST), secrets=()), now=NOW)
    assert (plan.write, plan.failure) == (None, MISSING)


# Policy


@pytest.mark.parametrize(
    ("identity", "policy", "revoked"),
    [
        (None, {"ambient_identity": True}, False),
        (None, {"role_arns": ["*"]}, True),
        (None, {"default_role_arn": ROLE}, True),  # the role is to take its place
        (AssumedRole(ROLE), {"role_arns": ["*/ecr-*"]}, False),
        (AssumedRole(ROLE), {"ambient_identity": True}, True),
        (StoredKeys("team-a", "aws", KEYS.version, KEYS), {"role_arns": ["x"]}, False),
        (StoredKeys("team-a", "aws", KEYS.version, KEYS), {"registries": ["x"]}, True),
        (StoredKeys("team-a", "aws", KEYS.version, KEYS), {"regions": ["us-east-2"]}, False),
        (StoredKeys("team-a", "aws", KEYS.version, KEYS), {"regions": ["eu-west-1"]}, True),
        (AssumedRole(ROLE), {"role_arns": ["*"], "registries": [HOST], "regions": ["us-east-2"]}, False),
        (AssumedRole(ROLE), {"role_arns": ["*"], "registries": ["x"]}, True),
        (AssumedRole(ROLE), {"role_arns": ["*"], "regions": ["eu-west-1"]}, True),
        (None, {"ambient_identity": True, "regions": ["us-east-2"]}, False),
        (None, {"ambient_identity": True, "regions": ["eu-west-1"]}, True),
        (None, {"ambient_identity": True, "namespaces": {"include": ["others"]}}, True),
    ],
)
@pytest.mark.parametrize("spec", [a_spec(aws={"credentials_secret": "gone"}), InvalidSpec("it cannot be read")])
def test_what_is_stored_is_judged_by_the_identity_that_it_was_had_with(
    spec: Any, identity: Identity | None, policy: dict[str, Any], *, revoked: bool
) -> None:
    stored = had_with(identity) if identity else stored_tokens()
    cluster = Cluster(known=[a_policy(**policy)])
    access = assess(a_resource(spec=spec), cluster, stored=stored, policy_required=False)
    if not access.denied:
        assert access.revoked == (REVOKED if revoked else frozenset())


def test_a_host_that_is_none_is_nobodys() -> None:
    """The note of a forged Secret may say anything."""
    forged = {"evil.example": had_with(AssumedRole(ROLE))[HOST]}
    cluster = Cluster(known=[a_policy(registries=["x"])])
    access = assess(a_resource(spec=InvalidSpec("x")), cluster, stored=forged, policy_required=False)
    assert access.revoked == frozenset()


def test_a_refused_token_goes_when_none_can_take_its_place() -> None:
    plan = decide(observed(Authorization(LOST, revoked=REVOKED)), now=NOW)
    assert plan.write
    assert (plan.write.keep, plan.write.wants, plan.write.takes_away) == ({}, (), True)


def test_a_refused_token_is_replaced_when_the_new_identity_is_good() -> None:
    logins = logins_of(a_spec(), AssumedRole(ROLE))
    plan = decide(observed(Authorization(logins, revoked=REVOKED)), now=NOW)
    assert plan.write
    assert (plan.write.keep, [want.host for want in plan.write.wants]) == ({}, [HOST])


def test_what_an_invalid_or_suspended_resource_holds_goes_too() -> None:
    secret = a_stored_secret()
    invalid = replace(a_resource(), spec=InvalidSpec("it cannot be read"))
    suspended = a_resource(spec=a_spec(suspend=True))
    for resource in (invalid, suspended):
        access = Authorization(logins_of(resource.spec), revoked=REVOKED)
        plan = decide(observed(access, resource=resource, secrets=(secret,)), now=NOW)
        assert (plan.stored, plan.remove) == ({}, (secret,))


def test_too_many_names_are_told() -> None:
    cluster = Cluster(secrets={("team-a", "aws"): Missing.TOO_MANY})
    spec = a_spec(aws={"credentials_secret": "aws"})
    (login,) = assess(a_resource(spec=spec), cluster, stored={}, policy_required=False).logins
    assert login.problem
    assert "one too many" in login.problem.message
