"""Each fault of the operator's AWS settings has a sentence of its own, with its remedy. Nothing logs a traceback."""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ecr_secret_operator.aws.library import _proxies
from ecr_secret_operator.domain.identity.identity import AMBIENT, Identity
from ecr_secret_operator.domain.identity.limit import UNLIMITED, TokenLimit
from ecr_secret_operator.reasons import Reason
from ecr_secret_operator_lab.fakeaws import FakeAws, Role

from .certificates import self_signed
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

BROKEN, NO_IDENTITY = Reason.AWS_UNAVAILABLE, Reason.IDENTITY_UNAVAILABLE
WITH_KEYS = [AMBIENT, AS_ROLE, stored_keys(), AS_ACCOUNT]
IDS = ["ambient", "role", "keys", "account"]
each_identity = pytest.mark.parametrize("identity", WITH_KEYS, ids=IDS)


@pytest.fixture(autouse=True)
def _known_keys(fake: FakeAws) -> None:
    fake.add_credentials(KEY_ID, SECRET_KEY)


# Endpoints


@pytest.mark.usefixtures("keys_in_the_environment")
@pytest.mark.parametrize(
    "endpoint", ["vpce.example.com", "vpce.example.com:443", "//vpce.example.com", "https://", "ftp://x"]
)
@each_identity
def test_an_endpoint_without_a_scheme(monkeypatch: pytest.MonkeyPatch, identity: Identity, endpoint: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    error = refusal(at(identity))
    assert error.reason is BROKEN
    assert "is not a URL with a scheme, such as https://vpce.example.com. Correct AWS_ENDPOINT_URL_" in str(error)
    service = "sts" if identity in (AS_ROLE, AS_ACCOUNT) else "ecr"
    assert f"name for {service} is not" in str(error)


def test_an_endpoint_without_a_scheme_of_the_operators_own_sts(
    fake: FakeAws, config_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = config_file().with_name("token")
    token.write_text(a_jwt(SUBJECT))
    config_file(f"role_arn = {ROLE}", f"web_identity_token_file = {token}")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", "vpce.example.com")
    assert "for sts is not a URL with a scheme" in str(refusal(at(AMBIENT)))


# TLS


@pytest.fixture
def untrusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An endpoint whose certificate nobody knows."""
    certificate, key = self_signed("127.0.0.1")
    file = tmp_path / "server.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(certificate.public_bytes(Encoding.PEM) + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Nothing on standard error."""

    with Server(("127.0.0.1", 0), BaseHTTPRequestHandler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{server.server_port}")
        yield
        server.shutdown()
        thread.join()


@pytest.mark.usefixtures("untrusted", "keys_in_the_environment")
@each_identity
def test_a_certificate_that_is_not_trusted(identity: Identity) -> None:
    error = refusal(at(identity))
    assert error.reason is BROKEN
    assert ", or of a proxy before it, is not trusted: self-signed certificate. Give the operator the" in str(error)
    assert "AWS_CA_BUNDLE" in str(error)


@pytest.mark.usefixtures("untrusted", "keys_in_the_environment")
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "the operator's CA bundle cannot be read: No such file or directory. Check AWS_CA_BUNDLE"),
        ("", "the operator's CA bundle holds no certificate. Put PEM certificates into the file of AWS_CA_BUNDLE"),
        ("no certificate\n", "the operator's CA bundle holds no certificate"),
    ],
    ids=["missing", "empty", "nonsense"],
)
@each_identity
def test_a_ca_bundle_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, identity: Identity, content: str | None, says: str
) -> None:
    file = tmp_path / "bundle.pem"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(file))
    error = refusal(at(identity))
    assert error.reason is BROKEN
    assert says in str(error)


# Identities


@pytest.mark.parametrize(
    ("content", "says"),
    [(None, "No such file or directory"), ("", "it is empty"), ("\n", "it is empty"), (b"\xff\xfe", "it is not text")],
)
def test_a_web_identity_token_file_that_is_none(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    content: str | bytes | None,
    says: str,
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(file))
    error = refusal(at(AMBIENT))
    assert error.reason is NO_IDENTITY
    assert str(error).startswith(f"the operator's web identity token file {file} cannot be used: {says}. Check AWS_WEB")


def test_a_web_identity_token_with_a_line_break(fake: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.set_roles([Role(role_arn=ROLE, subject=SUBJECT)])
    file = tmp_path / "token"
    file.write_text(a_jwt(SUBJECT) + "\n")
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(file))
    fetch_as(at(AMBIENT))


SESSION = ("sso_session = work", "sso_account_id = 123456789012", "sso_role_name = admin")
LEGACY = ("sso_start_url = https://x.example/start", "sso_region = us-east-2", *SESSION[1:])


@pytest.mark.parametrize("lines", [SESSION, LEGACY], ids=["session", "legacy"])
@pytest.mark.parametrize("expired", [False, True])
def test_an_sso_login_that_is_missing_or_has_expired(
    config_file: Write, clean_environment: Path, lines: tuple[str, ...], *, expired: bool
) -> None:
    path = config_file(*lines)
    more = "[sso-session work]\nsso_start_url = https://x.example/start\nsso_region = us-east-2\n"
    path.write_text(path.read_text() + more)
    if expired:
        _expired_login(clean_environment, "work" if lines is SESSION else "https://x.example/start")
    error = refusal(at(AMBIENT))
    assert error.reason is NO_IDENTITY
    assert str(error).startswith(
        "the operator's profile needs an SSO login, which is missing or has expired. Run aws sso"
    )


def _expired_login(home: Path, name: str) -> None:
    folder = home / ".aws" / "sso" / "cache"
    folder.mkdir(parents=True)
    login = {"startUrl": name, "region": "us-east-2", "accessToken": "x" * 30, "expiresAt": "2020-01-01T00:00:00Z"}
    (folder / f"{sha1(name.encode(), usedforsecurity=False).hexdigest()}.json").write_text(json.dumps(login))


@pytest.mark.parametrize("variable", ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])
def test_a_profile_that_is_not_there(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "absent")
    error = refusal(at(AMBIENT))
    assert error.reason is NO_IDENTITY
    assert str(error) == (
        "AWS_PROFILE of the operator names the profile absent, which its AWS files do not have. Add the profile, or"
        " unset AWS_PROFILE"
    )


@pytest.mark.parametrize("identity", [stored_keys(), AS_ACCOUNT], ids=["keys", "account"])
@pytest.mark.parametrize("broken", ["profile", "file", "sso"])
def test_who_brings_credentials_does_not_need_the_operators(
    fake: FakeAws, config_file: Write, monkeypatch: pytest.MonkeyPatch, identity: Identity, broken: str
) -> None:
    fake.set_roles([Role(role_arn=TEAM_ROLE)])
    if broken == "profile":
        monkeypatch.setenv("AWS_PROFILE", "absent")
    elif broken == "file":
        config_file().write_text("[default\n")
    else:
        path = config_file(*SESSION)
        path.write_text(path.read_text() + "[sso-session work]\nsso_start_url = https://x.example\nsso_region = x\n")
    fetch_as(at(identity))


# Logs and proxies


def test_botocore_logs_no_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It warns, with a traceback, of what it raises too."""
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "absent"))
    code = (
        "from ecr_secret_operator.observability.logs import configure_logs\n"
        "from ecr_secret_operator.domain.identity.identity import AMBIENT\n"
        "from tests.aws.identities import at, refusal\n"
        "configure_logs('debug', 'json')\n"
        "print(refusal(at(AMBIENT)))\n"
    )
    command, root = [sys.executable, "-c", code], Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert "web identity token file" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("limited", [False, True])
@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
@pytest.mark.usefixtures("keys_in_the_environment")
def test_a_line_break_in_keys_of_the_environment_is_named(
    fake: FakeAws, monkeypatch: pytest.MonkeyPatch, name: str, *, limited: bool
) -> None:
    """Such as that of `echo` in a Secret: in a header it is no request, and looked as if AWS could not be reached."""
    monkeypatch.setenv(name, "a-word\n")
    limit = TokenLimit(access="pull") if limited else UNLIMITED
    error = refusal(replace(at(AMBIENT), limit=limit))
    assert error.reason is NO_IDENTITY
    assert str(error).startswith(
        "the operator's AWS credentials hold a character that no key of AWS has, such as a line"
    )
    assert "a-word" not in str(error)
    assert fake.calls() == []


def test_the_proxy_before_aws_is_found_by_gos_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = "http://proxy.example:3128"
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    assert _proxies("https://api.ecr.us-east-2.amazonaws.com/") == {"https": proxy}
    monkeypatch.setenv("NO_PROXY", "*.amazonaws.com:443")
    assert _proxies("https://api.ecr.us-east-2.amazonaws.com/") == {}


@pytest.mark.usefixtures("keys_in_the_environment")
def test_botocore_asks_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name does not resolve anywhere: with the proxy, it is the proxy that is not there."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://ecr.invalid")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert "(ProxyConnectionError)" in str(refusal(at(AMBIENT)))
    monkeypatch.setenv("NO_PROXY", "*.invalid:80")
    assert "(EndpointConnectionError)" in str(refusal(at(AMBIENT)))


@pytest.mark.usefixtures("keys_in_the_environment")
def test_a_proxy_that_is_not_supported_is_named(fake: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://ecr.invalid")
    monkeypatch.setenv("HTTPS_PROXY", "socks5://somebody:word@127.0.0.1:9")
    error = refusal(at(AMBIENT))
    assert error.reason is BROKEN
    assert "environment variable HTTPS_PROXY names a proxy with scheme socks5, which is not supported" in str(error)
    assert "word" not in str(error)
