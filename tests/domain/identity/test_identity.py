"""Whose identity asks for a token, and what the token is good for: the key under which tokens are shared."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator.api.registry import parse_registry
from ecr_secret_operator.domain.identity.identity import (
    AMBIENT,
    AccessKeys,
    AccountRole,
    Ambient,
    AssumedRole,
    Identity,
    StoredKeys,
    mark,
)
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.tokens.token import Sensitive
from tests.factories import HOST

ROLE = "arn:aws:iam::123456789012:role/ecr-pull"
OTHER_ROLE = "arn:aws:iam::123456789012:role/ecr-push"
KEYS = AccessKeys("AKIAEXAMPLE", Sensitive("s3cret"))
OTHER_KEYS = AccessKeys("AKIAOTHER", Sensitive("s3cret"))


def stored(keys: AccessKeys = KEYS, *, namespace: str = "team-a", secret: str = "aws") -> StoredKeys:
    return StoredKeys(namespace, secret, keys.version, keys)


ACCOUNT_ROLE = AccountRole("team-a", "puller", ROLE, "sts.amazonaws.com")

IDENTITIES: dict[str, Identity] = {
    "ambient": AMBIENT,
    "role": AssumedRole(ROLE),
    "another role": AssumedRole(OTHER_ROLE),
    "role with an external id": AssumedRole(ROLE, "tenant-a"),
    "role with another external id": AssumedRole(ROLE, "tenant-b"),
    "role with an external id that is an access": AssumedRole(ROLE, "pull"),
    "account": ACCOUNT_ROLE,
    "account of another namespace": replace(ACCOUNT_ROLE, namespace="team-b"),
    "another account": replace(ACCOUNT_ROLE, service_account="pusher"),
    "account with another role": replace(ACCOUNT_ROLE, role_arn=OTHER_ROLE),
    "account with another audience": replace(ACCOUNT_ROLE, audience="sts.amazonaws.com.cn"),
    "keys": stored(),
    "keys of another namespace": stored(namespace="team-b"),
    "keys in another Secret": stored(secret="other"),
}


@pytest.mark.parametrize(("one", "other"), list(combinations(IDENTITIES, 2)))
def test_identities_that_differ_share_no_token(one: str, other: str) -> None:
    ours, theirs = IDENTITIES[one], IDENTITIES[other]
    assert ours != theirs
    assert ours.parts != theirs.parts
    registry = parse_registry(HOST)
    assert Scope.of(registry, ours) != Scope.of(registry, theirs)
    assert Scope.of(registry, ours).mark != Scope.of(registry, theirs).mark


@pytest.mark.parametrize("identity", IDENTITIES.values(), ids=IDENTITIES)
def test_the_same_identity_is_found_under_the_same_key(identity: Identity) -> None:
    again = replace(identity)
    assert again is not identity
    assert (again, hash(again), again.parts) == (identity, hash(identity), identity.parts)
    assert identity.words
    assert "s3cret" not in f"{identity} {identity!r} {identity.words}"


@pytest.mark.parametrize(
    ("identity", "text", "words"),
    [
        (Ambient(), "ambient", "the operator's own identity"),
        (AssumedRole(ROLE), f"role/{ROLE}", f"role {ROLE}, assumed with the operator's own identity"),
        (AssumedRole(ROLE, "x-id"), f"role/{ROLE}", f"role {ROLE}, assumed with the operator's own identity"),
        (
            ACCOUNT_ROLE,
            f"serviceaccount/team-a/puller/{ROLE}",
            f"role {ROLE} of ServiceAccount team-a/puller",
        ),
        (stored(), "secret/team-a/aws", "the keys in Secret team-a/aws"),
    ],
)
def test_how_an_identity_is_named(identity: Identity, text: str, words: str) -> None:
    assert (str(identity), identity.words) == (text, words)


# Keys


@pytest.mark.parametrize(
    "other",
    [
        AccessKeys("AKIAOTHER", Sensitive("s3cret")),
        AccessKeys("AKIAEXAMPLE", Sensitive("other")),
        AccessKeys("AKIAEXAMPLE", Sensitive("s3cret"), Sensitive("session")),
        AccessKeys("AKIAEXAMPLEs3", Sensitive("cret")),
        AccessKeys("AKIAEXAMPLE", Sensitive("s3"), Sensitive("cret")),
    ],
)
def test_other_keys_are_another_version_of_the_same_identity(other: AccessKeys) -> None:
    assert other.version != KEYS.version
    old, new = Scope.of(parse_registry(HOST), stored()), Scope.of(parse_registry(HOST), stored(other))
    assert old != new, "they have to ask for themselves"
    assert old.mark == new.mark, "what was had before stays good"


def test_the_keys_themselves_are_no_part_of_the_key() -> None:
    """The version is; so a Secret that is written again with the same keys shares the token."""
    again = AccessKeys("AKIAEXAMPLE", Sensitive("s3cret"))
    assert again.version == KEYS.version
    assert StoredKeys("team-a", "aws", "v", KEYS) == StoredKeys("team-a", "aws", "v", OTHER_KEYS)
    assert hash(StoredKeys("team-a", "aws", "v", KEYS)) == hash(StoredKeys("team-a", "aws", "v", OTHER_KEYS))


@pytest.mark.parametrize("identity", [AMBIENT, AssumedRole(ROLE), ACCOUNT_ROLE])
def test_what_has_no_keys_has_no_version(identity: Identity) -> None:
    assert identity.version == ""


# Marks


def test_a_mark_is_sixteen_hex_digits_and_never_changes_between_releases() -> None:
    """It is stored in Secrets: another one would make every operator ask AWS again after an upgrade."""
    assert mark(("ambient",)) == "f8690c132caa2201"
    assert Scope.of(parse_registry(HOST), AMBIENT).mark == "0e766c93eb0a1abf"


@given(one=st.lists(st.text(max_size=4), max_size=4), other=st.lists(st.text(max_size=4), max_size=4))
def test_equal_marks_mean_equal_parts(one: list[str], other: list[str]) -> None:
    assert re.fullmatch("[0-9a-f]{16}", mark(one))
    assert (mark(one) == mark(other)) is (one == other)


@pytest.mark.parametrize(
    ("one", "other"), [(("ab", "c"), ("a", "bc")), (("a", ""), ("a",)), (("",), ()), (("a\udcff",), ("a\udcfe",))]
)
def test_moving_letters_between_parts_changes_the_mark(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert mark(one) != mark(other)


# Scopes


def scope(host: str) -> Scope:
    return Scope.of(parse_registry(host), AMBIENT)


def test_a_scope_is_the_region_and_partition_but_not_the_account() -> None:
    """ECR's token opens every registry of the region: accounts share it, regions do not."""
    ours = scope(HOST)
    assert ours == scope(HOST.replace("123456789012", "999999999999"))
    assert ours != scope(HOST.replace("us-east-2", "eu-west-1"))
    assert ours.mark != scope(HOST.replace("us-east-2", "eu-west-1")).mark
    public = scope("public.ecr.aws")
    private = scope(HOST.replace("us-east-2", "us-east-1"))
    assert public != private, "in the same region, but another service's"
    assert public.mark != private.mark
    assert str(public) != str(private)
    assert (public.service, private.service) == ("ecr-public", "ecr")
    assert str(ours) == "aws/us-east-2/ambient"
    assert str(public) == "aws/us-east-1/ambient/public"


@pytest.mark.parametrize(
    ("host", "fips", "dual_stack"),
    [
        (HOST, False, False),
        ("123456789012.dkr.ecr-fips.us-east-2.amazonaws.com", True, False),
        ("123456789012.dkr-ecr.us-east-2.on.aws", False, True),
        ("123456789012.dkr-ecr-fips.us-east-2.on.aws", True, True),
        ("public.ecr.aws", False, False),
    ],
)
def test_a_host_of_a_kind_asks_the_endpoint_of_that_kind(host: str, *, fips: bool, dual_stack: bool) -> None:
    ours = scope(host)
    assert (ours.fips, ours.dual_stack) == (fips, dual_stack)
    if host not in (HOST, "public.ecr.aws"):
        assert ours != scope(HOST), "another endpoint is asked"
        assert ours.mark == scope(HOST).mark, "but the tokens are the same"


def test_an_identity_of_another_partition_is_another_scope() -> None:
    china = Scope("aws-cn", "cn-north-1", AMBIENT)
    assert china.mark != Scope("aws", "cn-north-1", AMBIENT).mark
    assert Scope("aws", "us-east-2") == scope(HOST)


def test_scopes_are_told_apart_without_their_keys() -> None:
    """By the same rule as by comparing them, for what outlives a call with these keys."""
    registry = parse_registry(HOST)
    scopes = [Scope.of(registry, identity) for identity in IDENTITIES.values()]
    scopes += [replace(scopes[0], public=True), replace(scopes[0], fips=True), replace(scopes[0], dual_stack=True)]
    scopes += [Scope.of(registry, stored()), Scope.of(registry, stored(OTHER_KEYS))]
    for one in scopes:
        assert "s3cret" not in repr(one.shared_by)
        for other in scopes:
            assert (one == other) == (one.shared_by == other.shared_by)
