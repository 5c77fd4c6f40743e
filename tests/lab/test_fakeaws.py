"""The fake AWS, judged by real AWS clients: botocore signs, sends and parses, and must find what it expects."""

from __future__ import annotations

import base64
import json
import os
import select
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from botocore.exceptions import (
    HTTPClientError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from ecr_secret_operator_lab.fakeaws import (
    DEFAULT_ACCESS_KEY_ID,
    DEFAULT_SECRET_ACCESS_KEY,
    FakeAws,
    FakeAwsError,
    Role,
    start_fake_aws,
)
from ecr_secret_operator_lab.fakeaws.protocol import HttpRequest, decode

from .fakeawsclients import ROLE, Connect, assume, assume_with, jwt, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

PULL_ONLY = json.dumps({"Statement": {"Effect": "Allow", "Action": "ecr:Get*", "Resource": "*"}})
NO_ECR = json.dumps({"Statement": [{"Effect": "Allow", "Action": ["s3:*"], "Resource": "*"}]})
GARBLED = (ResponseParserError, ValueError, KeyError)


# ECR and ECR Public


def test_an_ecr_token_is_unique_sized_like_the_real_one_and_recorded(fake: FakeAws, connect: Connect) -> None:
    ecr = connect("ecr", region="eu-central-1")
    answers = [ecr.get_authorization_token() for _ in range(2)]
    first, second = (answer["authorizationData"][0] for answer in answers)
    assert all(answer["ResponseMetadata"]["RequestId"] for answer in answers)

    user, password = base64.b64decode(first["authorizationToken"]).decode().split(":", 1)
    assert user == "AWS"
    assert 1700 < len(password) < 1900
    assert first["authorizationToken"] != second["authorizationToken"]
    assert first["proxyEndpoint"] == "https://123456789012.dkr.ecr.eu-central-1.amazonaws.com"
    assert (first["expiresAt"] - datetime.now(UTC)).total_seconds() == pytest.approx(12 * 3600, abs=30)

    token = fake.find_token(password)
    assert token == fake.tokens()[0]
    assert token is not None
    assert token.region == "eu-central-1"
    assert token.access_key_id == DEFAULT_ACCESS_KEY_ID
    assert token.principal == "arn:aws:iam::123456789012:user/lab-operator"
    assert token.expires_at == pytest.approx(first["expiresAt"].timestamp(), abs=0.01)
    assert token.password not in repr(token)
    assert fake.find_token("never issued") is None


@pytest.mark.parametrize(
    ("region", "suffix"),
    [("us-east-1", "amazonaws.com"), ("cn-north-1", "amazonaws.com.cn"), ("us-gov-west-1", "amazonaws.com")],
)
def test_the_proxy_endpoint_is_in_the_partition_of_the_region(connect: Connect, region: str, suffix: str) -> None:
    answer = connect("ecr", region=region).get_authorization_token(registryIds=["111122223333"])
    endpoints = [one["proxyEndpoint"] for one in answer["authorizationData"]]
    assert endpoints == [f"https://111122223333.dkr.ecr.{region}.{suffix}"]


def test_ecr_public_gives_one_object_without_an_endpoint(fake: FakeAws, connect: Connect) -> None:
    data = connect("ecr-public", region="us-east-1").get_authorization_token()["authorizationData"]
    assert data.keys() == {"authorizationToken", "expiresAt"}
    assert fake.tokens()[0].service == "ecr-public"
    code, status, _ = refusal(connect("ecr-public", region="eu-west-1").get_authorization_token)
    assert (code, status) == ("InvalidSignatureException", 400)


# STS


def test_the_caller_is_named(fake: FakeAws, connect: Connect) -> None:
    answer = connect("sts").get_caller_identity()
    assert answer["Arn"] == "arn:aws:iam::123456789012:user/lab-operator"
    assert answer["Account"] == "123456789012"
    call = fake.calls("GetCallerIdentity")[0]
    assert (call.service, call.region, call.access_key_id) == ("sts", "us-east-2", DEFAULT_ACCESS_KEY_ID)
    assert (call.result, call.status, call.fault) == ("ok", 200, "")
    assert call.host == fake.url.removeprefix("http://")
    assert call.user_agent.startswith("Botocore/")
    assert call.time == pytest.approx(time.time(), abs=30)


def test_an_assumed_role_works_and_its_parameters_are_recorded(fake: FakeAws, connect: Connect) -> None:
    parameters = {
        "ExternalId": "team-7",
        "Policy": PULL_ONLY,
        "DurationSeconds": 900,
        "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}],
    }
    answer = assume(connect, **parameters)
    session = answer["Credentials"]
    assert session["AccessKeyId"].startswith("ASIA")
    assert (session["Expiration"] - datetime.now(UTC)).total_seconds() == pytest.approx(900, abs=30)

    call = fake.calls("AssumeRole")[0]
    assert call.parameters == {"RoleArn": ROLE, "RoleSessionName": "ecr-operator", **parameters}

    connect("ecr", session).get_authorization_token()
    token = fake.tokens()[0]
    assert token.access_key_id == session["AccessKeyId"]
    assert token.principal == "arn:aws:sts::210987654321:assumed-role/puller/ecr-operator"
    known = {one.access_key_id: one for one in fake.credentials()}[session["AccessKeyId"]]
    assert (known.role_arn, known.policy) == (ROLE, PULL_ONLY)


def test_a_session_policy_without_ecr_gets_no_token(connect: Connect) -> None:
    session = assume(connect, Policy=NO_ECR)["Credentials"]
    code, _, message = refusal(connect("ecr", session).get_authorization_token)
    assert code == "AccessDeniedException"
    assert "no session policy allows the ecr:GetAuthorizationToken action" in message
    assert refusal(lambda: assume(connect, Policy="{"))[:2] == ("MalformedPolicyDocument", 400)


def test_a_web_identity_is_recorded_by_digest_and_claims(fake: FakeAws, connect: Connect) -> None:
    claims = {"iss": "https://oidc", "sub": "system:serviceaccount:a:b", "aud": ["sts.amazonaws.com"]}
    token = jwt(**claims, exp=int(time.time()) + 600)
    answer = assume_with(connect, token)
    assert answer["SubjectFromWebIdentityToken"] == claims["sub"]
    assert answer["Audience"] == "sts.amazonaws.com"

    call = fake.calls("AssumeRoleWithWebIdentity")[0]
    assert call.web_identity is not None
    assert call.web_identity.sha256 == sha256(token.encode()).hexdigest()
    assert claims.items() <= call.web_identity.claims.items()
    assert (call.access_key_id, call.region) == ("", "")
    assert token not in str(fake.calls())


def test_the_web_identity_provider_of_the_sdk_works(
    fake: FakeAws, connect: Connect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(jwt(sub="pod"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    connect("ecr").get_authorization_token()
    assert [call.action for call in fake.calls()] == ["AssumeRoleWithWebIdentity", "GetAuthorizationToken"]


# Who may not


@pytest.mark.parametrize(
    ("keys", "of_ecr", "of_sts"),
    [
        (("AKIAUNKNOWN", "x"), "UnrecognizedClientException", "InvalidClientTokenId"),
        ((DEFAULT_ACCESS_KEY_ID, "wrong"), "InvalidSignatureException", "SignatureDoesNotMatch"),
    ],
    ids=["unknown key", "wrong secret"],
)
def test_bad_keys_are_refused(connect: Connect, keys: tuple[str, str], of_ecr: str, of_sts: str) -> None:
    bad = dict(zip(("AccessKeyId", "SecretAccessKey"), keys, strict=True))
    assert refusal(connect("ecr", bad).get_authorization_token)[:2] == (of_ecr, 400)
    assert refusal(connect("sts", bad).get_caller_identity)[:2] == (of_sts, 403)


def test_a_session_needs_its_token_and_ends(fake: FakeAws, connect: Connect) -> None:
    session = assume(connect, DurationSeconds=1000)["Credentials"]
    bare = {**session, "SessionToken": None}
    assert refusal(connect("ecr", bare).get_authorization_token)[0] == "UnrecognizedClientException"

    fake.settings(session_seconds=0.001)
    ended = assume(connect)["Credentials"]
    assert refusal(connect("ecr", ended).get_authorization_token)[:2] == ("ExpiredTokenException", 400)
    assert refusal(connect("sts", ended).get_caller_identity)[:2] == ("ExpiredToken", 403)
    assert connect("sts", session).get_caller_identity()["Account"] == "210987654321"


@pytest.mark.parametrize(("offset", "words"), [(301, "expired"), (-302, "not yet current")])
def test_a_clock_five_minutes_off_is_refused(fake: FakeAws, connect: Connect, offset: float, words: str) -> None:
    fake.settings(clock_offset_seconds=offset)
    code, _, message = refusal(connect("ecr").get_authorization_token)
    assert code == "InvalidSignatureException"
    assert f"Signature {words}" in message
    assert refusal(connect("sts").get_caller_identity)[:2] == ("SignatureDoesNotMatch", 403)
    fake.settings(clock_offset_seconds=200)
    connect("ecr").get_authorization_token()


def post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
    request = Request(url, body, headers)  # noqa: S310 - the URL is the fake's own
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=10) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        with error:
            return error.code, error.read()


def test_an_unsigned_and_a_tampered_request_are_refused(fake: FakeAws, connect: Connect) -> None:
    target = {"X-Amz-Target": "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken"}
    status, body = post(fake.url, b"{}", target)
    assert (status, json.loads(body)["__type"]) == (400, "MissingAuthenticationTokenException")

    signed: dict[str, str] = {}
    ecr = connect("ecr")
    ecr.meta.events.register("before-send", lambda request, **_: signed.update(_text(request.headers)))
    ecr.get_authorization_token()
    signed.pop("Content-Length", None)
    assert post(fake.url, b"{}", signed)[0] == 200
    status, body = post(fake.url, b'{"registryIds": ["111122223333"]}', signed)
    assert (status, json.loads(body)["__type"]) == (400, "InvalidSignatureException")


def _text(headers: Mapping[str, str | bytes]) -> dict[str, str]:
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in headers.items()}


def test_keys_rotate_while_it_runs(fake: FakeAws, connect: Connect) -> None:
    new = {"AccessKeyId": "AKIANEWKEY", "SecretAccessKey": "new"}
    fake.add_credentials("AKIANEWKEY", "new", account="999988887777", user_name="next")
    assert connect("sts", new).get_caller_identity()["Arn"] == "arn:aws:iam::999988887777:user/next"

    fake.set_credentials_active(DEFAULT_ACCESS_KEY_ID, active=False)
    assert refusal(connect("ecr").get_authorization_token)[0] == "UnrecognizedClientException"
    fake.set_credentials_active(DEFAULT_ACCESS_KEY_ID, active=True)
    connect("ecr").get_authorization_token()

    assert fake.remove_credentials(DEFAULT_ACCESS_KEY_ID) == 1
    assert refusal(connect("ecr").get_authorization_token)[0] == "UnrecognizedClientException"
    assert [one.access_key_id for one in fake.credentials()] == ["AKIANEWKEY"]


def test_roles_have_conditions_once_they_are_registered(fake: FakeAws, connect: Connect) -> None:
    fake.set_roles([Role(role_arn=ROLE, external_id="right", max_session_seconds=3600)])
    code, status, message = refusal(lambda: assume(connect, ExternalId="wrong"))
    assert (code, status) == ("AccessDenied", 403)
    assert f"is not authorized to perform: sts:AssumeRole on resource: {ROLE}" in message
    too_long = refusal(lambda: assume(connect, ExternalId="right", DurationSeconds=7200))
    assert too_long[:2] == ("ValidationError", 400)
    assume(connect, ExternalId="right")
    other = "arn:aws:iam::210987654321:role/other"
    assert refusal(lambda: assume(connect, RoleArn=other))[0] == "AccessDenied"
    fake.set_roles(None)
    assume(connect, RoleArn=other)


def test_a_chained_role_lasts_an_hour_at_most(connect: Connect) -> None:
    sts = connect("sts", assume(connect)["Credentials"])
    asked = {"RoleArn": ROLE, "RoleSessionName": "chained"}
    sts.assume_role(**asked)
    code, _, message = refusal(lambda: sts.assume_role(**asked, DurationSeconds=3601))
    assert code == "ValidationError"
    assert "role chaining" in message


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("not-a-jwt", "InvalidIdentityToken"),
        (jwt(aud="other", sub="s"), "InvalidIdentityToken"),
        (jwt(aud="sts.amazonaws.com", sub="someone"), "AccessDenied"),
        (jwt(aud="sts.amazonaws.com", sub="s", exp=1), "ExpiredTokenException"),
    ],
    ids=["no jwt", "audience", "subject", "expired"],
)
def test_web_identities_have_conditions(fake: FakeAws, connect: Connect, token: str, code: str) -> None:
    fake.set_roles([Role(role_arn=ROLE, audience="sts.amazonaws.com", subject="s")])
    assert refusal(lambda: assume_with(connect, token))[0] == code
    assume_with(connect, jwt(aud="sts.amazonaws.com", sub="s"))


# What makes no sense


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"RoleSessionName": "ab"}, "Value null at 'roleArn' failed to satisfy constraint: Member must not be null"),
        ({"RoleArn": ROLE, "RoleSessionName": "a"}, "length greater than or equal to 2"),
        ({"RoleArn": ROLE, "RoleSessionName": "ab", "DurationSeconds": 60}, "value greater than or equal to 900"),
        ({"RoleArn": ROLE, "RoleSessionName": "a b"}, "satisfy regular expression pattern"),
        ({"RoleArn": "arn:aws:iam::1:user/someone", "RoleSessionName": "ab"}, "is invalid"),
    ],
)
def test_sts_validates_parameters(connect: Connect, parameters: dict[str, Any], words: str) -> None:
    sts = connect("sts", checked=False)
    code, status, message = refusal(lambda: sts.assume_role(**parameters))
    assert (code, status) == ("ValidationError", 400)
    assert words in message


@pytest.mark.parametrize(
    ("target", "body", "code"),
    [
        ("AmazonEC2ContainerRegistry_V20150921.DeleteEverything", "{}", "UnknownOperationException"),
        ("NoSuchService.GetAuthorizationToken", "{}", "UnknownOperationException"),
        ("AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken", "{", "SerializationException"),
        ("AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken", "[]", "SerializationException"),
        ("AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken", '{"x": 1}', "InvalidParameterException"),
        (
            "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
            '{"registryIds": ["no"]}',
            "InvalidParameterException",
        ),
        ("SpencerFrontendService.GetAuthorizationToken", '{"registryIds": 1}', "InvalidParameterException"),
        (None, "Action=Nothing&Version=2011-06-15", "InvalidAction"),
        (None, "Action=GetCallerIdentity&Version=1999-01-01", "InvalidAction"),
        (None, "Action=GetCallerIdentity&Version=2011-06-15&Extra=1", "ValidationError"),
        (None, "Action=GetCallerIdentity&Version=2011-06-15&Extra=1&Extra.member=2", "MalformedQueryString"),
    ],
)
def test_requests_without_sense_get_the_error_of_their_protocol(target: str | None, body: str, code: str) -> None:
    headers = {} if target is None else {"X-Amz-Target": target}
    problem = decode(HttpRequest("POST", "/", headers, body.encode())).problem
    assert problem is not None
    assert code in {problem.cause.as_json.code, problem.cause.as_query.code}


# Faults


@pytest.mark.parametrize(
    ("kind", "of_ecr", "of_sts"),
    [
        ("AccessDenied", ("AccessDeniedException", 400), ("AccessDenied", 403)),
        ("Throttling", ("ThrottlingException", 400), ("Throttling", 400)),
        ("InternalError", ("ServerException", 500), ("InternalFailure", 500)),
        ("ServiceUnavailable", ("ServiceUnavailableException", 503), ("ServiceUnavailable", 503)),
        ("clock-skew", ("InvalidSignatureException", 400), ("SignatureDoesNotMatch", 403)),
    ],
)
def test_faults_with_an_error_code(
    fake: FakeAws, connect: Connect, kind: str, of_ecr: tuple[str, int], of_sts: tuple[str, int]
) -> None:
    fake.fail(kind)
    assert refusal(connect("ecr").get_authorization_token)[:2] == of_ecr
    assert refusal(connect("sts").get_caller_identity)[:2] == of_sts
    recorded = [(call.fault, call.result, call.status) for call in fake.calls()]
    assert recorded == [(kind, *of_ecr), (kind, *of_sts)]
    fake.fix()
    connect("ecr").get_authorization_token()


@pytest.mark.parametrize(
    ("kind", "errors"),
    [("malformed", GARBLED), ("truncated", (HTTPClientError, *GARBLED))],
)
def test_faults_that_garble_the_answer(
    fake: FakeAws, connect: Connect, kind: str, errors: tuple[type[Exception], ...]
) -> None:
    fake.fail(kind, times=2)
    with pytest.raises(errors):
        connect("ecr").get_authorization_token()["authorizationData"]
    with pytest.raises(errors):
        connect("sts").get_caller_identity()["Arn"]
    assert [call.fault for call in fake.calls()] == [kind, kind]
    connect("sts").get_caller_identity()


def test_faults_of_the_token(fake: FakeAws, connect: Connect) -> None:
    fake.fail("bad-token", times=1)
    token = connect("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
    assert b":" not in base64.b64decode(token)
    fake.fail("empty")
    connect("sts").get_caller_identity()
    assert connect("ecr").get_authorization_token()["authorizationData"] == []
    public = connect("ecr-public", region="us-east-1")
    assert public.get_authorization_token()["authorizationData"] == {}


def test_a_call_hangs_until_it_is_mended(fake: FakeAws, connect: Connect) -> None:
    fake.fail("hang", times=1)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(connect("ecr").get_authorization_token)
        hanging = fake.wait_for_calls(1, fault="hang")[0]
        assert hanging.result == "pending"
        assert not waiting.done()
        fake.fix()
        assert waiting.result(timeout=10)["authorizationData"]
    assert [(call.fault, call.result) for call in fake.calls()] == [("hang", "ok")]


def test_a_hanging_call_is_dropped_when_its_client_goes(fake: FakeAws, connect: Connect) -> None:
    fake.fail("hang")
    with pytest.raises(ReadTimeoutError):
        connect("ecr", read_timeout=0.1).get_authorization_token()
    assert fake.wait_for_calls(1, result="abandoned")[0].status == 0


def test_faults_hit_what_they_are_told_to_and_as_often(fake: FakeAws, connect: Connect) -> None:
    session = assume(connect)["Credentials"]
    fake.fail("Throttling", action="GetAuthorizationToken", region="eu-west-1", times=2)
    fake.fail("AccessDenied", access_key_id=session["AccessKeyId"], service="ecr", times=1)
    fake.fail("InternalError", role_arn=ROLE, action="AssumeRole")
    assert [fault.times for fault in fake.faults()] == [2, 1, None]

    west, east, role = connect("ecr", region="eu-west-1"), connect("ecr"), connect("ecr", session)
    east.get_authorization_token()
    assert [refusal(west.get_authorization_token)[0] for _ in range(2)] == ["ThrottlingException"] * 2
    west.get_authorization_token()
    assert "assumed-role/puller" in refusal(role.get_authorization_token)[2]
    role.get_authorization_token()
    assert refusal(lambda: assume(connect))[0] == "InternalFailure"
    fake.fix(action="AssumeRole")
    assume(connect)
    assert fake.faults() == []

    fake.fail("Throttling", role_arn=ROLE)
    assert refusal(role.get_authorization_token)[0] == "ThrottlingException"
    east.get_authorization_token()


# Control


def test_settings_take_effect_at_once(fake: FakeAws, connect: Connect) -> None:
    changed = fake.settings(lifetime_seconds=7, latency_seconds=0.05)
    assert (changed.lifetime_seconds, changed.latency_seconds) == (7, 0.05)
    assert fake.settings() == changed
    started = time.monotonic()
    connect("ecr").get_authorization_token()
    assert time.monotonic() - started >= 0.05
    token = fake.tokens()[0]
    assert token.expires_at - token.issued_at == pytest.approx(7, abs=0.01)


def test_slow_calls_do_not_wait_for_each_other(fake: FakeAws, connect: Connect) -> None:
    fake.settings(latency_seconds=0.5)
    sts = connect("sts")
    with ThreadPoolExecutor(8) as pool:
        started = time.monotonic()
        assert len(list(pool.map(lambda _: sts.get_caller_identity(), range(8)))) == 8
    assert time.monotonic() - started < 8 * 0.5


def test_records_are_bounded_and_cleared(fake: FakeAws, connect: Connect) -> None:
    fake.settings(max_records=2)
    ecr = connect("ecr")
    for _ in range(4):
        ecr.get_authorization_token()
    numbers = [call.number for call in fake.calls()]
    assert len(numbers) == 2
    assert [token.number for token in fake.tokens()] == [3, 4]
    assert [call.number for call in fake.calls(after=numbers[0])] == numbers[1:]
    fake.clear_calls()
    assert fake.calls() == []
    ecr.get_authorization_token()
    assert [call.number for call in fake.calls()] == [numbers[1] + 1]


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda fake: fake.fail("no-such-kind"), "Invalid enum value 'no-such-kind'"),
        (lambda fake: fake.fail("hang", times=0), "Expected `int` >= 1"),
        (lambda fake: fake.settings(lifetime_seconds=0), "Expected `float` > 0.0"),
        (lambda fake: fake.settings(latency_seconds=-1), "Expected `float` >= 0.0"),
        (lambda fake: fake.settings(no_such=1), "unknown setting no_such; known: lifetime_seconds"),
        (lambda fake: fake.add_credentials("AKIA1", ""), "length >= 1"),
        (lambda fake: fake.add_credentials("AKIA1", "x", account="12"), "account"),
        (lambda fake: fake.set_credentials_active("AKIANEVER", active=False), "AKIANEVER is not known"),
        (lambda fake: fake.fix("nonsense"), "Invalid enum value 'nonsense'"),
        (lambda fake: fake.wait_for_calls(1, timeout=0.01), "0 of 1 calls in 0.01 s"),
    ],
)
def test_what_control_cannot_do_it_says(fake: FakeAws, ask: Callable[[FakeAws], object], words: str) -> None:
    with pytest.raises(FakeAwsError) as caught:
        ask(fake)
    assert words in str(caught.value)


def test_no_secret_is_in_a_record(fake: FakeAws, connect: Connect) -> None:
    session = assume(connect)["Credentials"]
    connect("ecr", session).get_authorization_token()
    shown = str(fake.calls()) + str(fake.credentials()) + str(fake.tokens())
    for secret in (DEFAULT_SECRET_ACCESS_KEY, session["SecretAccessKey"], session["SessionToken"]):
        assert secret not in shown


# The process


def test_it_dies_with_its_parent() -> None:
    script = (
        "import time; from ecr_secret_operator_lab.fakeaws import start_fake_aws\n"
        "with start_fake_aws() as fake: print(fake.pid(), flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        watched = os.pidfd_open(int(parent.stdout.readline()))
        try:
            parent.kill()
            ended, _, _ = select.select([watched], [], [], 10)
        finally:
            os.close(watched)
    assert ended


def test_detached_it_needs_no_standard_input(tmp_path: Path) -> None:
    url_file = tmp_path / "url"
    command = [sys.executable, "-m", "ecr_secret_operator_lab.fakeaws", "--detached", "--url-file", str(url_file)]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        fake = FakeAws(url)
        assert (fake.pid(), url_file.read_text().strip()) == (process.pid, url)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    with pytest.raises(FakeAwsError, match="no answer"):
        fake.pid()


def test_a_hanging_call_does_not_keep_it_alive(connect: Connect) -> None:
    with start_fake_aws() as other, ThreadPoolExecutor(1) as pool:
        other.fail("hang")
        sts = connect("sts")
        sts.meta.events.register("before-send", lambda request, **_: _redirect(request, other.url))
        waiting = pool.submit(sts.get_caller_identity)
        other.wait_for_calls(1, fault="hang")
        os.kill(other.pid(), signal.SIGTERM)
        assert isinstance(waiting.exception(timeout=10), HTTPClientError)


def _redirect(request: Any, url: str) -> None:
    request.url = f"{url}/"
