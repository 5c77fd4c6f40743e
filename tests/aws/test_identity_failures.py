"""What is told when an identity cannot be had: the reason, whose it is, the step that failed, and no secret."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ecr_secret_operator.aws import session
from ecr_secret_operator.domain.identity.identity import AMBIENT, AccountRole, AssumedRole, Identity
from ecr_secret_operator.domain.identity.limit import TokenLimit
from ecr_secret_operator.reasons import Reason
from ecr_secret_operator_lab.fakeaws import FakeAws, Role

from .conftest import Write
from .identities import (
    AS_ACCOUNT,
    AS_ROLE,
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

DENIED, BROKEN, NO_IDENTITY = Reason.AWS_ACCESS_DENIED, Reason.AWS_UNAVAILABLE, Reason.IDENTITY_UNAVAILABLE
BY_ACCOUNT = "ServiceAccount team-a/builder"
BY_KEYS = "the keys in Secret team-a/aws-keys"

by_role_and_account = pytest.mark.parametrize(
    ("identity", "step"), [(AS_ROLE, "AssumeRole"), (AS_ACCOUNT, "AssumeRoleWithWebIdentity")], ids=["role", "account"]
)
by_each = pytest.mark.parametrize(
    ("identity", "named"),
    [(AS_ROLE, [TEAM_ROLE]), (AS_ACCOUNT, [TEAM_ROLE, BY_ACCOUNT]), (stored_keys(), [BY_KEYS])],
    ids=["role", "account", "keys"],
)


@pytest.fixture(autouse=True)
def _known_keys(fake: FakeAws, keys_in_the_environment: None) -> None:
    fake.add_credentials(KEY_ID, SECRET_KEY)


def says(text: str, *words: str) -> None:
    for word in words:
        assert word in text, f"{word!r} is not in {text!r}"


# Refused


def test_refused_at_assume_role(fake: FakeAws) -> None:
    fake.set_roles([Role(role_arn=ROLE)])
    error = refusal(at(AS_ROLE))
    assert error.reason is DENIED
    says(str(error), f"AWS refused AssumeRole of role {TEAM_ROLE} to the operator's own identity", "trust policy")
    says(str(error), "external id if it asks for one", "tried again by itself")
    assert [call.action for call in fake.calls()] == ["AssumeRole"], "nothing else was asked"


def test_refused_at_assume_role_with_web_identity(fake: FakeAws) -> None:
    fake.set_roles([Role(role_arn=TEAM_ROLE, subject="system:serviceaccount:other:builder")])
    error = refusal(at(AS_ACCOUNT))
    assert error.reason is DENIED
    says(str(error), f"AWS refused AssumeRoleWithWebIdentity of role {TEAM_ROLE} to {BY_ACCOUNT}", TEAM_SUBJECT)
    says(str(error), "OIDC provider", "audience sts.amazonaws.com")
    assert "operator" not in str(error), "which has no part in it"


@by_each
def test_refused_at_get_authorization_token(fake: FakeAws, identity: Identity, named: list[str]) -> None:
    fake.fail("AccessDenied", action="GetAuthorizationToken")
    error = refusal(at(identity))
    assert error.reason is DENIED
    says(str(error), "AWS refused GetAuthorizationToken to ", *named)
    assert str(refusal(at(identity))) == str(error)


def test_ecr_public_that_refuses_a_role(fake: FakeAws) -> None:
    fake.fail("AccessDenied", service="ecr-public")
    error = refusal(at(AssumedRole(TEAM_ROLE), public=True, limit=TokenLimit("pull")))
    assert error.reason is DENIED
    says(str(error), TEAM_ROLE, "GetAuthorizationToken")


# An identity that AWS does not know


@pytest.mark.parametrize(("key_id", "secret"), [("AKIAUNKNOWN000000001", SECRET_KEY), (KEY_ID, "w" * 40)])
def test_keys_that_are_not_good(key_id: str, secret: str) -> None:
    error = refusal(at(stored_keys(key_id, secret)))
    assert error.reason is NO_IDENTITY
    says(str(error), f"AWS does not accept {BY_KEYS} at GetAuthorizationToken")
    assert key_id not in str(error)
    assert secret not in str(error)


def test_keys_that_were_switched_off(fake: FakeAws) -> None:
    fake.set_credentials_active(KEY_ID, active=False)
    assert refusal(at(stored_keys())).reason is NO_IDENTITY


@pytest.mark.parametrize(
    "over",
    [
        {"key_id": f"{KEY_ID[:8]}\n{KEY_ID[8:]}"},
        {"key_id": f"{KEY_ID}\r\n[profile x]"},
        {"session_token": "wrapped\nat some column"},
        {"key_id": f"{KEY_ID}é"},
        {"secret": "é" * 40},
        {"session_token": "é"},
    ],
    ids=lambda over: repr(over)[:40],
)
def test_keys_that_cannot_be_keys_are_the_secrets_fault_and_not_awss(over: dict[str, str]) -> None:
    """Such as a token that was wrapped when it was copied: no HTTP header can hold it."""
    error = refusal(at(stored_keys(**over)))
    assert error.reason is NO_IDENTITY
    says(str(error), BY_KEYS)


def test_a_proof_for_another_audience(fake: FakeAws) -> None:
    fake.set_roles([Role(role_arn=TEAM_ROLE, audience="another")])
    error = refusal(at(AS_ACCOUNT))
    assert error.reason is NO_IDENTITY
    says(str(error), f"the token of {BY_ACCOUNT} at AssumeRoleWithWebIdentity of role {TEAM_ROLE}")


def test_a_proof_that_is_out_of_date(fake: FakeAws) -> None:
    fake.settings(clock_offset_seconds=7200)
    error = refusal(at(AS_ACCOUNT))
    assert error.reason is NO_IDENTITY
    says(str(error), f"the token of {BY_ACCOUNT} at AssumeRoleWithWebIdentity of role {TEAM_ROLE}", "clock")
    assert str(refusal(at(AS_ACCOUNT))) == str(error)


@pytest.mark.parametrize("proof", ["not a token", "a.b.c"])
def test_a_proof_that_is_none(proof: str) -> None:
    error = refusal(at(AS_ACCOUNT), proof=proof)
    assert error.reason is NO_IDENTITY
    says(str(error), BY_ACCOUNT, "AssumeRoleWithWebIdentity")
    assert proof not in str(error)


# The operator's part in it


@pytest.fixture
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("no_keys")
def test_an_operator_without_credentials_cannot_assume_a_role_and_says_which() -> None:
    error = refusal(at(AS_ROLE))
    assert error.reason is NO_IDENTITY
    says(str(error), "the operator has no AWS credentials", "docs/install.md", TEAM_ROLE)


def test_keys_of_the_operators_that_are_not_good_are_told_with_the_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "w" * 40)
    error = refusal(at(AS_ROLE))
    assert error.reason is NO_IDENTITY
    says(str(error), f"AWS does not accept the operator's credentials at AssumeRole of role {TEAM_ROLE}")
    assert "w" * 40 not in str(error)


@pytest.mark.usefixtures("no_keys")
@pytest.mark.parametrize("identity", [AS_ACCOUNT, stored_keys()], ids=["account", "keys"])
def test_an_operator_without_credentials_serves_those_that_bring_their_own(identity: Identity) -> None:
    fetch_as(at(identity))


@pytest.mark.usefixtures("no_keys")
def test_the_operators_own_role_is_not_taken_for_the_teams(fake: FakeAws, config_file: Write) -> None:
    """IRSA for the operator itself, with a trust policy that does not fit: the team can do nothing about that."""
    token_file = config_file().with_name("token")
    token_file.write_text(a_jwt(SUBJECT))
    config_file(f"role_arn = {ROLE}", f"web_identity_token_file = {token_file}")
    fake.set_roles([Role(role_arn=ROLE, subject="another"), Role(role_arn=TEAM_ROLE, external_id=EXTERNAL_ID)])
    error = refusal(at(AS_ROLE))
    assert error.reason is DENIED
    assert [call.parameters["RoleArn"] for call in fake.calls()] == [ROLE], "the team's role was not asked for"
    says(str(error), "AssumeRoleWithWebIdentity", "the operator's own identity")
    assert f"AssumeRoleWithWebIdentity of role {TEAM_ROLE}" not in str(error)


@pytest.mark.usefixtures("no_keys")
@pytest.mark.parametrize("identity", [AMBIENT, AS_ROLE], ids=["ambient", "role"])
@pytest.mark.parametrize("broken", ["no section\n", "[default\n", "\x00\xff"])
def test_a_config_file_that_cannot_be_read_is_an_identity_problem(
    config_file: Write, identity: Identity, broken: str
) -> None:
    config_file().write_text(broken, encoding="latin-1")
    assert refusal(at(identity)).reason is NO_IDENTITY


@pytest.mark.parametrize("identity", [AMBIENT, AS_ROLE], ids=["ambient", "role"])
def test_a_profile_that_is_not_there_is_an_identity_problem(
    monkeypatch: pytest.MonkeyPatch, identity: Identity
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "absent")
    error = refusal(at(identity))
    assert error.reason is NO_IDENTITY
    says(str(error), "absent")


# AWS out of order


@by_role_and_account
@pytest.mark.parametrize("fault", ["Throttling", "InternalError", "ServiceUnavailable"])
def test_sts_that_fails(fake: FakeAws, identity: Identity, step: str, fault: str) -> None:
    fake.fail(fault, service="sts")
    error = refusal(at(identity))
    assert error.reason is BROKEN
    says(str(error), f"STS in us-east-2 failed at {step} of role {TEAM_ROLE}")
    assert [call.action for call in fake.calls()] == [step], "no retries by botocore, and no other step"


@by_role_and_account
@pytest.mark.parametrize("fault", ["malformed", "truncated"])
def test_sts_that_answers_nonsense(fake: FakeAws, identity: Identity, step: str, fault: str) -> None:
    fake.fail(fault, action=step)
    error = refusal(at(identity))
    assert error.reason is BROKEN
    says(str(error), "STS in us-east-2")
    assert str(refusal(at(identity))) == str(error)


@by_role_and_account
def test_sts_that_hangs(fake: FakeAws, identity: Identity, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "READ_SECONDS", 0.2)
    fake.fail("hang", action=step)
    error = refusal(at(identity))
    assert error.reason is BROKEN
    says(str(error), "STS in us-east-2 cannot be reached (ReadTimeoutError)")


@pytest.mark.parametrize("service", ["sts", "ecr"])
@by_role_and_account
def test_who_cannot_be_reached_is_told(
    identity: Identity, step: str, service: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service.upper()}", "http://127.0.0.1:9")
    error = refusal(at(identity))
    assert error.reason is BROKEN
    assert str(error).startswith(f"{service.upper()} in us-east-2 cannot be reached")


NAMESPACE = 'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"'
HALF = "<Credentials><AccessKeyId>ASIAHALF000000000000</AccessKeyId></Credentials>"


@pytest.fixture
def sts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An STS that answers well-formed XML, with these Credentials in it."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
            action = "AssumeRoleWithWebIdentity" if "WebIdentity" in asked else "AssumeRole"
            result = f"<{action}Result>{request.param}</{action}Result>"
            body = f"<{action}Response {NAMESPACE}>{result}</{action}Response>".encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing on standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://127.0.0.1:{server.server_port}")
        yield
        server.shutdown()
        thread.join()


@by_role_and_account
@pytest.mark.parametrize("sts", ["", "<Credentials/>", HALF], indirect=True, ids=["none", "empty", "half"])
@pytest.mark.usefixtures("sts")
def test_sts_that_answers_without_credentials(fake: FakeAws, identity: Identity, step: str) -> None:
    error = refusal(at(identity))
    assert error.reason is BROKEN
    says(str(error), "STS in us-east-2", TEAM_ROLE)
    assert fake.calls() == [], "and ECR is not asked with half of them"


def test_an_audience_of_its_own_is_named(fake: FakeAws) -> None:
    fake.set_roles([])
    error = refusal(at(AccountRole("team-a", "builder", TEAM_ROLE, "sts.amazonaws.com.cn")))
    says(str(error), "with audience sts.amazonaws.com.cn")
