"""The last line of defence against a secret in a log line; and that it leaves what people need to read."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from ecr_secret_operator.domain.kinds import docker_config
from ecr_secret_operator.domain.redaction import REDACTED, redact_text
from ecr_secret_operator.observability.redact import redact, redacting_processor
from tests.factories import HOST, PASSWORD, a_token

KEY_ID = "AKIAIOSFODNN7EXAMPLE"
SESSION_KEY_ID = "ASIAIOSFODNN7EXAMPLE"
SECRET_KEY = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL29pZGMuZXhhbXBsZSJ9.c2lnbmF0dXJlLXRoYXQtaXMtbm90LW9uZQ"
AUTH = b64encode(f"AWS:{PASSWORD}".encode()).decode()
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


@pytest.mark.parametrize("secret", [KEY_ID, SESSION_KEY_ID, SECRET_KEY, JWT, PASSWORD, AUTH])
@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "refused {}",
        "refused {} at once",
        "refused '{}'",
        '{{"password":"{}"}}',
        "header: {}",
        "Authorization: Bearer {}",
        "AWS:{}",
        "password={}",
        "X-Amz-Security-Token={}",
        "aws_secret_access_key={}",
        "_{}",
        "-{}",
        "({})",
        "[{}]",
        "line one\n{}\nline three",
        "b'{}'",
        "<ErrorMessage>{}</ErrorMessage>",
        "one {0} and two {0}",
    ],
)
def test_a_secret_in_a_text_is_taken_out(text: str, secret: str) -> None:
    cleaned = redact_text(text.format(secret))
    assert secret not in cleaned
    assert secret[:40] not in cleaned
    assert REDACTED in cleaned


def test_a_whole_dockerconfigjson_keeps_its_host_alone() -> None:
    cleaned = redact_text(docker_config({HOST: PASSWORD}))
    assert HOST in cleaned
    assert PASSWORD[:40] not in cleaned
    assert AUTH[:40] not in cleaned


def test_an_answer_of_ecr_is_cleaned() -> None:
    answer = json.dumps({"authorizationData": [{"authorizationToken": AUTH, "expiresAt": 1.77e9}]})
    assert AUTH[:40] not in redact_text(answer)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "secret written",
        f"Secret ecr-pull holds a valid token for {HOST}",
        "ECR in us-east-2 failed at GetAuthorizationToken (ThrottlingException)",
        "User: arn:aws:iam::123456789012:user/ecr is not authorized to perform: ecr:GetAuthorizationToken",
        "arn:aws:sts::123456789012:assumed-role/ecr-operator/session-name",
        "system:serviceaccount:ecr-secret-operator:ecr-secret-operator-controller-manager",
        "0b5e1d6c-8f5e-4a51-9c6d-4a3a3a0d9f11",
        "2026-03-01T12:00:00Z",
        f"sha256:{SHA256}",
        f"image@sha256:{SHA256}",
        SHA256,
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "/api/v1/namespaces/team-a/secrets/ecr-pull",
        "https://api.ecr.us-east-2.amazonaws.com/",
        "https://10.96.0.1:443/apis/ecr.mobb.redhat.com/v1alpha1/secrets?watch=1&resourceVersion=123456789",
        "frequency 24h is longer than is safe for a token that lives 12h: it is refreshed every 10h",
        'File "/usr/lib/python3.11/site-packages/ecr_secret_operator/aws/source.py", line 96, in _call',
        "ecr-secret-operator-controller-manager-7d9c8b6f5d-x2x4z",
        "AKIA is a prefix",
        "a" * 99,
    ],
)
def test_what_people_need_to_read_stays(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "Password",
        "passwd",
        "db_password",
        "secret_access_key",
        "aws_secret_access_key",
        "secretAccessKey",
        "session_token",
        "sessionToken",
        "aws_session_token",
        "Authorization",
        "authorizationToken",
        "credentials",
        "bearer",
        "api_key",
        "apiKey",
    ],
)
def test_a_field_with_a_telling_name_is_taken_out_whatever_it_holds(name: str) -> None:
    assert redact({name: "short"}) == {name: REDACTED}
    assert redact({"outer": [{name: {"deep": 1}}]}) == {"outer": [{name: REDACTED}]}


@pytest.mark.parametrize("name", ["namespace", "name", "kind", "secret", "reason", "region", "key", "author"])
def test_other_fields_stay(name: str) -> None:
    assert redact({name: "team-a"}) == {name: "team-a"}


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        (5, 5),
        (1.5, 1.5),
        (True, True),
        (None, None),
        ([1, "x"], [1, "x"]),
        (("x", None), ["x", None]),
        ({"a": {"b": 1}}, {"a": {"b": 1}}),
        (b"x", "b'x'"),
        (KEY_ID.encode(), f"b'{REDACTED}'"),
        (ValueError(f"no {KEY_ID}"), f"no {REDACTED}"),
        ([{"deep": [SECRET_KEY]}], [{"deep": [REDACTED]}]),
    ],
)
def test_values_of_every_type(value: object, cleaned: object) -> None:
    assert redact(value) == cleaned


def test_however_deep_a_secret_lies_it_is_taken_out() -> None:
    value: Any = PASSWORD
    for _ in range(12):
        value = {"deeper": [value]}
    assert PASSWORD[:40] not in str(redact(value))


def test_an_endless_structure_comes_to_an_end() -> None:
    value: dict[str, object] = {"token": PASSWORD}
    value["self"] = value
    assert PASSWORD[:40] not in str(redact(value))


def test_a_log_line_keeps_its_fields_and_loses_its_secrets() -> None:
    event = {"event": f"got {PASSWORD}", "namespace": "team-a", "seconds": 0.5, "extra": {"password": "x"}}
    assert redacting_processor(None, "info", event) == {
        "event": f"got {REDACTED}",
        "namespace": "team-a",
        "seconds": 0.5,
        "extra": {"password": REDACTED},
    }


def test_a_token_object_shows_nothing_even_before() -> None:
    assert PASSWORD[:40] not in str(redact({"token": a_token()}))
