"""The fake's ambient credentials, asked as the agents of EKS and ECS and IMDSv2 are, and by botocore's own fetchers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from botocore.credentials import ContainerProvider
from botocore.utils import InstanceMetadataFetcher

from ecr_secret_operator_lab.fakeaws import DEFAULT_AMBIENT_ROLE, FakeAws, FakeAwsError, start_fake_aws

TOKEN = "header.payload.signature"
ROLE = "arn:aws:iam::210987654321:role/team/puller"
ROLES = "/latest/meta-data/iam/security-credentials/"
TTL = {"X-aws-ec2-metadata-token-ttl-seconds": "60"}


@pytest.fixture(scope="module")
def server() -> Iterator[FakeAws]:
    with start_fake_aws() as fake:
        yield fake


@pytest.fixture
def fake(server: FakeAws) -> FakeAws:
    server.reset()
    return server


def ask(fake: FakeAws, path: str, headers: dict[str, str] | None = None, *, method: str = "GET") -> tuple[int, str]:
    request = Request(fake.url + path, headers=headers or {}, method=method)  # noqa: S310 - the URL is the fake's own
    try:
        with build_opener(ProxyHandler({})).open(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def keys(fake: FakeAws, path: str, headers: dict[str, str] | None = None) -> dict[str, Any]:
    status, text = ask(fake, path, headers)
    assert status == 200, text
    found: dict[str, Any] = json.loads(text)
    return found


def metadata_token(fake: FakeAws) -> dict[str, str]:
    status, token = ask(fake, "/latest/api/token", TTL, method="PUT")
    assert status == 200
    return {"X-aws-ec2-metadata-token": token}


# Container credentials


def test_the_agent_gives_a_session_of_the_role_for_a_known_token(fake: FakeAws) -> None:
    fake.set_ambient(role_arn=ROLE, tokens=["another", TOKEN])
    found = keys(fake, "/v1/credentials", {"Authorization": TOKEN})
    assert set(found) == {"AccessKeyId", "SecretAccessKey", "Token", "Expiration", "AccountId"}
    (session,) = [one for one in fake.credentials() if one.access_key_id == found["AccessKeyId"]]
    assert (session.role_arn, session.account) == (ROLE, found["AccountId"])
    assert session.expires_at == pytest.approx(time.time() + 6 * 3600, abs=60)
    assert datetime.fromisoformat(found["Expiration"]).timestamp() == pytest.approx(session.expires_at, abs=1)


def test_each_request_gives_a_new_session_that_lasts_as_long_as_was_set(fake: FakeAws) -> None:
    fake.set_ambient(tokens=[TOKEN])
    fake.settings(session_seconds=90)
    one, other = (keys(fake, "/v1/credentials", {"Authorization": TOKEN}) for _ in range(2))
    assert one["AccessKeyId"] != other["AccessKeyId"]
    assert datetime.fromisoformat(one["Expiration"]).timestamp() == pytest.approx(time.time() + 90, abs=30)


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 400, "RequestValidationError"),
        ({"Authorization": ""}, 400, "RequestValidationError"),
        ({"Authorization": "wrong"}, 400, "InvalidTokenException"),
        ({"Authorization": f"Bearer {TOKEN}"}, 400, "InvalidTokenException"),
    ],
)
def test_the_agent_refuses_other_tokens(fake: FakeAws, headers: dict[str, str], status: int, code: str) -> None:
    fake.set_ambient(tokens=[TOKEN])
    assert ask(fake, "/v1/credentials", headers)[0] == status
    assert [(call.service, call.result, call.status) for call in fake.calls("GetCredentials")] == [
        ("container", code, status)
    ]
    assert [one.role_arn for one in fake.credentials()] == [""], "no session was started"


def test_the_agent_has_nothing_for_a_pod_without_a_role(fake: FakeAws) -> None:
    fake.set_ambient(role_arn=None, tokens=[TOKEN])
    status, text = ask(fake, "/v1/credentials", {"Authorization": TOKEN})
    assert status == 404
    assert "(ResourceNotFoundException)" in text


def test_a_task_of_ecs_shows_its_token_in_the_path(fake: FakeAws) -> None:
    fake.set_ambient(tokens=["task-1"])
    assert keys(fake, "/v2/credentials/task-1")["RoleArn"] == DEFAULT_AMBIENT_ROLE
    status, text = ask(fake, "/v2/credentials/task-2")
    assert (status, json.loads(text)["code"]) == (400, "InvalidIdInRequest")


@pytest.mark.parametrize("path", ["/v1/credentials", f"/v2/credentials/{TOKEN}"])
def test_a_token_is_known_by_its_digest_alone(fake: FakeAws, path: str) -> None:
    shown = fake.set_ambient(tokens=[TOKEN])
    keys(fake, path, {"Authorization": TOKEN})
    (call,) = fake.calls()
    digest = sha256(TOKEN.encode()).hexdigest()
    assert call.parameters == {"Token": f"sha256:{digest}"}
    assert shown.token_digests == [digest]
    assert TOKEN not in repr(call)


def test_a_reset_forgets_role_and_tokens(fake: FakeAws) -> None:
    fake.set_ambient(role_arn=ROLE, tokens=[TOKEN])
    fake.reset()
    assert ask(fake, "/v1/credentials", {"Authorization": TOKEN})[0] == 400
    assert ask(fake, ROLES, metadata_token(fake)) == (200, "lab-workload")


@pytest.mark.parametrize("arn", ["", "puller", "arn:aws:iam::1:role/x", f"x{ROLE}"])
def test_a_role_that_is_none_is_refused(fake: FakeAws, arn: str) -> None:
    with pytest.raises(FakeAwsError, match="role_arn"):
        fake.set_ambient(role_arn=arn)


# IMDSv2


def test_imds_lists_the_role_and_gives_its_credentials(fake: FakeAws) -> None:
    fake.set_ambient(role_arn=ROLE)
    token = metadata_token(fake)
    assert ask(fake, ROLES, token) == (200, "puller")
    found = keys(fake, ROLES + "puller", token)
    assert (found["Code"], found["Type"]) == ("Success", "AWS-HMAC")
    assert [(call.service, call.action) for call in fake.calls()] == [
        ("imds", "GetToken"),
        ("imds", "GetRole"),
        ("imds", "GetCredentials"),
    ]
    assert ask(fake, ROLES + "another", token)[0] == 404


@pytest.mark.parametrize("path", [ROLES, ROLES + "lab-workload"])
@pytest.mark.parametrize("headers", [{}, {"X-aws-ec2-metadata-token": "made-up"}])
def test_imds_wants_a_token_that_it_issued(fake: FakeAws, path: str, headers: dict[str, str]) -> None:
    assert ask(fake, path, headers)[0] == 401


def test_a_token_of_imds_ends(fake: FakeAws) -> None:
    token = metadata_token(fake)
    fake.settings(clock_offset_seconds=61)
    assert ask(fake, ROLES, token)[0] == 401


@pytest.mark.parametrize("seconds", [None, "", "0", "21601", "-1", "1.5", "soon"])
def test_imds_gives_no_token_for_a_lifetime_that_makes_no_sense(fake: FakeAws, seconds: str | None) -> None:
    headers = {} if seconds is None else {"X-aws-ec2-metadata-token-ttl-seconds": seconds}
    assert ask(fake, "/latest/api/token", headers, method="PUT")[0] == 400


def test_an_instance_without_a_role_lists_none(fake: FakeAws) -> None:
    fake.set_ambient(role_arn=None)
    token = metadata_token(fake)
    assert ask(fake, ROLES, token)[0] == 404
    assert ask(fake, ROLES + "lab-workload", token)[0] == 404


# What the environment of the client says


def test_botocore_gets_container_credentials_with_this_environment(fake: FakeAws, tmp_path: Path) -> None:
    fake.set_ambient(tokens=[TOKEN, "other"])
    file = tmp_path / "token"
    file.write_text(TOKEN)
    for environment in (fake.container_environment(token_file=file), fake.container_environment(token="other")):
        assert not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} & environment.keys()
        found = ContainerProvider(environ=environment).load()
        assert found.access_key in {one.access_key_id for one in fake.credentials()}


def test_botocore_gets_credentials_of_the_instance_with_this_environment(fake: FakeAws) -> None:
    environment = fake.imds_environment()
    assert not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED"} & environment.keys()
    endpoint = environment["AWS_EC2_METADATA_SERVICE_ENDPOINT"]
    config = {"ec2_metadata_service_endpoint": endpoint, "ec2_metadata_v1_disabled": True}
    found = InstanceMetadataFetcher(env=environment, config=config).retrieve_iam_role_credentials()
    assert found["role_name"] == "lab-workload"
    assert found["access_key"] in {one.access_key_id for one in fake.credentials()}
