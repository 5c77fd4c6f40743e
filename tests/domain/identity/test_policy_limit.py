"""What AccessPolicies limit tokens to: narrowed by default, more is denied, and policies do not add up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecr_secret_operator.api.registry import PUBLIC_HOST
from ecr_secret_operator.domain.identity.access_policy import Policy
from ecr_secret_operator.domain.identity.authorization import assess, audited
from ecr_secret_operator.domain.identity.identity import AMBIENT as OPERATORS
from ecr_secret_operator.domain.identity.identity import AccessKeys, AssumedRole, Identity
from ecr_secret_operator.domain.identity.limit import ALL_THAT_POLICY_ALLOWS, UNLIMITED, LimitRequest, TokenLimit
from ecr_secret_operator.domain.identity.policy import AccessRequest
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.identity.sources import KeySecret
from ecr_secret_operator.domain.resource import InvalidSpec
from ecr_secret_operator.domain.secret.annotations import StoredToken, StoredTokens
from ecr_secret_operator.domain.secret.registries import hosts_missing_token
from ecr_secret_operator.domain.tokens.token import Sensitive
from ecr_secret_operator.reasons import Reason
from tests.factories import HOST, NOW, a_resource, a_spec, a_token

from .dependencies import Cluster, access_of
from .policies import AMBIENT, ASSUMED, OTHER_ROLE, ROLE, a_policy, verdict_of

TEAM_A = {"access": "pull", "repositories": ["{namespace}/*"]}
LIMIT = TokenLimit("pull", ("team-a/*",))
ROLES: dict[str, Any] = {"role_arns": ["*"], "ambient_identity": True}


def asking(access: Any = None, *repositories: str, ask: AccessRequest = ASSUMED) -> AccessRequest:
    return replace(ask, limit=LimitRequest(access, repositories or None))


def policies(*specs: dict[str, Any]) -> list[Policy]:
    """Policies named a, b, c ... that allow all identities."""
    return [a_policy(name, **{**ROLES, **spec}) for name, spec in zip("abc", specs, strict=False)]


@pytest.mark.parametrize(
    ("ask", "limit"),
    [
        (asking(), LIMIT),
        (asking("pull"), LIMIT),
        (asking(None, "team-a/web"), TokenLimit("pull", ("team-a/web",))),
        (asking("pull", "team-a/web", "team-a/x/*"), TokenLimit("pull", ("team-a/web", "team-a/x/*"))),
        (asking(ask=AMBIENT), LIMIT),
    ],
)
def test_what_asks_for_nothing_is_narrowed(ask: AccessRequest, limit: TokenLimit) -> None:
    verdict = verdict_of(ask, *policies({"limit": TEAM_A}))
    assert (verdict.served, verdict.limit, verdict.audited) == (True, limit, "")


@pytest.mark.parametrize(
    "ask",
    [
        asking("push"),
        asking(None, "team-b/web"),
        asking(None, "team-a/web", "team-b/web"),
        asking(None, "*"),
        asking(None, "team-a*"),
        asking(None, "team-?/*"),
        asking("push", "team-a/web"),
        replace(ASSUMED, limit=LimitRequest("pull", ())),
    ],
)
def test_what_asks_for_more_is_denied(ask: AccessRequest) -> None:
    verdict = verdict_of(ask, *policies({"limit": TEAM_A}))
    assert not verdict.served
    assert "a selects it but does not allow access" in verdict.refusal
    assert "because its limit is pull in team-a/*" in verdict.refusal
    assert verdict.refusal.endswith("To get what a limit allows, leave aws.access and aws.repositories out")


def test_the_namespace_of_the_resource_counts() -> None:
    (policy,) = policies({"limit": TEAM_A})
    assert verdict_of(asking(), policy, namespace="team-b").limit == TokenLimit("pull", ("team-b/*",))


def test_a_long_limit_is_not_repeated_in_a_message() -> None:
    verdict = verdict_of(asking("push"), *policies({"limit": {"access": "pull", "repositories": list("abcd")}}))
    assert "because its limit is pull in 4 patterns" in verdict.refusal


# Several policies


@pytest.mark.parametrize(
    ("specs", "ask", "limit"),
    [
        # one without a limit allows all
        ([{"limit": TEAM_A}, {}], asking(), UNLIMITED),
        ([{"limit": TEAM_A}, {}], asking("push"), TokenLimit("push")),
        # the wider of two, whatever its name
        ([{"limit": {"access": "pull"}}, {"limit": {"access": "push"}}], asking(), TokenLimit("push")),
        ([{"limit": {"access": "push"}}, {"limit": {"access": "pull"}}], asking(), TokenLimit("push")),
        # neither is wider: the first by name
        (
            [{"limit": {"repositories": ["a"]}}, {"limit": {"repositories": ["b"]}}],
            asking(),
            TokenLimit("full", ("a",)),
        ),
        # the one that allows what is asked
        (
            [{"limit": {"repositories": ["a"]}}, {"limit": {"repositories": ["b"]}}],
            asking(None, "b"),
            TokenLimit("full", ("b",)),
        ),
        # a policy that does not allow the identity does not count
        ([{"limit": TEAM_A}, {"role_arns": [OTHER_ROLE]}], asking(), LIMIT),
        ([{"limit": TEAM_A}, {"namespaces": {"include": ["team-b"]}}], asking(), LIMIT),
        ([{"limit": TEAM_A}, {"regions": ["eu-west-1"]}], asking(), LIMIT),
    ],
)
def test_one_policy_gives_the_limit(specs: list[dict[str, Any]], ask: AccessRequest, limit: TokenLimit) -> None:
    verdict = verdict_of(ask, *policies(*specs))
    assert (verdict.served, verdict.limit, verdict.audited) == (True, limit, "")


def test_two_policies_do_not_add_up() -> None:
    both = policies({"limit": {"repositories": ["a"]}}, {"limit": {"repositories": ["b"]}})
    assert not verdict_of(asking(None, "a", "b"), *both).served
    actions = policies({"limit": {"access": "push", "repositories": ["a"]}}, {"limit": {"access": "pull"}})
    assert not verdict_of(asking("push", "b"), *actions).served


def test_a_default_role_is_limited_by_a_policy_that_allows_that_role() -> None:
    """The policy without a limit allows the operator's own identity only, which the role replaces."""
    unlimited = a_policy("a", ambient_identity=True)
    with_role = a_policy("b", default_role_arn=ROLE, limit=TEAM_A)
    verdict = verdict_of(asking(ask=AMBIENT), unlimited, with_role)
    assert (verdict.default_role_arn, verdict.limit) == (ROLE, LIMIT)
    allowing = a_policy("c", ambient_identity=True, role_arns=[ROLE])
    assert verdict_of(asking(ask=AMBIENT), unlimited, with_role, allowing).limit == UNLIMITED


def test_who_asks_for_more_than_a_default_role_may_does_not_get_the_operators_own_identity() -> None:
    with_role = a_policy("a", default_role_arn=ROLE, limit=TEAM_A)
    own = a_policy("b", ambient_identity=True)
    for asked in (asking("push", ask=AMBIENT), asking(None, "team-b/*", ask=AMBIENT)):
        verdict = verdict_of(asked, with_role, own)
        assert (verdict.served, verdict.default_role_arn) == (False, ROLE)
        assert "a selects it but does not allow access" in verdict.refusal
        assert f"with role {ROLE}" in verdict.refusal
    assert verdict_of(asking(ask=AMBIENT), with_role, own).limit == LIMIT


def test_a_stored_token_of_the_operators_own_identity_is_revoked_by_a_default_role_with_a_limit() -> None:
    known = [a_policy("a", default_role_arn=ROLE, limit=TEAM_A), a_policy("b", ambient_identity=True)]
    found = assess(a_resource(), Cluster(known), stored=stored(UNLIMITED), policy_required=False)
    assert (found.revoked, found.too_wide) == (frozenset((HOST,)), frozenset())


def test_advice_on_the_limit_is_given_only_where_the_limit_is_what_lacks() -> None:
    elsewhere = a_policy("a", registries=["210987654321.*"], role_arns=["*"], limit=TEAM_A)
    assert "leave aws.access" not in verdict_of(asking("push"), elsewhere).refusal
    assert "leave aws.access" in verdict_of(asking("push"), *policies({"limit": TEAM_A})).refusal


def test_full_access_is_the_default_and_asks_for_nothing() -> None:
    assert LimitRequest.of("full", ()) == LimitRequest.of(None, ()) == ALL_THAT_POLICY_ALLOWS
    assert LimitRequest.of("push", ["a"]) == LimitRequest("push", ("a",))


# ECR Public, whose repositories cannot be limited

PUBLIC = AccessRequest(PUBLIC_HOST, "us-east-1", "role", ROLE)


def test_at_ecr_public_a_limit_of_repositories_leaves_reading() -> None:
    assert verdict_of(asking(ask=PUBLIC), *policies({"limit": {"repositories": ["a"]}})).limit == TokenLimit("pull")
    assert not verdict_of(asking("push", ask=PUBLIC), *policies({"limit": {"repositories": ["a"]}})).served
    assert verdict_of(asking("push", ask=PUBLIC), *policies({"limit": {"access": "push"}})).limit == TokenLimit("push")


# Audit

AUDIT = {"mode": "Audit"}


def test_a_limit_in_audit_mode_is_reported_and_does_not_limit() -> None:
    verdict = verdict_of(asking(), *policies({"limit": TEAM_A, **AUDIT}))
    assert (verdict.served, verdict.limit) == (True, UNLIMITED)
    assert verdict.audited == (
        f"AccessPolicy a sets the limit of the token for {HOST} in namespace team-a to pull in team-a/*;"
        " it is full in all repositories now"
    )


def test_what_asks_for_more_than_a_limit_in_audit_mode_is_served_and_reported() -> None:
    verdict = verdict_of(asking("push"), *policies({"limit": TEAM_A, **AUDIT}))
    assert (verdict.served, verdict.limit) == (True, TokenLimit("push"))
    assert "does not allow access push" in verdict.audited


def test_a_policy_in_audit_mode_makes_no_token_wider() -> None:
    verdict = verdict_of(asking(), *policies({"limit": TEAM_A}, AUDIT))
    assert verdict.limit == LIMIT
    assert "AccessPolicy b sets the limit of the token" in verdict.audited
    assert "to full in all repositories; it is pull in team-a/* now" in verdict.audited


def test_a_change_of_role_is_reported_before_that_of_the_limit() -> None:
    verdict = verdict_of(asking(ask=AMBIENT), a_policy("a", default_role_arn=ROLE, limit=TEAM_A, **AUDIT))
    assert verdict.audited.startswith("AccessPolicy a replaces the operator's own identity")


# Resources and stored tokens

PULL = Policy("p", "1", a_policy(**ROLES, limit=TEAM_A).spec)


def stored(limit: TokenLimit, identity: Identity = OPERATORS) -> StoredTokens:
    scope = Scope.of(a_spec().entries[0].registry, identity, limit)
    return {HOST: StoredToken.of(scope, a_token())}


JUDGED = [
    (UNLIMITED, True),
    (TokenLimit("pull"), True),
    (TokenLimit("push", ("team-a/*",)), True),
    (TokenLimit("pull", ("team-b/*",)), True),
    (LIMIT, False),
    (TokenLimit("pull", ("team-a/web",)), False),
]


@pytest.mark.parametrize(("limit", "revoked"), JUDGED)
def test_a_stored_token_of_a_role_that_allows_more_is_revoked(limit: TokenLimit, *, revoked: bool) -> None:
    with_role = stored(limit, AssumedRole(ROLE))
    found = assess(a_resource(), Cluster([PULL]), stored=with_role, policy_required=False)
    assert found.revoked == found.too_wide == (frozenset((HOST,)) if revoked else frozenset())


@pytest.mark.parametrize(("limit", "revoked"), JUDGED)
def test_a_stored_token_that_allows_more_is_revoked(limit: TokenLimit, *, revoked: bool) -> None:
    found = assess(a_resource(), Cluster([PULL]), stored=stored(limit), policy_required=False)
    assert found.revoked == found.too_wide == (frozenset((HOST,)) if revoked else frozenset())
    assert [login.scope and login.scope.limit for login in found.logins] == [LIMIT]


def test_in_audit_mode_a_wide_token_is_reported_once() -> None:
    policy = a_policy(**ROLES, limit=TEAM_A, **AUDIT)
    wide = stored(UNLIMITED)
    found = assess(a_resource(), Cluster([policy]), stored=wide, policy_required=False)
    assert (found.revoked, found.removable) == (frozenset(), ())
    assert audited(found, wide).count("AccessPolicy") == 1


def test_in_audit_mode_a_token_of_a_denied_limit_is_reported_with_that_limit() -> None:
    policy = a_policy(**ROLES, limit=TEAM_A, **AUDIT)
    aws = {"role_arn": ROLE, "access": "pull", "repositories": ["team-*"]}
    wide = stored(TokenLimit("pull", ("team-*",)), AssumedRole(ROLE))
    found = assess(a_resource(spec=a_spec(aws=aws)), Cluster([policy]), stored=wide, policy_required=False)
    assert "does not allow access pull in team-*" in audited(found, wide)
    assert audited(found, wide) == found.audited
    broken = a_resource(spec=InvalidSpec("it cannot be read"))
    found = assess(broken, Cluster([policy]), stored=wide, policy_required=False)
    assert "does not allow access pull in team-*" in audited(found, wide)


@pytest.mark.parametrize(
    ("aws", "limit", "why"),
    [
        ({"credentials_secret": "aws"}, TEAM_A, "are temporary ones"),
        ({"role_arn": ROLE}, {"repositories": [f"{number}{'x' * 80}" for number in range(15)]}, "STS allows 2048"),
        ({"role_arn": ROLE}, TEAM_A, ""),
    ],
)
def test_in_audit_mode_a_limit_that_cannot_be_set_is_reported(
    aws: dict[str, Any], limit: dict[str, Any], why: str
) -> None:
    keys = AccessKeys("ASIAEXAMPLE", Sensitive("x"), Sensitive("session"))
    cluster = Cluster(
        [a_policy(**ROLES, limit=limit, **AUDIT)], secrets={("team-a", "aws"): KeySecret("team-a", "aws", "7", keys)}
    )
    found = assess(a_resource(spec=a_spec(aws=aws)), cluster, stored={}, policy_required=False)
    assert ("the resource would fail then" in found.audited) == bool(why)
    assert why in found.audited


def test_a_token_that_is_wider_than_a_spec_whose_identity_is_missing_is_not_restored() -> None:
    for limit, restored in ((UNLIMITED, False), (TokenLimit("pull"), True)):
        one = replace(stored(limit)[HOST], origin="serviceaccount/puller")
        spec = a_spec(aws={"service_account": "puller", "access": "pull"})
        access = assess(a_resource(spec=spec), Cluster(), stored={HOST: one}, policy_required=False)
        assert bool(hosts_missing_token(access, {HOST: one}, NOW)) != restored


def test_a_resource_that_asks_for_more_is_denied_before_its_keys_are_read() -> None:
    resource = a_resource(spec=a_spec(aws={"credentials_secret": "aws", "access": "push"}))
    assert "its limit is pull" in assess(resource, Cluster([PULL]), stored={}, policy_required=False).denied


@pytest.mark.parametrize(
    ("aws", "asked"),
    [
        ({}, ALL_THAT_POLICY_ALLOWS),
        ({"access": "full"}, LimitRequest()),
        ({"access": "push", "repositories": ["b", "a", "b"]}, LimitRequest("push", ("b", "a", "b"))),
    ],
)
def test_without_policies_a_resource_gets_what_it_asks_for(aws: dict[str, Any], asked: LimitRequest) -> None:
    (login,) = assess(a_resource(spec=a_spec(aws=aws)), Cluster(), stored={}, policy_required=False).logins
    assert login.scope
    assert login.scope.limit == asked.without_policy
    assert login.problem is None


def test_temporary_keys_cannot_be_limited() -> None:
    keys = AccessKeys("ASIAEXAMPLE", Sensitive("x"), Sensitive("session"))
    cluster = Cluster(secrets={("team-a", "aws"): KeySecret("team-a", "aws", "7", keys)})
    for aws, problem in (({"access": "pull"}, True), ({}, False)):
        spec = a_spec(aws={"credentials_secret": "aws", **aws})
        (login,) = assess(a_resource(spec=spec), cluster, stored={}, policy_required=False).logins
        assert (login.problem is not None) == problem
        if login.problem:
            assert login.problem.reason is Reason.IDENTITY_UNAVAILABLE
            assert (
                "cannot be limited to pull in all repositories, because the keys in Secret team-a/aws are temporary"
                in login.problem.message
            )


def test_a_session_policy_that_is_too_long_is_not_sent() -> None:
    spec = a_spec(aws={"role_arn": ROLE, "repositories": [f"{number}{'x' * 80}/*" for number in range(15)]})
    (login,) = assess(a_resource(spec=spec), Cluster(), stored={}, policy_required=False).logins
    assert login.problem
    assert login.problem.reason is Reason.INVALID_SPEC
    assert "characters, and STS allows 2048" in login.problem.message


def test_the_limit_of_a_role_is_part_of_its_scope() -> None:
    spec = a_spec(aws={"role_arn": ROLE, "access": "pull"})
    (login,) = assess(a_resource(spec=spec), Cluster(), stored={}, policy_required=False).logins
    assert login.scope == Scope.of(spec.entries[0].registry, AssumedRole(ROLE), TokenLimit("pull"))


@pytest.mark.parametrize(
    ("known", "limit"),
    [
        ([], TokenLimit("push")),
        (policies({"limit": {"repositories": ["team-a/*"]}}), TokenLimit("push", ("team-a/*",))),
    ],
)
def test_the_limit_is_known_before_the_identity_is(known: list[Policy], limit: TokenLimit) -> None:
    spec = a_spec(aws={"service_account": "missing", "access": "push"})
    (login,) = access_of(spec, Cluster(known=known)).logins
    assert (login.scope, login.limit) == (None, limit)
