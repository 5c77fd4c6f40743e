"""What the registry front permits: one action on one repository for each request, and no way around it."""

from __future__ import annotations

import json
import posixpath
from urllib.parse import parse_qs, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecr_secret_operator_lab.fakeaws.records import Found, IssuedToken, Permissions
from ecr_secret_operator_lab.registry import Refusal
from ecr_secret_operator_lab.registry.admission import Admission, admit

from .registries import HOST, NOW, OTHER, a_token

ARN = "arn:aws:ecr:us-east-2:123456789012:repository/"
USER = "arn:aws:iam::123456789012:user/one"
DIGEST = "sha256:00"


def policy(*actions: str, resource: str = ARN + "team-a/*", **over: object) -> str:
    statement = {"Effect": "Allow", "Action": list(actions or ["ecr:*"]), "Resource": resource, **over}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


LIMITED = a_token(policy=policy())


def decide(
    request_line: str, token: IssuedToken = LIMITED, *, host: str = HOST, permissions: Permissions | None = None
) -> Admission:
    method, _, target = request_line.partition(" ")
    found = Found(token=token, now=NOW, permissions=permissions or Permissions())
    return admit(found, method=method, host=host, target=target)


# One action each


@pytest.mark.parametrize(
    ("request_line", "action"),
    [
        ("GET manifests/1", "BatchGetImage"),
        ("HEAD manifests/sha256:00", "BatchGetImage"),
        ("PUT manifests/1", "PutImage"),
        ("DELETE manifests/sha256:00", "BatchDeleteImage"),
        ("GET blobs/sha256:00", "GetDownloadUrlForLayer"),
        ("HEAD blobs/sha256:00", "BatchCheckLayerAvailability"),
        ("POST blobs/uploads/", "InitiateLayerUpload"),
        ("POST blobs/uploads", "InitiateLayerUpload"),
        ("GET blobs/uploads/0-1", "UploadLayerPart"),
        ("PATCH blobs/uploads/0-1?_state=x", "UploadLayerPart"),
        ("PUT blobs/uploads/0-1?digest=sha256:00", "CompleteLayerUpload"),
        ("GET tags/list?n=1", "ListImages"),
        ("GET referrers/sha256:00", "ListImageReferrers"),
    ],
)
@pytest.mark.parametrize("name", ["team-a/web", "team-a/blobs/uploads", "team-a/manifests"])
def test_a_request_needs_its_action_on_its_repository(request_line: str, action: str, name: str) -> None:
    method, _, rest = request_line.partition(" ")
    line = f"{method} /v2/{name}/{rest}"
    allowed = decide(line, a_token(policy=policy(f"ecr:{action}")))
    assert (allowed.refusal, allowed.target) == (None, line.partition(" ")[2])
    every_other = policy(NotAction=f"ecr:{action}").replace('"Action": ["ecr:*"], ', "")
    refused = decide(line, a_token(policy=every_other))
    assert (refused.refusal, refused.target) == (Refusal.NOT_ALLOWED, "")
    assert refused.message == (
        f"User: {USER} is not authorized to perform: ecr:{action} on resource: {ARN}{name} "
        f"because no session policy allows the ecr:{action} action"
    )
    neighbour = decide(f"{method} /v2/team-b/web/{rest}", a_token(policy=policy(f"ecr:{action}")))
    assert neighbour.refusal is Refusal.NOT_ALLOWED
    assert decide(line, a_token()).refusal is None


def test_a_blob_that_comes_whole_needs_all_of_an_upload() -> None:
    line = f"POST /v2/team-a/web/blobs/uploads/?digest={DIGEST}"
    needed = ["ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"]
    assert decide(line, a_token(policy=policy(*needed))).refusal is None
    for one in needed:
        fewer = a_token(policy=policy(*(action for action in needed if action != one)))
        assert f"perform: {one} " in decide(line, fewer).message


def test_the_catalog_needs_a_permission_for_all_repositories() -> None:
    assert f"ecr:DescribeRepositories on resource: {ARN}* because" in decide("GET /v2/_catalog").message
    assert decide("GET /v2/_catalog", a_token(policy=policy(resource=ARN + "*"))).refusal is None
    assert decide("GET /v2/").refusal is None


@pytest.mark.parametrize(
    "request_line",
    [
        "DELETE /v2/team-a/web/blobs/sha256:00",
        "DELETE /v2/team-a/web/blobs/uploads/0-1",
        "POST /v2/team-a/web/manifests/1",
        "PATCH /v2/team-a/web/manifests/1",
        "HEAD /v2/_catalog",
        "PUT /v2/",
        "get /v2/team-a/web/manifests/1",
    ],
)
@pytest.mark.parametrize("token", [LIMITED, a_token()], ids=["limited", "unlimited"])
def test_what_ecr_does_not_serve_is_refused(request_line: str, token: IssuedToken) -> None:
    assert decide(request_line, token).refusal is Refusal.NOT_SERVED


# Paths that try to be about two repositories


@pytest.mark.parametrize(
    "path",
    [
        "/v2/team-a/../team-b/web/manifests/1",
        "/v2/team-a/%2e%2e/team-b/web/manifests/1",
        "/v2/team-a/..%2fteam-b/web/manifests/1",
        "/v2/team-a%2f..%2fteam-b/web/manifests/1",
        "/v2/team-a%2Fweb/manifests/1",
        "/v2/team-a/web/manifests/..%2f..%2f..%2fteam-b/web/manifests/1",
        "/v2/team-a/./web/manifests/1",
        "/v2/team-a//web/manifests/1",
        "/v2//team-a/web/manifests/1",
        "//v2/team-a/web/manifests/1",
        "/v2/team-b/web/manifests/1/",
        "/v2/Team-A/web/manifests/1",
        "/V2/team-a/web/manifests/1",
        "/v2/team-a/w\u00e9b/manifests/1",
        "/v2/team-a/w%C3%A9b/manifests/1",
        "/v2/team-a/web\uff0fx/manifests/1",
        "/v2/team-a/web;x/manifests/1",
        "/v2/team-a/web\\..\\x/manifests/1",
        "/v2/team-a/web /manifests/1",
        "/v2/team-a/*/manifests/1",
        "/v2/team-a/web/manifests/1#x",
        "/v2/team-a/web/manifests/1\n",
        "/v2/team-a/web%00/manifests/1",
        "/v2/team-a/web-/manifests/1",
        "/v2/team-a/web/manifests/",
        "/v2/team-a/web/blobs/uploadsx",
        "/v2/team-a/web",
        f"/v2/team-a/{'w' * 256}/manifests/1",
        f"https://{HOST}/v2/team-a/web/manifests/1",
        "*",
        "",
        "/",
    ],
)
def test_a_path_with_a_trick_is_of_no_repository(path: str) -> None:
    for token in (LIMITED, a_token()):
        assert decide(f"GET {path}", token).refusal is Refusal.BAD_PATH


NASTY = "team-a team-b web v2 manifests blobs uploads tags list .. . %2e%2e %2f %252f Team-A 1 t\u0435am-a ? \\"
pieces = st.sampled_from(["", "team-a", DIGEST, "referrers", "_catalog", *NASTY.split(" ")])


@given(pieces=st.lists(pieces, max_size=8), method=st.sampled_from(["GET", "HEAD", "PUT", "POST", "DELETE"]))
def test_what_is_passed_on_is_of_the_repository_that_was_judged(pieces: list[str], method: str) -> None:
    admission = decide(f"{method} /v2/{'/'.join(pieces)}")
    if admission.refusal is not None:
        return
    path = unquote(unquote(admission.target.partition("?")[0]))
    normal = posixpath.normpath(path.replace("\\", "/")).lower()
    assert path.rstrip("/") == normal, "there is one way to read it"
    assert normal == "/v2" or normal.startswith("/v2/team-a/")


# Mounts


@pytest.mark.parametrize(
    ("query", "forwarded"),
    [
        ("mount=sha256:00&from=team-a/base", {"mount": [DIGEST], "from": ["team-a/base"]}),
        ("from=team-a%2Fbase&mount=sha256%3A00", {"mount": [DIGEST], "from": ["team-a/base"]}),
        ("mount=sha256:00&from=team-b/base", {}),
        ("mount=sha256:00&from=team-a/base&from=team-b/base", {}),
        ("mount=sha256:00&from=team-b/base&from=team-a/base", {}),
        ("mount=sha256:00&from=team-a/../team-b/base", {}),
        ("mount=sha256:00&from=TEAM-A/base", {}),
        ("mount=sha256:00&from=team-a/base;from=team-b/base", {}),
        ("mount=sha256:00&FROM=team-b/base", {}),
        ("mount=sha256:00", {}),
        ("mount=x&from=team-a/base", {}),
        ("x=1&from=team-b/base", {}),
    ],
)
def test_a_layer_is_mounted_only_from_a_repository_that_may_be_read(
    query: str, forwarded: dict[str, list[str]]
) -> None:
    admission = decide(f"POST /v2/team-a/web/blobs/uploads/?{query}")
    path, _, rest = admission.target.partition("?")
    assert (admission.refusal, path, parse_qs(rest)) == (None, "/v2/team-a/web/blobs/uploads/", forwarded)
    assert admission.starts_upload, "a form in the body could name another repository"


def test_a_mount_needs_the_permission_to_download() -> None:
    line = "POST /v2/team-a/web/blobs/uploads/?mount=sha256:00&from=team-b/base"
    write = {"Effect": "Allow", "Action": "ecr:InitiateLayerUpload", "Resource": ARN + "team-a/*"}
    for action, mounted in (("ecr:GetDownloadUrlForLayer", True), ("ecr:BatchGetImage", False)):
        read = {"Effect": "Allow", "Action": action, "Resource": ARN + "team-b/base"}
        admission = decide(line, a_token(policy=json.dumps({"Statement": [write, read]})))
        assert (admission.refusal, "from=" in admission.target) == (None, mounted)


# Accounts, partitions, hosts

READ = json.dumps(
    {"Statement": {"Effect": "Allow", "Action": "ecr:BatchGetImage", "Principal": {"AWS": "123456789012"}}}
)
THEIRS = "arn:aws:ecr:us-east-2:210987654321:repository/team-a/web"
BOTH = a_token(policy=policy(resource="arn:aws:ecr:us-east-2:*:repository/team-a/*"))


@pytest.mark.parametrize("host", [OTHER, OTHER.upper(), f"{OTHER}:443", f"{OTHER}.", f"{OTHER.upper()}.:443"])
def test_another_account_lets_in_whom_its_repository_names(host: str) -> None:
    line = "GET /v2/team-a/web/manifests/1"
    named, closed = Permissions(repositories={THEIRS: READ}), Permissions(repositories={})
    assert decide(line, BOTH, host=host, permissions=named).refusal is None
    assert decide(line, a_token(), host=host, permissions=named).refusal is None
    assert decide(line, a_token(), host=host).refusal is None, "until policies are set, all are let in"
    assert decide(line, a_token(), permissions=closed).refusal is None, "at home, no grant is needed"

    for token, permissions, lacking in ((BOTH, closed, "resource-based"), (LIMITED, named, "session")):
        message = decide(line, token, host=host, permissions=permissions).message
        assert message.endswith(
            f"on resource: {THEIRS} because no {lacking} policy allows the ecr:BatchGetImage action"
        )
    assert (
        "no resource-based" in decide("DELETE /v2/team-a/web/manifests/1", BOTH, host=host, permissions=named).message
    )
    assert "no resource-based" in decide("GET /v2/team-a/x/manifests/1", BOTH, host=host, permissions=named).message


def test_the_policy_of_the_identity_counts_when_it_changes() -> None:
    limits = Permissions(identities={USER: policy("ecr:BatchGetImage", resource=ARN + "team-a/web")})
    assert decide("GET /v2/team-a/web/manifests/1", permissions=limits).refusal is None
    assert "no identity-based policy" in decide("GET /v2/team-a/x/manifests/1", permissions=limits).message
    assert "no identity-based policy" in decide("PUT /v2/team-a/web/manifests/1", permissions=limits).message
    assert "no session policy" in decide("GET /v2/team-b/web/manifests/1", permissions=limits).message


@pytest.mark.parametrize(
    ("region", "host", "partition"),
    [
        ("cn-north-1", "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn", "aws-cn"),
        ("us-gov-west-1", "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "aws-us-gov"),
        ("us-east-2", "123456789012.dkr-ecr.us-east-2.on.aws", "aws"),
        ("eusc-de-east-1", "123456789012.dkr.ecr.eusc-de-east-1.amazonaws.eu", "aws-eusc"),
        ("us-east-2", "localhost:5000", "aws"),
    ],
)
def test_a_repository_is_in_the_partition_account_and_region_of_its_host(
    region: str, host: str, partition: str
) -> None:
    arn = f"arn:{partition}:ecr:{region}:123456789012:repository/"
    exact = a_token(region=region, policy=policy(resource=arn + "team-a/web"))
    assert decide("GET /v2/team-a/web/manifests/1", exact, host=host).refusal is None
    assert f"on resource: {arn}team-b/web " in decide("GET /v2/team-b/web/manifests/1", exact, host=host).message


def test_at_ecr_public_everyone_reads_and_policies_say_who_writes() -> None:
    arn = "arn:aws:ecr-public::123456789012:repository/"
    token = a_token(
        service="ecr-public", region="us-east-1", policy=policy("ecr-public:InitiateLayerUpload", resource=arn + "web")
    )
    host = "public.ecr.aws"
    assert decide("GET /v2/any/thing/manifests/1", token, host=host).refusal is None
    assert decide("HEAD /v2/any/thing/blobs/sha256:00", token, host=host).refusal is None
    for other in (host, host.upper(), f"{host}.", f"{host}:443"):
        assert decide("GET /v2/any/thing/manifests/1", a_token(), host=other).refusal is Refusal.OTHER_SERVICE
    assert decide("POST /v2/alias/web/blobs/uploads/", token, host=host).refusal is None
    assert f"on resource: {arn}db " in decide("POST /v2/alias/db/blobs/uploads/", token, host=host).message


def test_a_federated_user_without_a_policy_may_do_nothing() -> None:
    federated = a_token(principal="arn:aws:sts::123456789012:federated-user/team-a")
    assert "no session policy" in decide("GET /v2/team-a/web/manifests/1", federated).message
