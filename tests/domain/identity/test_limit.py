"""When one limit of a token lies within another; and the session policy that makes AWS enforce a limit."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator.api.limits import ACCESS, Access
from ecr_secret_operator.api.registry import PARTITIONS, PUBLIC_HOST, parse_registry, registry_host
from ecr_secret_operator.domain.identity.identity import AMBIENT, AssumedRole
from ecr_secret_operator.domain.identity.limit import UNLIMITED, LimitRequest, TokenLimit, pattern_within, widest
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.identity.session_policy import session_policy
from tests.factories import HOST

PATTERNS = st.text("ab/*?", min_size=1, max_size=8)
NAMES = st.text("ab/", min_size=0, max_size=12)
LIMITS = st.builds(TokenLimit.of, st.sampled_from(ACCESS), st.lists(PATTERNS, max_size=3))
TEAM_A = TokenLimit("pull", ("team-a/*",))


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [
        ("team-a/web", "team-a/web"),
        ("team-a/web", "team-a/*"),
        ("team-a/web", "*"),
        ("team-a/*", "team-a/*"),
        ("team-a/x*", "team-a/*"),
        ("team-a/*/x", "team-a/*"),
        ("team-a/w?b", "team-a/*"),
        ("team-a/w?b", "team-?/w?b"),
        ("*", "**"),
        ("**", "*"),
        ("a*b*c", "a*c"),
        ("a?", "a*"),
        ("a", "a*"),
        ("aab", "*ab"),
    ],
)
def test_patterns_within_others(pattern: str, allowed: str) -> None:
    assert pattern_within(pattern, allowed)


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [
        ("team-b/web", "team-a/*"),
        ("team-a", "team-a/*"),
        ("team-a*", "team-a/*"),
        ("team-a/../team-b/web", "team-a/web"),
        ("*", "team-a/*"),
        ("*", "?"),
        ("?", "a"),
        ("??", "?"),
        ("a*", "a?"),
        ("team-?/web", "team-a/web"),
        ("*team-a/web", "team-a/*"),
        ("", "a"),
        ("a", ""),
        ("TEAM-A/web", "team-a/*"),
    ],
)
def test_patterns_that_are_not(pattern: str, allowed: str) -> None:
    assert not pattern_within(pattern, allowed)


@given(PATTERNS, PATTERNS, NAMES)
def test_a_pattern_within_another_matches_no_other_name(pattern: str, allowed: str, name: str) -> None:
    if pattern_within(pattern, allowed) and fnmatchcase(name, pattern):
        assert fnmatchcase(name, allowed)


@given(PATTERNS, st.data())
def test_names_drawn_from_a_pattern_stay_within_what_allows_it(pattern: str, data: st.DataObject) -> None:
    name = "".join(
        data.draw(NAMES) if sign == "*" else data.draw(st.sampled_from("ab/")) if sign == "?" else sign
        for sign in pattern
    )
    allowed = data.draw(PATTERNS)
    assert fnmatchcase(name, pattern)
    if not fnmatchcase(name, allowed):
        assert not pattern_within(pattern, allowed)


@given(PATTERNS)
def test_every_pattern_lies_within_itself_and_within_all(pattern: str) -> None:
    assert pattern_within(pattern, pattern)
    assert pattern_within(pattern, "*")


@pytest.mark.parametrize("access", ACCESS)
def test_nothing_is_wider_than_no_limit(access: Access) -> None:
    assert TokenLimit(access, ("team-a/*",)).within(UNLIMITED)
    assert TokenLimit(access).within(UNLIMITED)
    assert not UNLIMITED.within(TokenLimit(access, ("*",)))


@pytest.mark.parametrize(("one", "other"), list(product(ACCESS, ACCESS)))
def test_each_access_includes_the_ones_before_it(one: Access, other: Access) -> None:
    within = TokenLimit(one).within(TokenLimit(other))
    assert within == (ACCESS.index(one) <= ACCESS.index(other))
    if within and other != "full":
        assert set(allowed_by(TokenLimit(one))) <= set(allowed_by(TokenLimit(other)))


@given(LIMITS, LIMITS, LIMITS)
def test_within_is_transitive(one: TokenLimit, other: TokenLimit, third: TokenLimit) -> None:
    if one.within(other) and other.within(third):
        assert one.within(third)


@given(LIMITS, LIMITS, NAMES)
def test_a_limit_within_another_opens_no_other_repository(one: TokenLimit, other: TokenLimit, name: str) -> None:
    def opens(limit: TokenLimit) -> bool:
        return not limit.repositories or any(fnmatchcase(name, pattern) for pattern in limit.repositories)

    if one.within(other) and opens(one):
        assert opens(other)


@given(st.permutations(["a", "b/*", "c", "a"]))
def test_the_order_of_patterns_makes_no_difference(patterns: list[str]) -> None:
    limit = TokenLimit.of("pull", patterns)
    assert limit == TokenLimit("pull", ("a", "b/*", "c"))
    assert scope_of(limit).mark == scope_of(TokenLimit("pull", ("a", "b/*", "c"))).mark


@given(st.lists(LIMITS, min_size=1, max_size=5))
def test_the_widest_lies_within_no_other(limits: list[TokenLimit]) -> None:
    name, found = widest([(str(number), limit) for number, limit in enumerate(limits)])
    assert limits[int(name)] == found
    assert not [other for other in limits if found.within(other) and not other.within(found)]


@pytest.mark.parametrize(
    ("request_", "limit", "narrowed"),
    [
        (LimitRequest(), UNLIMITED, UNLIMITED),
        (LimitRequest(), TEAM_A, TEAM_A),
        (LimitRequest("pull"), TokenLimit("push", ("team-a/*",)), TEAM_A),
        (LimitRequest(None, ("team-a/web",)), TEAM_A, TokenLimit("pull", ("team-a/web",))),
        (LimitRequest("full"), TEAM_A, TokenLimit("full", ("team-a/*",))),
        (LimitRequest(None, ()), TEAM_A, TokenLimit("pull")),
    ],
)
def test_a_request_is_narrowed_where_it_says_nothing(
    request_: LimitRequest, limit: TokenLimit, narrowed: TokenLimit
) -> None:
    assert request_.narrowed(limit) == narrowed


# The words


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (UNLIMITED, "full in all repositories"),
        (TokenLimit("pull"), "pull in all repositories"),
        (TEAM_A, "pull in team-a/*"),
        (TokenLimit("full", ("a", "b")), "full in a, b"),
    ],
)
def test_how_a_limit_is_shown(limit: TokenLimit, words: str) -> None:
    assert str(limit) == words


# The session policy


def scope_of(limit: TokenLimit, host: str = HOST) -> Scope:
    return Scope.of(parse_registry(host), AMBIENT, limit)


def statements(limit: TokenLimit, host: str = HOST) -> list[tuple[list[str], list[str]]]:
    """Actions and resources of each statement; all of them allow."""
    document = json.loads(session_policy(scope_of(limit, host)))
    assert document["Version"] == "2012-10-17"
    assert {one["Effect"] for one in document["Statement"]} == {"Allow"}
    return [(one["Action"], one["Resource"]) for one in document["Statement"]]


def allowed_by(limit: TokenLimit) -> list[str]:
    return [action for actions, _ in statements(limit) for action in actions]


def test_no_limit_needs_no_session_policy() -> None:
    assert session_policy(scope_of(UNLIMITED)) == ""


def test_what_may_be_done_in_the_repositories_of_a_limit() -> None:
    token, rest = statements(TokenLimit("full", ("team-a/*", "base/web")))
    assert token == (["ecr:GetAuthorizationToken"], ["*"])
    prefix = "arn:aws:ecr:us-east-2:123456789012:repository/"
    assert rest == (["ecr:*"], [f"{prefix}team-a/*", f"{prefix}base/web"])


@pytest.mark.parametrize("access", ["pull", "push"])
def test_no_wildcard_names_an_action(access: Access) -> None:
    assert not [action for action in allowed_by(TokenLimit(access)) if "*" in action], "AWS adds actions every year"


def test_push_uploads_and_does_not_administer() -> None:
    actions = set(allowed_by(TokenLimit("push")))
    assert {"ecr:PutImage", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"} < actions
    assert not {name for name in actions if "Delete" in name or "Create" in name or "Policy" in name}


@pytest.mark.parametrize("partition", PARTITIONS, ids=lambda partition: partition.name)
def test_repositories_are_those_of_the_partition_account_and_region(partition: object) -> None:
    regions = {
        "aws": "ap-southeast-1",
        "aws-us-gov": "us-gov-west-1",
        "aws-cn": "cn-north-1",
        "aws-eusc": "eusc-de-east-1",
        "aws-iso": "us-iso-east-1",
        "aws-iso-b": "us-isob-east-1",
        "aws-iso-e": "eu-isoe-west-1",
        "aws-iso-f": "us-isof-south-1",
    }
    name = getattr(partition, "name", "")
    (_, resources) = statements(TEAM_A, registry_host("210987654321", regions[name]))[1]
    assert resources == [f"arn:{name}:ecr:{regions[name]}:210987654321:repository/team-a/*"]


def test_at_ecr_public_pull_needs_no_more_than_the_token() -> None:
    token = ["ecr-public:GetAuthorizationToken", "sts:GetServiceBearerToken"]
    assert statements(TokenLimit("pull"), PUBLIC_HOST) == [(token, ["*"])]
    assert statements(TokenLimit("push"), PUBLIC_HOST)[0] == (token, ["*"])
    assert "ecr-public:PutImage" in statements(TokenLimit("push"), PUBLIC_HOST)[1][0]


# What a token is shared by


def test_limits_that_differ_share_no_token() -> None:
    limits = [
        UNLIMITED,
        TEAM_A,
        TokenLimit("pull"),
        TokenLimit("push", ("team-a/*",)),
        TokenLimit("pull", ("team-a/web",)),
    ]
    scopes = [scope_of(limit) for limit in limits]
    scopes.append(scope_of(TEAM_A, "210987654321.dkr.ecr.us-east-2.amazonaws.com"))  # repositories of another account
    scopes.append(Scope.of(parse_registry(HOST), AssumedRole("arn:aws:iam::123456789012:role/x", "pull")))
    assert len({scope.mark for scope in scopes}) == len(scopes)
    assert len({scope.shared_by for scope in scopes}) == len(scopes)


def test_a_limit_of_actions_alone_is_shared_by_accounts() -> None:
    hosts = (HOST, "210987654321.dkr.ecr.us-east-2.amazonaws.com")
    assert len({scope_of(TokenLimit("pull"), host) for host in hosts}) == 1
    assert len({scope_of(TEAM_A, host) for host in hosts}) == 2
