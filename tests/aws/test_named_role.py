"""ROLEARN, which OperatorHub sets on clusters with short-lived tokens: a role and a mounted token, and no Secret."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ecr_secret_operator.aws import named_role
from ecr_secret_operator.aws.ecr import fetch_token
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.errors import TokenError
from ecr_secret_operator.reasons import Reason
from ecr_secret_operator_lab.fakeaws import FakeAws, Role
from tests.factories import a_key

from .conftest import Write
from .identities import AS_ROLE, ROLE, SUBJECT, TEAM_ROLE, a_jwt

OHIO = Scope("aws", "us-east-2")


def fetch(scope: Scope = OHIO) -> None:
    fetch_token(scope, requester=a_key(), clock=lambda: datetime.now(UTC))


def refusal() -> TokenError:
    with pytest.raises(TokenError) as caught:
        fetch()
    return caught.value


def operations(fake: FakeAws) -> list[str]:
    return [call.action for call in fake.calls()]


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The token where the pod has it; the path of this machine stands for that of the pod."""
    file = tmp_path / "token"
    file.write_text(a_jwt(audience="openshift"))
    monkeypatch.setattr(named_role, "TOKEN_FILE", str(file))
    return file


@pytest.fixture
def role(fake: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.set_roles([Role(role_arn=ROLE, subject=SUBJECT, audience="openshift")])
    monkeypatch.setenv("ROLEARN", ROLE)


def test_the_usual_path_is_that_of_the_projected_token() -> None:
    assert named_role.TOKEN_FILE == "/var/run/secrets/openshift/serviceaccount/token"


@pytest.mark.usefixtures("role", "mounted")
def test_the_role_serves_without_a_secret(fake: FakeAws) -> None:
    fetch()
    assert operations(fake) == ["AssumeRoleWithWebIdentity", "GetAuthorizationToken"]
    (call,) = fake.calls("AssumeRoleWithWebIdentity")
    assert call.parameters["RoleArn"] == ROLE
    assert call.parameters["RoleSessionName"] == "ecr-secret-operator"
    assert call.web_identity
    assert call.web_identity.claims["aud"] == ["openshift"]


@pytest.mark.usefixtures("role")
def test_the_token_is_read_again_for_each_call(fake: FakeAws, mounted: Path) -> None:
    fetch()
    mounted.write_text(a_jwt(number=2, audience="openshift"))
    fetch()
    shown = [call.web_identity for call in fake.calls("AssumeRoleWithWebIdentity")]
    assert [one.claims["jti"] for one in shown if one] == ["1", "2"]


@pytest.mark.usefixtures("role", "mounted")
def test_another_token_can_be_named(fake: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "another"
    file.write_text(a_jwt(number=7, audience="openshift"))
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(file))
    fetch()
    (call,) = fake.calls("AssumeRoleWithWebIdentity")
    assert call.web_identity
    assert call.web_identity.claims["jti"] == "7"


@pytest.mark.usefixtures("role", "mounted", "keys_in_the_environment")
def test_the_role_wins_over_keys_a_secret_and_another_role(
    fake: FakeAws, config_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    config_file("aws_access_key_id = AKIAOTHER", "aws_secret_access_key = other")
    monkeypatch.setenv("AWS_ROLE_ARN", TEAM_ROLE)
    fetch()
    (call,) = fake.calls("AssumeRoleWithWebIdentity")
    assert call.parameters["RoleArn"] == ROLE


@pytest.mark.usefixtures("role", "mounted")
def test_a_secret_that_cannot_be_read_does_not_matter(config_file: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    config_file("[[[")
    monkeypatch.setenv("AWS_PROFILE", "absent")
    fetch()


@pytest.mark.usefixtures("role", "mounted")
def test_a_role_of_a_resource_is_assumed_with_it(fake: FakeAws) -> None:
    trusting = Role(role_arn=TEAM_ROLE, external_id=AS_ROLE.external_id)
    fake.set_roles([Role(role_arn=ROLE, subject=SUBJECT, audience="openshift"), trusting])
    fetch(Scope("aws", "us-east-2", identity=AS_ROLE))
    assert operations(fake) == ["AssumeRoleWithWebIdentity", "AssumeRole", "GetAuthorizationToken"]


@pytest.mark.usefixtures("mounted", "keys_in_the_environment")
@pytest.mark.parametrize("value", ["", "  "])
def test_an_empty_variable_names_no_role(fake: FakeAws, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLEARN", value)
    fetch()
    assert operations(fake) == ["GetAuthorizationToken"]


@pytest.mark.usefixtures("role", "mounted")
def test_white_space_around_it_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLEARN", f" {ROLE}\n")
    fetch()


@pytest.mark.usefixtures("mounted", "keys_in_the_environment")
def test_nonsense_is_reported_and_no_other_identity_is_tried(fake: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLEARN", "ecr-operator")
    error = refusal()
    assert error.reason is Reason.IDENTITY_UNAVAILABLE
    assert "ROLEARN of the operator is not the ARN of an IAM role" in str(error)
    assert operations(fake) == []


@pytest.mark.usefixtures("role", "keys_in_the_environment")
def test_a_token_that_is_not_mounted_is_reported(fake: FakeAws, mounted: Path) -> None:
    mounted.unlink()
    error = refusal()
    assert error.reason is Reason.IDENTITY_UNAVAILABLE
    assert str(mounted) in str(error)
    assert "the projected volume" in str(error)
    assert operations(fake) == []


@pytest.mark.usefixtures("mounted", "keys_in_the_environment")
def test_a_role_that_does_not_trust_the_token_is_reported(fake: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.set_roles([Role(role_arn=ROLE, subject="system:serviceaccount:other:other")])
    monkeypatch.setenv("ROLEARN", ROLE)
    error = refusal()
    assert error.reason is Reason.AWS_ACCESS_DENIED
    assert "AssumeRoleWithWebIdentity" in str(error)
    assert "GetAuthorizationToken" not in operations(fake)
