"""A running registry front enforces session policies, to crane and to a client that chooses its own requests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ecr_secret_operator_lab.fakeaws import FakeAws, start_fake_aws
from ecr_secret_operator_lab.programs import ensure_programs
from ecr_secret_operator_lab.registry import Refusal, Registry, Tools, pack, start_registry, unpack
from ecr_secret_operator_lab.reporting import LineReporter

from .fakeawsclients import jwt
from .registries import (
    ARN,
    FEDERATED,
    HOST,
    OTHER,
    READ,
    REGION,
    USER_KEYS,
    WRITE,
    Reply,
    auth_file,
    client,
    limited,
    limiting,
    send,
    token_from,
)

pytestmark = pytest.mark.xdist_group("registry")

LAYER = b"a layer of team-b"
DIGEST = f"sha256:{hashlib.sha256(LAYER).hexdigest()}"


@pytest.fixture(scope="module")
def programs() -> Mapping[str, Path]:
    return ensure_programs(["registry", "crane"], LineReporter())


@pytest.fixture(scope="module")
def aws() -> Iterator[FakeAws]:
    with start_fake_aws() as aws:
        yield aws


@pytest.fixture(scope="module")
def registry(aws: FakeAws, programs: Mapping[str, Path]) -> Iterator[Registry]:
    with start_registry(aws, programs["registry"], hosts=(HOST, OTHER)) as registry:
        yield registry


@pytest.fixture
def tools(registry: Registry, programs: Mapping[str, Path], tmp_path: Path) -> Tools:
    return Tools(programs, registry, tmp_path)


@pytest.fixture
def unlimited(aws: FakeAws) -> Iterator[str]:
    """A token of the user, and registries as they are at the start."""
    aws.reset()
    yield token_from(aws, REGION)
    aws.reset()


def push(tools: Tools, image: str) -> str:
    """Pushes an image with a layer of its own; what crane said when it failed."""
    pack(tools.home / "layer.tar", {"name": image.encode()})
    done = tools.crane("append", "--new_layer", "layer.tar", "--new_tag", image)
    return done.stderr if done.returncode else ""


def pull(tools: Tools, image: str) -> str:
    """Pulls all of an image; what crane said when it failed."""
    done = tools.crane("export", image, "back.tar")
    return done.stderr if done.returncode else ""


def test_crane_pulls_within_the_limit_and_nothing_else(aws: FakeAws, tools: Tools, unlimited: str) -> None:
    tools.login(auth_file(HOST, unlimited))
    assert push(tools, f"{HOST}/team-a/web:1") == push(tools, f"{HOST}/team-b/web:1") == ""

    tools.login(auth_file(HOST, limited(aws, *READ)))
    assert pull(tools, f"{HOST}/team-a/web:1") == ""
    assert unpack(tools.home / "back.tar") == {"name": f"{HOST}/team-a/web:1".encode()}
    assert tools.crane("ls", f"{HOST}/team-a/web").stdout.split() == ["1"]

    because = "because no session policy allows the {0} action"
    neighbours = (
        f"DENIED: User: {FEDERATED} is not authorized to perform: ecr:BatchGetImage on resource: {ARN}team-b/web "
        + because.format("ecr:BatchGetImage")
    )
    assert neighbours in pull(tools, f"{HOST}/team-b/web:1")
    assert because.format("ecr:ListImages") in tools.crane("ls", f"{HOST}/team-b/web").stderr
    assert because.format("ecr:InitiateLayerUpload") in push(tools, f"{HOST}/team-a/web:2")
    digest = tools.crane("digest", f"{HOST}/team-a/web:1").stdout.strip()
    removed = tools.crane("delete", f"{HOST}/team-a/web@{digest}")
    assert because.format("ecr:BatchDeleteImage") in removed.stderr
    assert because.format("ecr:DescribeRepositories") in tools.crane("catalog", HOST).stderr


def test_crane_pushes_within_the_limit_and_deletes_nothing(aws: FakeAws, tools: Tools, unlimited: str) -> None:
    tools.login(auth_file(HOST, limited(aws, *READ, *WRITE)))
    assert push(tools, f"{HOST}/team-a/pushed:1") == ""
    assert "403 Forbidden (HEAD responses have no body" in push(tools, f"{HOST}/team-b/web:2")
    digest = tools.crane("digest", f"{HOST}/team-a/pushed:1").stdout.strip()
    assert "ecr:BatchDeleteImage" in tools.crane("delete", f"{HOST}/team-a/pushed@{digest}").stderr
    tools.login(auth_file(HOST, unlimited))
    assert tools.crane("delete", f"{HOST}/team-a/pushed@{digest}").returncode == 0


def test_crane_copies_from_the_neighbour_only_what_it_may_read(aws: FakeAws, tools: Tools, unlimited: str) -> None:
    """Crane asks for mounts when it copies within a registry."""
    tools.login(auth_file(HOST, unlimited))
    assert push(tools, f"{HOST}/team-b/source:1") == ""
    tools.login(auth_file(HOST, limited(aws, *READ, *WRITE)))
    denied = tools.crane("copy", f"{HOST}/team-b/source:1", f"{HOST}/team-a/copy:1")
    assert f"ecr:BatchGetImage on resource: {ARN}team-b/source because no session policy" in denied.stderr
    tools.login(auth_file(HOST, limited(aws, *READ, *WRITE, resource=ARN + "team-?/*")))
    copied = tools.crane("copy", f"{HOST}/team-b/source:1", f"{HOST}/team-a/copy:1")
    assert copied.returncode == 0
    assert "mounted blob" in copied.stderr


@pytest.mark.parametrize("how", ["assume_role", "assume_role_with_web_identity", "get_federation_token"])
def test_a_session_of_each_kind_is_limited(aws: FakeAws, registry: Registry, unlimited: str, how: str) -> None:
    role = {"RoleArn": "arn:aws:iam::123456789012:role/puller", "RoleSessionName": "team-a"}
    parameters = {
        "assume_role": role,
        "assume_role_with_web_identity": {**role, "WebIdentityToken": jwt(sub="pod")},
        "get_federation_token": {"Name": "team-a"},
    }
    ask = getattr(client(aws, "sts", REGION, USER_KEYS), how)
    session = ask(**parameters[how], Policy=limiting(*READ, resource=ARN + "team-a/*"))["Credentials"]
    token = token_from(aws, REGION, session)
    statuses = [send(registry, token, f"GET /v2/{name}/manifests/none").status for name in ("team-a/web", "team-b/web")]
    assert statuses == [404, 403]
    assert send(registry, unlimited, "GET /v2/team-b/web/manifests/none").status == 404


def test_another_account_needs_a_policy_of_its_repository(aws: FakeAws, tools: Tools, unlimited: str) -> None:
    image, theirs = f"{OTHER}/team-a/shared:1", f"arn:aws:ecr:{REGION}:210987654321:repository/team-a/shared"
    tools.login(auth_file(OTHER, unlimited))
    assert push(tools, image) == "", "until policies are set, all accounts are let in"
    aws.set_repository_policies({})
    assert "because no resource-based policy allows the ecr:BatchGetImage action" in pull(tools, image)

    grant = {"Effect": "Allow", "Action": "ecr:*", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}}
    aws.set_repository_policies({theirs: json.dumps({"Statement": grant})})
    assert pull(tools, image) == ""
    for resource, message in ((ARN + "team-a/*", "no session policy"), (theirs, "")):
        tools.login(auth_file(OTHER, limited(aws, *READ, resource=resource)))
        assert message in pull(tools, image)


# Requests that no well-behaved client sends


@pytest.fixture
def upload(registry: Registry, unlimited: str) -> str:
    """A layer in a repository of team-b."""
    done = begin(registry, unlimited, "team-b/secret")
    assert put(registry, unlimited, done, LAYER, DIGEST).status == 201
    assert send(registry, unlimited, f"HEAD /v2/team-b/secret/blobs/{DIGEST}").status == 200
    return DIGEST


def begin(registry: Registry, token: str, repository: str, query: str = "", **options: object) -> Reply:
    return send(registry, token, f"POST /v2/{repository}/blobs/uploads/{query}", **options)  # type: ignore[arg-type] # of `send`


def put(registry: Registry, token: str, started: Reply, content: bytes, digest: str) -> Reply:
    place = urlsplit(started.headers["Location"])
    target = f"{place.path}?{place.query}&digest={digest}"
    headers = {"Content-Type": "application/octet-stream"}
    return send(registry, token, f"PUT {target}", body=content, headers=headers)


@pytest.mark.parametrize(
    ("query", "form"),
    [
        ("?mount={0}&from=team-b/secret", ""),
        ("?mount={0}&from=team-a/x&from=team-b/secret", ""),
        ("?mount={0}&from=team-a/..%2fteam-b/secret", ""),
        ("?mount={0}", "from=team-b/secret"),
        ("", "mount={0}&from=team-b/secret"),
        ("?mount={0}&from=team-a/x", "from=team-b/secret"),
    ],
)
def test_no_mount_takes_a_layer_of_the_neighbour(
    aws: FakeAws, registry: Registry, upload: str, query: str, form: str
) -> None:
    token = limited(aws, *READ, *WRITE)
    started = begin(
        registry,
        token,
        "team-a/thief",
        query.format(upload),
        body=form.format(upload).encode(),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    assert started.status == 202, "an upload, as for a registry that does not mount"
    assert send(registry, token, f"GET /v2/team-a/thief/blobs/{upload}").status == 404


def test_a_mount_from_a_repository_that_may_be_read_works(aws: FakeAws, registry: Registry, upload: str) -> None:
    token = limited(aws, *READ, *WRITE, resource=ARN + "team-*")
    assert begin(registry, token, "team-a/heir", f"?mount={upload}&from=team-b/secret").status == 201
    assert send(registry, token, f"GET /v2/team-a/heir/blobs/{upload}").body == LAYER


@pytest.mark.parametrize(
    "path",
    [
        "/v2/team-a/../team-b/secret/blobs/{0}",
        "/v2/team-a/%2e%2e/team-b/secret/blobs/{0}",
        "/v2/team-a%2f..%2fteam-b/secret/blobs/{0}",
        "/v2/team-a//../team-b/secret/blobs/{0}",
        "//v2/team-b/secret/blobs/{0}",
        "/v2/TEAM-B/secret/blobs/{0}",
        "https://x/v2/team-b/secret/blobs/{0}",
    ],
)
def test_no_path_reads_a_layer_of_the_neighbour(aws: FakeAws, registry: Registry, upload: str, path: str) -> None:
    reply = send(registry, limited(aws, *READ), "GET " + path.format(upload))
    assert (reply.status, reply.error[0]) == (404, "NAME_INVALID")
    assert LAYER not in reply.body
    assert registry.requests()[-1].refusal is Refusal.BAD_PATH


def test_an_upload_of_one_repository_is_no_way_into_another(aws: FakeAws, registry: Registry, unlimited: str) -> None:
    token = limited(aws, *READ, *WRITE)
    started = begin(registry, token, "team-a/mine")
    place = urlsplit(started.headers["Location"])
    other = place.path.replace("team-a/mine", "team-b/yours")
    assert send(registry, token, f"PUT {other}?{place.query}&digest={DIGEST}", body=LAYER).status == 403
    crossed = send(registry, unlimited, f"PUT {other}?{place.query}&digest={DIGEST}", body=LAYER)
    assert crossed.status == 404, "the registry behind knows whose upload it is"


def test_a_refusal_is_what_ecr_says_and_is_recorded(aws: FakeAws, registry: Registry, unlimited: str) -> None:
    token = limited(aws, *READ)
    reply = send(registry, token, "GET /v2/team-b/web/manifests/1")
    code, message = reply.error
    assert (reply.status, code) == (403, "DENIED")
    assert message == (
        f"User: {FEDERATED} is not authorized to perform: ecr:BatchGetImage on resource: {ARN}team-b/web "
        "because no session policy allows the ecr:BatchGetImage action"
    )
    issued = aws.find_token(token)
    handled = registry.requests()[-1]
    assert issued is not None
    assert (handled.status, handled.refusal, handled.token) == (403, Refusal.NOT_ALLOWED, issued.number)
    assert json.loads(issued.policy)["Statement"][1]["Resource"] == ARN + "team-a/*"
    for line in ("DELETE /v2/team-a/web/blobs/sha256:00", "POST /v2/team-a/web/manifests/1"):
        assert send(registry, unlimited, line).status == 405
