"""A token from AWS at the wire: each way of giving the operator an identity, and each way in which AWS fails."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ecr_secret_operator.aws import session
from ecr_secret_operator.aws.ecr import fetch_token
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.tokens.token import Token
from ecr_secret_operator.errors import TokenError
from ecr_secret_operator.reasons import Reason
from ecr_secret_operator_lab.fakeaws import (
    DEFAULT_ACCESS_KEY_ID,
    DEFAULT_SECRET_ACCESS_KEY,
    FakeAws,
    Role,
)
from tests.factories import a_key

from .conftest import Write
from .identities import ROLE, SUBJECT, a_jwt, utc_now

OHIO = Scope("aws", "us-east-2")


def fetch(scope: Scope = OHIO) -> Token:
    return fetch_token(scope, requester=a_key(), clock=utc_now)


def failure(scope: Scope = OHIO) -> TokenError:
    with pytest.raises(TokenError) as caught:
        fetch(scope)
    return caught.value


# Identities


@pytest.mark.usefixtures("keys_in_the_environment")
def test_keys_in_the_environment(fake: FakeAws) -> None:
    before = utc_now()
    token = fetch()
    issued = fake.find_token(token.password.reveal())
    assert issued is not None
    assert (issued.region, issued.access_key_id) == ("us-east-2", DEFAULT_ACCESS_KEY_ID)
    assert before.replace(microsecond=0) <= token.issued_at <= utc_now()
    assert token.expires_at == datetime.fromtimestamp(int(issued.expires_at), UTC)
    assert (token.issued_at.microsecond, token.expires_at.microsecond) == (0, 0)
    assert token.lifetime == pytest.approx(timedelta(hours=12), abs=timedelta(seconds=5))
    (call,) = fake.calls()
    assert (call.action, call.parameters) == ("GetAuthorizationToken", {}), "registryIds is deprecated"
    assert "ecr-secret-operator" in call.user_agent


@pytest.mark.usefixtures("keys_in_the_environment")
@pytest.mark.parametrize(
    ("partition", "region"), [("aws", "eu-west-1"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1")]
)
def test_the_region_is_that_of_the_registry_whatever_the_environment_says(
    fake: FakeAws, monkeypatch: pytest.MonkeyPatch, partition: str, region: str
) -> None:
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-south-1")
    fetch(Scope(partition, region))
    assert [call.region for call in fake.calls()] == [region]


@pytest.mark.usefixtures("keys_in_the_environment")
def test_ecr_public_is_a_service_of_its_own(fake: FakeAws) -> None:
    token = fetch(Scope("aws", "us-east-1", public=True))
    issued = fake.find_token(token.password.reveal())
    assert issued is not None
    assert (issued.service, issued.region) == ("ecr-public", "us-east-1")
    fake.fail("AccessDenied", service="ecr-public")
    with pytest.raises(TokenError, match="AWS refused GetAuthorizationToken"):
        fetch(Scope("aws", "us-east-1", public=True))
    fetch(Scope("aws", "us-east-1"))


@pytest.mark.usefixtures("keys_in_the_environment")
def test_an_outage_of_ecr_public_is_told_as_such(fake: FakeAws) -> None:
    fake.fail("empty", service="ecr-public")
    with pytest.raises(TokenError, match="ECR Public gave an answer without a token"):
        fetch(Scope("aws", "us-east-1", public=True))


@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_keys_in_the_file_as_the_user_guide_writes_them(fake: FakeAws, config_file: Write, quote: str) -> None:
    config_file(
        f"aws_access_key_id = {quote}{DEFAULT_ACCESS_KEY_ID}{quote}",
        f"aws_secret_access_key = {quote}{DEFAULT_SECRET_ACCESS_KEY}{quote}",
    )
    assert fake.find_token(fetch().password.reveal()) is not None


def test_a_region_in_the_file_does_not_count(fake: FakeAws, config_file: Write) -> None:
    config_file(
        "region = ap-south-1",
        f"aws_access_key_id = {DEFAULT_ACCESS_KEY_ID}",
        f"aws_secret_access_key = {DEFAULT_SECRET_ACCESS_KEY}",
    )
    fetch()
    assert [call.region for call in fake.calls()] == ["us-east-2"]


def test_a_file_that_was_replaced_counts_at_the_next_call(fake: FakeAws, config_file: Write) -> None:
    """The kubelet swaps the file when the Secret changes; nothing is restarted."""
    fake.add_credentials("AKIAROTATED000000001", "first" * 8)
    fake.add_credentials("AKIAROTATED000000002", "other" * 8)
    config_file("aws_access_key_id = AKIAROTATED000000001", f"aws_secret_access_key = {'first' * 8}")
    fetch()
    config_file("aws_access_key_id = AKIAROTATED000000002", f"aws_secret_access_key = {'other' * 8}")
    fetch()
    assert [call.access_key_id for call in fake.calls()] == ["AKIAROTATED000000001", "AKIAROTATED000000002"]


@pytest.mark.usefixtures("keys_in_the_environment")
def test_the_environment_goes_before_the_file(fake: FakeAws, config_file: Write) -> None:
    config_file("aws_access_key_id = AKIAOTHER00000000000", "aws_secret_access_key = x")
    fetch()
    assert [call.access_key_id for call in fake.calls()] == [DEFAULT_ACCESS_KEY_ID]


@pytest.mark.usefixtures("fake")
def test_no_credentials_at_all_says_what_to_do() -> None:
    error = failure()
    assert error.reason is Reason.IDENTITY_UNAVAILABLE
    assert (
        str(error) == "the operator has no AWS credentials. Give it an IAM user's keys or a role: see docs/install.md"
    )


@pytest.mark.usefixtures("fake")
def test_half_of_the_credentials_says_which_half_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", DEFAULT_ACCESS_KEY_ID)
    error = failure()
    assert error.reason is Reason.IDENTITY_UNAVAILABLE
    assert "AWS_SECRET_ACCESS_KEY" in str(error)


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("text", ["", "no section\n", "[default\n", "\x00\xff", "[default]\naws_access_key_id\n"])
def test_a_file_that_cannot_be_read_is_an_identity_problem(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "credentials"
    path.write_text(text, encoding="latin-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))
    assert failure().reason is Reason.IDENTITY_UNAVAILABLE


# Web identity, as with STS on ROSA and IRSA on EKS


def sts_calls(fake: FakeAws) -> list[str]:
    return [str(call.parameters["RoleArn"]) for call in fake.calls("AssumeRoleWithWebIdentity")]


def test_web_identity_in_the_environment(fake: FakeAws, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(a_jwt())
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token_file))
    issued = fake.find_token(fetch().password.reveal())
    assert issued is not None
    assert ":assumed-role/ecr-operator/" in issued.principal
    assert sts_calls(fake) == [ROLE]


@pytest.mark.parametrize("quote", ["", '"', "'"])
def test_web_identity_in_the_file_as_the_sts_guide_writes_it(
    fake: FakeAws, config_file: Write, tmp_path: Path, quote: str
) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(a_jwt())
    config_file(
        f"role_arn = {quote}{ROLE}{quote}",
        f"web_identity_token_file = {quote}{token_file}{quote}",
    )
    assert fake.find_token(fetch().password.reveal()) is not None
    assert sts_calls(fake) == [ROLE]


def test_a_rotated_web_identity_token_is_read_again(fake: FakeAws, config_file: Write, tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    config_file(f"role_arn = {ROLE}", f"web_identity_token_file = {token_file}")
    for number in (1, 2):
        token_file.write_text(a_jwt(number=number))
        fetch()
    shown = [call.web_identity for call in fake.calls("AssumeRoleWithWebIdentity")]
    assert [identity.claims["jti"] for identity in shown if identity] == ["1", "2"]


def test_a_web_identity_that_the_role_does_not_trust(fake: FakeAws, config_file: Write, tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(a_jwt("system:serviceaccount:other:other"))
    config_file(f"role_arn = {ROLE}", f"web_identity_token_file = {token_file}")
    fake.set_roles([Role(role_arn=ROLE, subject=SUBJECT)])
    error = failure()
    assert error.reason is Reason.AWS_ACCESS_DENIED
    assert "AssumeRoleWithWebIdentity" in str(error)
    assert token_file.read_text() not in str(error)


@pytest.mark.usefixtures("fake")
def test_a_web_identity_token_file_that_is_not_there(config_file: Write, tmp_path: Path) -> None:
    config_file(f"role_arn = {ROLE}", f"web_identity_token_file = {tmp_path / 'absent'}")
    error = failure()
    assert error.reason is Reason.IDENTITY_UNAVAILABLE
    assert "No such file" in str(error)


# Failures


@pytest.mark.usefixtures("keys_in_the_environment")
@pytest.mark.parametrize(
    ("fault", "reason", "says"),
    [
        ("AccessDenied", Reason.AWS_ACCESS_DENIED, "is not authorized to perform: ecr:GetAuthorizationToken"),
        ("Throttling", Reason.AWS_UNAVAILABLE, "ThrottlingException"),
        ("InternalError", Reason.AWS_UNAVAILABLE, "ServerException"),
        ("ServiceUnavailable", Reason.AWS_UNAVAILABLE, "ServiceUnavailable"),
        ("clock-skew", Reason.IDENTITY_UNAVAILABLE, "the clock of the node"),
        ("malformed", Reason.AWS_UNAVAILABLE, "ECR in us-east-2"),
        ("truncated", Reason.AWS_UNAVAILABLE, "ECR in us-east-2"),
        ("bad-token", Reason.AWS_UNAVAILABLE, "an answer without a token"),
        ("empty", Reason.AWS_UNAVAILABLE, "an answer without a token"),
    ],
)
def test_each_failure_has_its_reason_and_the_same_sentence_each_time(
    fake: FakeAws, fault: str, reason: Reason, says: str
) -> None:
    fake.fail(fault)
    first = failure()
    assert first.reason is reason
    assert says in str(first)
    calls = len(fake.calls())
    assert calls == 1, "botocore does not retry: the token source decides when"
    assert str(failure()) == str(first)
    assert DEFAULT_SECRET_ACCESS_KEY not in str(first)
    assert "request" not in str(first).lower().replace("in the request", "").replace("the request signature", "")


@pytest.mark.usefixtures("keys_in_the_environment")
def test_an_aws_that_hangs_is_left(fake: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "READ_SECONDS", 0.2)
    fake.fail("hang")
    error = failure()
    assert error.reason is Reason.AWS_UNAVAILABLE
    assert str(error).startswith(
        "ECR in us-east-2 cannot be reached (ReadTimeoutError). Check the operator's HTTPS_PROXY"
    )


@pytest.mark.usefixtures("keys_in_the_environment")
def test_an_aws_that_nobody_answers_for_is_no_identity_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    error = failure()
    assert error.reason is Reason.AWS_UNAVAILABLE
    assert str(error).startswith("ECR in us-east-2 cannot be reached (EndpointConnectionError)")


def test_a_role_that_may_not_is_told_in_the_same_words_in_each_session(
    fake: FakeAws, config_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK names each session by the time of day."""
    token_file = tmp_path / "token"
    token_file.write_text(a_jwt())
    config_file(f"role_arn = {ROLE}", f"web_identity_token_file = {token_file}")
    fake.fail("AccessDenied", action="GetAuthorizationToken")
    now, sentences = time.time(), set()
    for seconds in (0, 100):
        monkeypatch.setattr("botocore.credentials.time.time", lambda seconds=seconds: now + seconds)
        sentences.add(str(failure()))
    monkeypatch.undo()
    (sentence,) = sentences
    assert "assumed-role/ecr-operator/botocore-session is not authorized" in sentence


@pytest.mark.usefixtures("keys_in_the_environment")
def test_a_token_that_is_over_already_is_refused(fake: FakeAws) -> None:
    fake.settings(lifetime_seconds=60, clock_offset_seconds=-120)  # within what a signature tolerates
    error = failure()
    assert error.reason is Reason.AWS_UNAVAILABLE
    assert "expired already: check the clock of this node" in str(error)


@pytest.mark.usefixtures("keys_in_the_environment")
def test_a_key_that_was_switched_off(fake: FakeAws) -> None:
    fake.set_credentials_active(DEFAULT_ACCESS_KEY_ID, active=False)
    error = failure()
    assert error.reason is Reason.IDENTITY_UNAVAILABLE
    assert "Check the keys or role" in str(error)
    fake.set_credentials_active(DEFAULT_ACCESS_KEY_ID, active=True)
    assert not fetch().expired(utc_now())


def test_a_wrong_secret_key(fake: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", DEFAULT_ACCESS_KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong" * 8)
    error = failure()
    assert error.reason is Reason.IDENTITY_UNAVAILABLE
    assert "wrong" * 8 not in str(error)
    assert fake.tokens() == []


@pytest.mark.usefixtures("keys_in_the_environment")
def test_an_error_carries_no_request_along(fake: FakeAws) -> None:
    """Botocore's exceptions hold the request with its signature: a traceback must not lead there."""
    fake.fail("AccessDenied")
    error = failure()
    assert error.__cause__ is None
    assert error.__suppress_context__
