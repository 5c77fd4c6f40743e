"""A token as each identity that a resource can name: who is asked what, with which proof, and under which name."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator.aws.identity import session_as, session_name
from ecr_secret_operator.crds import all_definitions
from ecr_secret_operator.domain.identity.identity import AMBIENT, AssumedRole, Identity
from ecr_secret_operator.domain.identity.limit import UNLIMITED, TokenLimit
from ecr_secret_operator.domain.resource import Key
from ecr_secret_operator.reasons import Reason
from ecr_secret_operator_lab.fakeaws import DEFAULT_ACCESS_KEY_ID, Call, FakeAws, IssuedToken, Role
from ecr_secret_operator_lab.fakeaws.policies import allows
from tests.factories import a_key

from .conftest import Write
from .identities import (
    AS_ACCOUNT,
    AS_ROLE,
    AUDIENCE,
    EXTERNAL_ID,
    KEY_ID,
    ROLE,
    SECRET_KEY,
    SUBJECT,
    TEAM_ROLE,
    TEAM_SUBJECT,
    a_jwt,
    at,
    fetch_as,
    refusal,
    stored_keys,
)

READ = ("BatchCheckLayerAvailability", "BatchGetImage", "GetDownloadUrlForLayer", "ListImages", "DescribeImages")
WRITE = (
    "PutImage",
    "InitiateLayerUpload",
    "UploadLayerPart",
    "CompleteLayerUpload",
    "BatchDeleteImage",
    "CreateRepository",
    "DeleteRepository",
    "SetRepositoryPolicy",
    "PutLifecyclePolicy",
    "TagResource",
)
OTHER_SERVICES = ("iam:CreateUser", "sts:AssumeRole", "s3:GetObject", "ecr:*", "*")


def issued_as(fake: FakeAws, identity: Identity, *, public: bool = False, limit: TokenLimit = UNLIMITED) -> IssuedToken:
    """What the fake AWS knows of the token that an identity gets."""
    issued = fake.find_token(fetch_as(at(identity, public=public, limit=limit)).password.reveal())
    assert issued is not None
    return issued


def actions(fake: FakeAws) -> list[tuple[str, str]]:
    """Each call, and the sort of key that signed it; none for an unsigned one."""
    return [(call.action, call.access_key_id[:4]) for call in fake.calls()]


def the_call(fake: FakeAws, action: str) -> Call:
    (call,) = fake.calls(action)
    return call


# A role, assumed with the operator's own identity


@pytest.mark.usefixtures("keys_in_the_environment")
def test_a_role_is_assumed_by_the_operator_and_its_session_asks(fake: FakeAws) -> None:
    fake.set_roles([Role(role_arn=TEAM_ROLE, external_id=EXTERNAL_ID)])
    issued = issued_as(fake, AS_ROLE)
    assert issued.principal == "arn:aws:sts::210987654321:assumed-role/ecr-pull/team-a.pull"
    assert (issued.registry, issued.region) == ("210987654321", "us-east-2")
    assert actions(fake) == [("AssumeRole", "AKIA"), ("GetAuthorizationToken", "ASIA")]
    assumed = the_call(fake, "AssumeRole")
    assert (assumed.access_key_id, assumed.region) == (DEFAULT_ACCESS_KEY_ID, "us-east-2"), "STS of the same region"
    assert assumed.parameters == {
        "RoleArn": TEAM_ROLE,
        "RoleSessionName": "team-a.pull",
        "ExternalId": EXTERNAL_ID,
    }
    assert "ecr-secret-operator" in assumed.user_agent


@pytest.mark.usefixtures("keys_in_the_environment")
@pytest.mark.parametrize("external_id", ["", "external-id-of-team-b", EXTERNAL_ID + "-", EXTERNAL_ID.upper()])
def test_without_the_right_external_id_there_is_no_token(fake: FakeAws, external_id: str) -> None:
    fake.set_roles([Role(role_arn=TEAM_ROLE, external_id=EXTERNAL_ID)])
    error = refusal(at(AssumedRole(TEAM_ROLE, external_id)))
    assert error.reason is Reason.AWS_ACCESS_DENIED
    assert not external_id or external_id not in str(error)
    assert fake.calls("GetAuthorizationToken") == []
    assert the_call(fake, "AssumeRole").parameters.get("ExternalId", "") == external_id


@pytest.mark.usefixtures("keys_in_the_environment")
def test_no_external_id_is_sent_where_none_is_given(fake: FakeAws) -> None:
    issued_as(fake, AssumedRole(TEAM_ROLE))
    assert the_call(fake, "AssumeRole").parameters.keys() == {"RoleArn", "RoleSessionName"}


def test_a_role_by_an_operator_that_has_a_web_identity_itself(
    fake: FakeAws, config_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """IRSA and ROSA: the operator's own role first, then the team's."""
    token_file = config_file(f"role_arn = {ROLE}").with_name("token")
    token_file.write_text(a_jwt(SUBJECT))
    config_file(f"role_arn = {ROLE}", f"web_identity_token_file = {token_file}")
    fake.set_roles([Role(role_arn=ROLE, subject=SUBJECT), Role(role_arn=TEAM_ROLE, external_id=EXTERNAL_ID)])
    assert "assumed-role/ecr-pull/team-a.pull" in issued_as(fake, AS_ROLE).principal
    assert actions(fake) == [
        ("AssumeRoleWithWebIdentity", ""),
        ("AssumeRole", "ASIA"),
        ("GetAuthorizationToken", "ASIA"),
    ]
    assert the_call(fake, "AssumeRoleWithWebIdentity").parameters["RoleArn"] == ROLE


@pytest.mark.usefixtures("keys_in_the_environment")
def test_a_role_at_ecr_public_asks_both_in_its_only_region(fake: FakeAws) -> None:
    assert issued_as(fake, AS_ROLE, public=True).service == "ecr-public"
    assert [(call.service, call.region) for call in fake.calls()] == [("sts", "us-east-1"), ("ecr-public", "us-east-1")]


# The name of its session


@pytest.mark.parametrize("identity", [AS_ROLE, AS_ACCOUNT], ids=["role", "account"])
@pytest.mark.usefixtures("keys_in_the_environment")
def test_the_audit_log_names_the_resource(fake: FakeAws, identity: Identity) -> None:
    fetch_as(at(identity), requester=Key("ArgoHelmRepoSecret", "argocd", "charts.of-team-a"))
    assumed = fake.calls()[0]
    assert assumed.parameters["RoleSessionName"] == "argocd.charts.of-team-a"


LONG = [
    Key("Secret", "n" * 63, "x" * 253),
    Key("Secret", "n" * 63, "x" * 252 + "y"),
    Key("Secret", "n" * 62 + "m", "x" * 253),
    Key("Secret", "n" * 32, "x" * 32),
    Key("Secret", "n" * 32, "x" * 31 + "y"),
    Key("Secret", "team-a", "pull." * 50 + "a"),
    Key("Secret", "team-a", "pull." * 50 + "b"),
]


@pytest.mark.parametrize("key", [*LONG, Key("Secret", "a", "b"), Key("Secret", "n" * 31, "x" * 32), a_key()], ids=str)
@pytest.mark.usefixtures("keys_in_the_environment")
def test_sts_accepts_the_name_of_every_session(fake: FakeAws, key: Key) -> None:
    name = session_name(key)
    assert re.fullmatch(r"[\w+=,.@-]{2,64}", name, re.ASCII)
    fetch_as(at(AS_ROLE), requester=key)
    assert the_call(fake, "AssumeRole").parameters["RoleSessionName"] == name


def test_a_name_is_cut_only_where_it_is_too_long() -> None:
    assert session_name(Key("Secret", "n" * 31, "x" * 32)) == "n" * 31 + "." + "x" * 32
    long = session_name(Key("Secret", "n" * 32, "x" * 32))
    assert len(long) == 64
    assert long.startswith("n" * 32 + ".x")


def test_names_that_are_cut_stay_apart_and_the_same_each_time() -> None:
    names = [session_name(key) for key in LONG]
    assert len(set(names)) == len(LONG)
    assert names == [session_name(key) for key in LONG]


NAMESPACE_NAMES = st.from_regex("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
NAMES = st.from_regex("[a-z0-9]([-.a-z0-9]{0,80}[a-z0-9])?", fullmatch=True)


@given(NAMESPACE_NAMES, NAMES, NAMESPACE_NAMES, NAMES)
def test_no_name_of_a_resource_makes_the_session_of_another_namespace(
    namespace: str, name: str, other: str, other_name: str
) -> None:
    if namespace != other:
        session, foreign = (session_name(Key("Secret", *one)) for one in ((namespace, name), (other, other_name)))
        assert session != foreign
        assert session != session_name(Key("ClusterPullSecret", "", other_name))
        assert session.startswith(f"{namespace}."[:47])


@given(NAMESPACE_NAMES, NAMES)
def test_no_name_copies_a_session_that_was_cut(other: str, name: str) -> None:
    """The cut one is known to all who read CloudTrail, and a resource can have most names."""
    cut = session_name(Key("Secret", "n" * 63, "x"))
    assert session_name(Key("Secret", other, name)) != cut
    assert session_name(Key("Secret", cut[:47], name)) != cut


def test_no_field_sets_the_name_of_a_session() -> None:
    for definition in all_definitions():
        assert not re.search("session_?name", json.dumps(definition), re.IGNORECASE)


# Pull only


@pytest.mark.parametrize(
    ("identity", "action"),
    [
        (AS_ROLE, "AssumeRole"),
        (AS_ACCOUNT, "AssumeRoleWithWebIdentity"),
    ],
    ids=["role", "account"],
)
@pytest.mark.parametrize("public", [False, True], ids=["ecr", "ecr-public"])
@pytest.mark.usefixtures("keys_in_the_environment")
def test_pull_limits_the_session_to_reading(fake: FakeAws, identity: Identity, action: str, *, public: bool) -> None:
    issued = issued_as(fake, identity, public=public, limit=TokenLimit("pull"))
    policy = str(the_call(fake, action).parameters["Policy"])
    (session,) = (known for known in fake.credentials() if known.access_key_id == issued.access_key_id)
    assert session.policy == policy, "the session that asked is the one that is limited"
    service, other = ("ecr-public", "ecr") if public else ("ecr", "ecr-public")
    assert allows(policy, f"{service}:GetAuthorizationToken")
    assert public or all(allows(policy, f"ecr:{name}") for name in READ)
    assert not public or allows(policy, "sts:GetServiceBearerToken"), "which ECR Public asks for as well"
    refused = [f"{one}:{name}" for one in (service, other) for name in WRITE] + list(OTHER_SERVICES)
    assert [name for name in refused if allows(policy, name)] == []
    assert not allows(policy, f"{other}:GetAuthorizationToken")
    assert "*" not in "".join(re.findall(r'"Action":\[.*?\]', policy)), "no wildcards: AWS adds actions every year"
    assert len(policy) <= 2048, "STS: a session policy"


@pytest.mark.parametrize("identity", [AS_ROLE, AS_ACCOUNT], ids=["role", "account"])
@pytest.mark.usefixtures("keys_in_the_environment")
def test_full_access_is_all_that_the_role_may(fake: FakeAws, identity: Identity) -> None:
    fetch_as(at(identity))
    assert "Policy" not in fake.calls()[0].parameters


# A role, assumed with the token of a ServiceAccount


@pytest.mark.parametrize("has_keys", [True, False], ids=["operator with keys", "operator without"])
def test_a_web_identity_needs_nothing_of_the_operators(
    fake: FakeAws, request: pytest.FixtureRequest, *, has_keys: bool
) -> None:
    if has_keys:
        request.getfixturevalue("keys_in_the_environment")
    fake.set_roles([Role(role_arn=TEAM_ROLE, subject=TEAM_SUBJECT, audience=AUDIENCE)])
    issued = issued_as(fake, AS_ACCOUNT)
    assert issued.principal == "arn:aws:sts::210987654321:assumed-role/ecr-pull/team-a.pull"
    assert actions(fake) == [("AssumeRoleWithWebIdentity", ""), ("GetAuthorizationToken", "ASIA")]
    assumed = the_call(fake, "AssumeRoleWithWebIdentity")
    assert assumed.region == "", "unsigned"
    assert assumed.web_identity is not None
    assert (assumed.web_identity.claims["sub"], assumed.web_identity.claims["aud"]) == (TEAM_SUBJECT, [AUDIENCE])
    assert assumed.parameters.keys() == {"RoleArn", "RoleSessionName", "WebIdentityToken"}
    assert (assumed.parameters["RoleArn"], assumed.parameters["RoleSessionName"]) == (TEAM_ROLE, "team-a.pull")


def test_the_operators_own_web_identity_is_not_shown_in_place_of_the_teams(
    fake: FakeAws, config_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both settings that the EKS webhook injects into the operator's own pod."""
    token_file = config_file().with_name("token")
    token_file.write_text(a_jwt(SUBJECT))
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token_file))
    fetch_as(at(AS_ACCOUNT))
    assumed = the_call(fake, "AssumeRoleWithWebIdentity")
    assert assumed.parameters["RoleArn"] == TEAM_ROLE
    assert assumed.web_identity is not None
    assert assumed.web_identity.claims["sub"] == TEAM_SUBJECT


# Keys in a Secret


def test_stored_keys_of_a_user(fake: FakeAws) -> None:
    fake.add_credentials(KEY_ID, SECRET_KEY, account="210987654321", user_name="team-a")
    issued = issued_as(fake, stored_keys())
    assert (issued.principal, issued.access_key_id) == ("arn:aws:iam::210987654321:user/team-a", KEY_ID)
    assert actions(fake) == [("GetAuthorizationToken", "AKIA")], "no other call"


def test_stored_keys_go_before_whatever_the_operator_has(
    fake: FakeAws, config_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even a session token of the operator's is mixed in."""
    fake.add_credentials(KEY_ID, SECRET_KEY)
    config_file("aws_access_key_id = AKIAOTHER00000000000", "aws_secret_access_key = x", "aws_session_token = y")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", DEFAULT_ACCESS_KEY_ID)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "of-the-operator")
    assert issued_as(fake, stored_keys()).access_key_id == KEY_ID


@pytest.mark.usefixtures("keys_in_the_environment")
def test_stored_keys_of_a_session_need_its_token(fake: FakeAws) -> None:
    session = session_as(at(AssumedRole(TEAM_ROLE)), requester=a_key(), proof=None).get_credentials()
    assert issued_as(fake, stored_keys(session.access_key, session.secret_key, session.token)).principal.endswith(
        "assumed-role/ecr-pull/team-a.pull"
    )
    for token in ("", "another"):
        error = refusal(at(stored_keys(session.access_key, session.secret_key, token)))
        assert error.reason is Reason.IDENTITY_UNAVAILABLE


# The operator's own


@pytest.mark.usefixtures("keys_in_the_environment")
def test_the_operators_own_identity_takes_no_other_step(fake: FakeAws) -> None:
    assert issued_as(fake, AMBIENT).access_key_id == DEFAULT_ACCESS_KEY_ID
    assert actions(fake) == [("GetAuthorizationToken", "AKIA")]


@pytest.mark.usefixtures("keys_in_the_environment")
def test_an_identity_leaves_nothing_behind_for_the_next_one(fake: FakeAws) -> None:
    fake.add_credentials(KEY_ID, SECRET_KEY)
    principals = [issued_as(fake, identity).principal for identity in (AS_ROLE, stored_keys(), AS_ACCOUNT, AMBIENT)]
    role = "arn:aws:sts::210987654321:assumed-role/ecr-pull/team-a.pull"
    user = "arn:aws:iam::123456789012:user/lab-operator"
    assert principals == [role, user, role, user]
