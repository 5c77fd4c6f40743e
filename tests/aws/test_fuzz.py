"""Whatever comes back in place of AWS's answer, through botocore as it is: a token, or an error of the domain.

And never a word of a token, key or session in what is said of it.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ecr_secret_operator.domain.identity.identity import AMBIENT, Identity
from ecr_secret_operator.errors import TokenError
from ecr_secret_operator.reasons import Reason
from ecr_secret_operator_lab.fakeaws import DEFAULT_SECRET_ACCESS_KEY
from tests.fuzz import json_of, object_of

from .identities import AS_ROLE, at, fetch_as

PASSWORD = "a-token-that-nobody-may-see" * 20
TOKEN = b64encode(f"AWS:{PASSWORD}".encode()).decode()
SESSION_KEY = "a-session-key-that-nobody-may-see"
JSON, XML = "application/x-amz-json-1.1", "text/xml"
FIELDS = ("authorizationData", "authorizationToken", "expiresAt", "proxyEndpoint", "__type", "message", "Error", "Code")
ROOMY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


class Anything:
    """An HTTP server that answers everything with the same status, headers and bytes."""

    def __init__(self) -> None:
        anything = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the base class's name
                self.rfile.read(int(self.headers.get("Content-Length", "0")))
                status, kind, body = anything.answer
                self.send_response_only(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Says nothing."""

        self.answer: tuple[int, str, bytes] = (200, JSON, b"{}")
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def gives(self, status: int, body: bytes, kind: str = JSON) -> None:
        self.answer = (status, kind, body)


@pytest.fixture(scope="module")
def server() -> Iterator[Anything]:
    anything = Anything()
    thread = Thread(target=anything.server.serve_forever, daemon=True)
    thread.start()
    yield anything
    anything.server.shutdown()
    anything.server.server_close()
    thread.join()


@pytest.fixture
def anything(
    server: Anything, clean_environment: Path, keys_in_the_environment: None, monkeypatch: pytest.MonkeyPatch
) -> Anything:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
    return server


def said(identity: Identity = AMBIENT, *, public: bool = False) -> str:
    """What is said of the answer; empty when there was a token in it."""
    try:
        token = fetch_as(at(identity, public=public))
    except TokenError as error:
        return checked(error)
    assert token.issued_at < token.expires_at
    assert token.password.reveal() not in repr(token)
    return ""


def checked(error: TokenError) -> str:
    text = f"{error} {error!r}"
    assert isinstance(error.reason, Reason)
    assert error.__cause__ is None
    assert not [secret for secret in (PASSWORD, TOKEN, SESSION_KEY, DEFAULT_SECRET_ACCESS_KEY) if secret[:24] in text]
    assert len(str(error)) < 1000
    return text


STATUSES = st.sampled_from((200, 200, 200, 201, 204, 302, 400, 403, 404, 413, 429, 500, 503))


@given(
    status=STATUSES,
    body=st.binary(max_size=80),
    kind=st.sampled_from((JSON, XML, "", "text/html")),
    public=st.booleans(),
)
@example(status=200, body=b"", kind=JSON, public=False)
@example(status=200, body=b"[" * 2000, kind=JSON, public=False)
@example(status=200, body=b"null", kind=JSON, public=False)
@example(status=500, body=b"\xff", kind=JSON, public=True)
@ROOMY
def test_any_bytes(anything: Anything, status: int, body: bytes, kind: str, *, public: bool) -> None:
    anything.gives(status, body, kind)
    assert said(public=public)


@given(status=STATUSES, body=object_of(*FIELDS) | json_of(*FIELDS), public=st.booleans())
@ROOMY
def test_any_json(anything: Anything, status: int, body: object, *, public: bool) -> None:
    anything.gives(status, json.dumps(body).encode())
    assert said(public=public)


EXPIRES = (
    st.none()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(
        (0, 1e10, 253402300799, 253402300800, -62135596801, 1e18, "2099-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00")
    )
)


@given(
    expires=EXPIRES,
    token=st.sampled_from((TOKEN, TOKEN[:-1], "", "QVdT", PASSWORD)) | st.text(max_size=20),
    public=st.booleans(),
)
@example(expires="9999-12-31T23:59:59-14:00", token=TOKEN, public=False)
@ROOMY
def test_any_time_and_any_token(anything: Anything, expires: object, token: str, *, public: bool) -> None:
    one = {"authorizationToken": token, "expiresAt": expires}
    anything.gives(200, json.dumps({"authorizationData": one if public else [one]}).encode())
    said(public=public)


def test_a_whole_answer_is_a_token(anything: Anything) -> None:
    """So that the others do not fail for another reason."""
    later = datetime.now(UTC).timestamp() + 3600
    one = {"authorizationToken": TOKEN, "expiresAt": later}
    anything.gives(200, json.dumps({"authorizationData": [one]}).encode())
    assert said() == ""


ROLE_ANSWER = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{secret}</SessionToken>
<Expiration>{expires}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""


@given(
    status=STATUSES,
    body=st.binary(max_size=60)
    | st.builds(
        lambda key, expires: ROLE_ANSWER.format(key=key, secret=SESSION_KEY, expires=expires).encode(),
        key=st.sampled_from(("", "ASIAEXAMPLE", "\u00e9")),
        expires=st.sampled_from(("", "x", "2099-01-01T00:00:00Z", "2001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00")),
    ),
)
@example(200, b"<a>" * 500)
@example(200, b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>')
@ROOMY
def test_any_answer_of_sts(anything: Anything, status: int, body: bytes) -> None:
    anything.gives(status, body, XML)
    assert said(AS_ROLE)
