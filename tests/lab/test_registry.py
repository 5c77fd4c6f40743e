"""The registry front behaves as ECR's registry does, to real clients and to those that misbehave."""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from ecr_secret_operator_lab.fakeaws import (
    FakeAws,
    IssuedToken,
    start_fake_aws,
)
from ecr_secret_operator_lab.fakeaws.records import Found
from ecr_secret_operator_lab.programs import ensure_programs
from ecr_secret_operator_lab.registry import Refusal, Registry, RegistryError, Tools, pack, start_registry, unpack
from ecr_secret_operator_lab.registry.gate import challenge, judge, login_in
from ecr_secret_operator_lab.reporting import LineReporter

from .registries import FAR, HOST, NOW, a_token, ask, auth_file, basic, token_from

pytestmark = pytest.mark.xdist_group("registry")  # it is started once, by one worker

MIB = 1 << 20
PLENTY = 48 * MIB


# The decision


@pytest.mark.parametrize(
    ("token", "host", "refusal"),
    [
        (a_token(), HOST, None),
        (a_token(), "210987654321.dkr.ecr.us-east-2.amazonaws.com", None),
        (a_token(), "123456789012.dkr.ecr-fips.us-east-2.amazonaws.com", None),
        (a_token(), "123456789012.dkr-ecr.us-east-2.on.aws", None),
        (a_token(region="cn-north-1"), "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", None),
        (a_token(service="ecr-public", region="us-east-1"), "public.ecr.aws", None),
        (a_token(), "127.0.0.1", None),
        (a_token(expires_at=NOW + 0.001), HOST, None),
        (a_token(expires_at=NOW), HOST, Refusal.EXPIRED),
        (a_token(), FAR, Refusal.OTHER_REGION),
        (a_token(service="ecr-public"), HOST, Refusal.OTHER_SERVICE),
        (a_token(), "public.ecr.aws", Refusal.OTHER_SERVICE),
        (None, HOST, Refusal.NEVER_ISSUED),
    ],
)
def test_a_token_opens_the_registries_of_its_region_until_it_expires(
    token: IssuedToken | None, host: str, refusal: Refusal | None
) -> None:
    assert judge(Found(token=token, now=NOW), host) == refusal


@pytest.mark.parametrize(
    "header", [None, "", "Basic", "Basic %%%", "Bearer abc", "Basic " + base64.b64encode(b"no colon").decode()]
)
def test_a_header_without_credentials_is_none(header: str | None) -> None:
    assert login_in(header) is None


def test_a_login_has_a_user_and_a_password_and_hides_it() -> None:
    login = login_in(basic("AWS", "a:b"))
    assert login is not None
    assert (login.user, login.password) == ("AWS", "a:b")
    assert "a:b" not in repr(login)


# The registry, running


@pytest.fixture(scope="module")
def programs() -> Mapping[str, Path]:
    return ensure_programs(["registry", "crane"], LineReporter())


@pytest.fixture(scope="module")
def aws() -> Iterator[FakeAws]:
    with start_fake_aws() as aws:
        yield aws


@pytest.fixture(scope="module")
def registry(aws: FakeAws, programs: Mapping[str, Path]) -> Iterator[Registry]:
    with start_registry(aws, programs["registry"], hosts=(HOST, FAR)) as registry:
        yield registry


@pytest.fixture
def good(aws: FakeAws) -> Iterator[str]:
    """A token that is good in the region of HOST."""
    aws.settings(clock_offset_seconds=0)
    yield token_from(aws, "us-east-2")
    aws.settings(clock_offset_seconds=0)


@pytest.fixture
def tools(registry: Registry, programs: Mapping[str, Path], tmp_path: Path) -> Tools:
    return Tools(programs, registry, tmp_path)


def test_without_a_token_the_answer_is_ecrs_challenge(registry: Registry) -> None:
    assert ask(registry, None) == (401, f'Basic realm="https://{HOST}/",service="ecr.amazonaws.com"')
    assert ask(registry, None, host="localhost:5000") == (401, challenge("localhost:5000"))


def test_only_user_aws_with_an_issued_password_for_that_region_is_let_in(registry: Registry, good: str) -> None:
    before = registry.last_request()
    assert ask(registry, basic("AWS", good))[0] == 200
    assert ask(registry, basic("AWS", good), host=f"{HOST}:443")[0] == 200
    assert ask(registry, basic("root", good))[0] == 401
    assert ask(registry, basic("AWS", good[:-1]))[0] == 401
    assert ask(registry, basic("AWS", good), host=FAR)[0] == 401
    refusals = [handled.refusal for handled in registry.requests(after=before)]
    assert refusals == [None, None, Refusal.NOT_AWS, Refusal.NEVER_ISSUED, Refusal.OTHER_REGION]


def test_a_token_is_refused_once_it_has_expired_by_the_clock_of_aws(
    aws: FakeAws, registry: Registry, good: str
) -> None:
    aws.settings(clock_offset_seconds=13 * 3600.0)
    assert ask(registry, basic("AWS", good))[0] == 401
    assert registry.requests()[-1].refusal == Refusal.EXPIRED


def test_what_is_recorded_names_the_token_and_never_shows_it(aws: FakeAws, registry: Registry, good: str) -> None:
    ask(registry, basic("AWS", good), path="/v2/app/tags/list?n=1")
    handled = registry.requests()[-1]
    issued = aws.find_token(good)
    assert issued is not None
    assert (handled.method, handled.host, handled.path) == ("GET", HOST, "/v2/app/tags/list")
    assert (handled.status, handled.refusal, handled.token) == (404, None, issued.number)
    assert good not in repr(registry.requests())


def test_crane_pushes_and_pulls_a_large_image_under_the_name_of_ecr(tools: Tools, good: str, tmp_path: Path) -> None:
    content = {"layer": os.urandom(PLENTY)}
    pack(tmp_path / "layer.tar", content)
    tools.login(auth_file(HOST, good))

    pushed = tools.crane("append", "--new_layer", "layer.tar", "--new_tag", f"{HOST}/large:1")
    assert pushed.returncode == 0, pushed.stderr
    exported = tools.crane("export", f"{HOST}/large:1", "back.tar")
    assert exported.returncode == 0, exported.stderr

    assert unpack(tmp_path / "back.tar") == content


def test_crane_is_refused_without_credentials_and_with_those_of_another_host(tools: Tools, good: str) -> None:
    for content in ('{"auths":{}}', auth_file(FAR, good)):
        tools.login(content)
        done = tools.crane("digest", f"{HOST}/large:1")
        assert done.returncode != 0
        assert "401 Unauthorized" in done.stderr


def test_a_certificate_of_somebody_else_is_not_believed(tools: Tools, registry: Registry, good: str) -> None:
    tools.login(auth_file(HOST, good))
    own = {**os.environ, **registry.environment(), "DOCKER_CONFIG": str(tools.auth_file.parent)}
    own.pop("SSL_CERT_FILE")
    done = subprocess.run(
        [str(tools.programs["crane"]), "digest", f"{HOST}/large:1"],
        env=own,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "certificate signed by unknown authority" in done.stderr


@pytest.mark.parametrize(
    "request_line",
    ["CONNECT example.com:443 HTTP/1.1", f"CONNECT {HOST}:80 HTTP/1.1", f"GET https://{HOST}/v2/ HTTP/1.1", "nonsense"],
)
def test_the_proxy_leads_nowhere_else(registry: Registry, request_line: str) -> None:
    with socket.create_connection(("127.0.0.1", registry.ports.proxy), timeout=30) as connection:
        connection.sendall(f"{request_line}\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 403 ")


def test_a_scratch_directory_may_have_a_long_name(
    aws: FakeAws, programs: Mapping[str, Path], good: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with start_registry(aws, programs["registry"]) as registry:
        assert registry.ca.is_relative_to(deep)
        assert ask(registry, basic("AWS", good))[0] == 200


def test_a_registry_that_does_not_start_says_why(aws: FakeAws, tmp_path: Path) -> None:
    broken = tmp_path / "registry"
    broken.write_text("#!/bin/sh\necho no such storage; exit 3\n")
    broken.chmod(0o755)
    with pytest.raises(RegistryError, match=r"ended with 3(.|\n)*no such storage"), start_registry(aws, broken):
        pass
