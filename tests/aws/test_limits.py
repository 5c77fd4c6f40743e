"""Tokens within a limit, for each identity: which STS call limits it, and why some cannot be limited."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecr_secret_operator.aws import named_role
from ecr_secret_operator.domain.identity.identity import AMBIENT, Identity
from ecr_secret_operator.domain.identity.limit import TokenLimit
from ecr_secret_operator.domain.identity.session_policy import session_policy
from ecr_secret_operator.domain.resource import Key
from ecr_secret_operator.reasons import Reason
from ecr_secret_operator_lab.fakeaws import Call, FakeAws, Role
from tests.factories import a_key

from .conftest import Write
from .identities import (
    AS_ACCOUNT,
    AS_ROLE,
    KEY_ID,
    ROLE,
    SECRET_KEY,
    SUBJECT,
    TEAM_ROLE,
    a_jwt,
    at,
    fetch_as,
    refusal,
    stored_keys,
)

LIMIT = TokenLimit("pull", ("team-a/*",))
FEDERATED = [("GetFederationToken", "AKIA"), ("GetAuthorizationToken", "ASIA")]


def policy_of(fake: FakeAws, identity: Identity) -> str:
    """The session policy of the token that an identity gets within the limit."""
    issued = fake.find_token(fetch_as(at(identity, limit=LIMIT)).password.reveal())
    assert issued
    return issued.policy


def steps(fake: FakeAws) -> list[tuple[str, str]]:
    return [(call.action, call.access_key_id[:4]) for call in fake.calls()]


def the_call(fake: FakeAws, action: str) -> Call:
    (found,) = (call for call in fake.calls() if call.action == action)
    return found


@pytest.fixture
def web_identity(fake: FakeAws, config_file: Write, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the EKS Pod Identity Webhook injects into the operator's Pod."""
    file = config_file().with_name("token")
    file.write_text(a_jwt(SUBJECT))
    fake.set_roles([Role(role_arn=ROLE, subject=SUBJECT, audience="sts.amazonaws.com")])
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(file))
    return file


@pytest.mark.parametrize("identity", [AS_ROLE, AS_ACCOUNT, stored_keys(), AMBIENT], ids=str)
@pytest.mark.usefixtures("keys_in_the_environment")
def test_the_token_was_issued_under_the_session_policy(fake: FakeAws, identity: Identity) -> None:
    fake.add_credentials(KEY_ID, SECRET_KEY)
    assert policy_of(fake, identity) == session_policy(at(identity, limit=LIMIT))


# Keys of an IAM user


def test_keys_in_a_secret_are_federated(fake: FakeAws) -> None:
    fake.add_credentials(KEY_ID, SECRET_KEY, account="210987654321", user_name="team-a")
    assert policy_of(fake, stored_keys())
    assert steps(fake) == FEDERATED
    asked = the_call(fake, "GetFederationToken")
    assert asked.parameters["Name"] == "team-a.pull"
    assert asked.region == "us-east-2", "STS of the same region"


@pytest.mark.usefixtures("keys_in_the_environment")
def test_the_operators_own_keys_are_federated(fake: FakeAws) -> None:
    assert policy_of(fake, AMBIENT)
    assert steps(fake) == FEDERATED


@pytest.mark.usefixtures("keys_in_the_environment")
@pytest.mark.parametrize("name", ["x" * 60, "a" * 24, "a" * 25])
def test_the_name_of_a_federated_user_has_at_most_32_characters(fake: FakeAws, name: str) -> None:
    fetch_as(at(AMBIENT, limit=LIMIT), requester=Key("Secret", "team-a", name))
    shown = str(the_call(fake, "GetFederationToken").parameters["Name"])
    assert shown.startswith("team-a.")
    assert len(shown) <= 32


@pytest.mark.usefixtures("keys_in_the_environment")
def test_a_user_who_may_not_federate_is_told_what_to_allow(fake: FakeAws) -> None:
    fake.fail("AccessDenied", action="GetFederationToken")
    error = refusal(at(AMBIENT, limit=LIMIT))
    assert error.reason is Reason.AWS_ACCESS_DENIED
    assert "AWS refused GetFederationToken limited to pull in team-a/*" in str(error)
    assert "Allow sts:GetFederationToken in the IAM policy of the user" in str(error)


# The operator's own sessions


@pytest.mark.usefixtures("web_identity")
def test_the_operators_web_identity_is_limited_when_it_assumes_its_role(fake: FakeAws) -> None:
    assert policy_of(fake, AMBIENT) == session_policy(at(AMBIENT, limit=LIMIT))
    assert steps(fake) == [("AssumeRoleWithWebIdentity", ""), ("GetAuthorizationToken", "ASIA")]


@pytest.mark.usefixtures("web_identity")
def test_without_a_limit_the_operators_web_identity_has_no_session_policy(fake: FakeAws) -> None:
    fetch_as(at(AMBIENT))
    assert "Policy" not in the_call(fake, "AssumeRoleWithWebIdentity").parameters


def test_the_role_of_rolearn_is_limited_too(fake: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text(a_jwt(SUBJECT, audience="openshift"))
    monkeypatch.setattr(named_role, "TOKEN_FILE", str(file))
    fake.set_roles([Role(role_arn=ROLE, subject=SUBJECT, audience="openshift")])
    monkeypatch.setenv("ROLEARN", ROLE)
    assert policy_of(fake, AMBIENT)
    assert steps(fake) == [("AssumeRoleWithWebIdentity", ""), ("GetAuthorizationToken", "ASIA")]


@pytest.mark.usefixtures("web_identity")
def test_a_role_that_the_web_identity_assumes_is_limited_and_the_web_identity_is_not(fake: FakeAws) -> None:
    fake.set_roles([Role(role_arn=ROLE), Role(role_arn=TEAM_ROLE)])
    fetch_as(at(AS_ROLE, limit=LIMIT))
    assert "Policy" not in the_call(fake, "AssumeRoleWithWebIdentity").parameters
    assert "Policy" in the_call(fake, "AssumeRole").parameters


def test_a_session_cannot_be_limited(fake: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE000000001")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x" * 40)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "IQoJsession")
    error = refusal(at(AMBIENT, limit=LIMIT))
    assert error.reason is Reason.IDENTITY_UNAVAILABLE
    assert "the token cannot be limited to pull in team-a/*, because the operator's own identity is a session" in str(
        error
    )
    assert "aws.role_arn" in str(error), "what to do"
    assert steps(fake) == [], "AWS is not asked for a wider token"


@pytest.mark.usefixtures("fake")
def test_no_credentials_are_reported_as_without_a_limit() -> None:
    assert str(refusal(at(AMBIENT, limit=LIMIT))) == str(refusal(at(AMBIENT)))


# What STS says of the policy


@pytest.mark.parametrize("identity", [AS_ROLE, AS_ACCOUNT, AMBIENT], ids=str)
@pytest.mark.usefixtures("keys_in_the_environment")
def test_a_policy_that_is_too_large_when_packed(fake: FakeAws, identity: Identity) -> None:
    fake.settings(packed_policy_limit=100)
    error = refusal(at(identity, limit=LIMIT))
    assert error.reason is Reason.AWS_ACCESS_DENIED
    assert "STS refused the session policy that limits the token (PackedPolicyTooLarge)" in str(error)
    assert "Name fewer or shorter patterns in aws.repositories" in str(error)
    assert the_call(fake, fake.calls()[-1].action).action != "GetAuthorizationToken"


def test_the_requester_makes_no_difference_to_the_policy(fake: FakeAws) -> None:
    fake.add_credentials(KEY_ID, SECRET_KEY)
    fetch_as(at(stored_keys(), limit=LIMIT), requester=a_key(name="one"))
    fetch_as(at(stored_keys(), limit=LIMIT), requester=a_key(name="other"))
    assert len({call.parameters["Policy"] for call in fake.calls() if call.action == "GetFederationToken"}) == 1
