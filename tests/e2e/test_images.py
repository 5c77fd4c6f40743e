"""A build pushes an image and a pod pulls it, with nothing but what the operator generated."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ecr_secret_operator_lab.cluster import Cluster, secret_data
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.registry import Refusal, Registry, Tools

from ..cluster.resources import a_resource, apply, password_in, wait_ready, wait_secret
from .accounts import DOCKER_CONFIG, an_account, auth_file_of_a_build, auth_file_of_a_pod, wait_linked
from .images import FAR, HOST, content, pull, push, why_refused

pytestmark = pytest.mark.usefixtures("operator")

LONG = 60.0
PULLER = "arn:aws:iam::123456789012:role/puller"


def serve(cluster: Cluster, namespace: str, name: str = "ecr", **spec: Any) -> str:
    """Has a resource served, and gives its generated Secret's name."""
    apply(cluster, namespace, a_resource(name=name, **spec))
    wait_ready(cluster, namespace, name, within=LONG)
    return f"{name}-generated"


def test_a_build_pushes_and_a_pod_pulls_through_their_service_accounts(
    cluster: Cluster, namespace: str, tools: Tools, registry: Registry, aws: FakeAws
) -> None:
    for account in ("builder", "deployer"):
        an_account(cluster, namespace, account)
    links = [
        {"service_account": "builder", "for": ["mount"]},
        {"service_account": "deployer", "for": ["pull"]},
    ]
    image, secret = f"{HOST}/{namespace}/app:1", serve(cluster, namespace, link=links)
    wait_linked(cluster, namespace, "builder", secret, field="secrets")
    wait_linked(cluster, namespace, "deployer", secret, field="imagePullSecrets")
    before = registry.last_request()

    tools.login(auth_file_of_a_build(cluster, namespace, "builder", HOST))
    pushed = push(tools, image, "from the build")
    assert pushed.returncode == 0, pushed.stderr
    digest = tools.crane("digest", image).stdout

    tools.login(auth_file_of_a_pod(cluster, namespace, "deployer"))
    pulled = pull(tools, image)
    assert pulled.returncode == 0, pulled.stderr
    assert content(tools) == {"app/greeting": b"from the build"}
    assert digest.startswith("sha256:")
    assert tools.crane("digest", image).stdout == digest

    token = aws.find_token(password_in(wait_secret(cluster, namespace)))
    assert token is not None
    let_in = [handled for handled in registry.requests(after=before) if handled.refusal is None]
    assert {handled.token for handled in let_in} == {token.number}
    assert {"PUT", "GET"} <= {handled.method for handled in let_in}


def test_an_image_that_was_pushed_as_a_file_comes_back_with_the_same_digest(
    cluster: Cluster, namespace: str, tools: Tools
) -> None:
    image = f"{HOST}/{namespace}/app:1"
    tools.login(secret_data(wait_secret(cluster, namespace, serve(cluster, namespace)))[DOCKER_CONFIG])
    made = tools.crane("append", "--new_layer", _layer(tools), "--new_tag", image, "--output", "image.tar")
    assert made.returncode == 0, made.stderr

    pushed = tools.crane("push", "image.tar", image)
    assert pushed.returncode == 0, pushed.stderr
    assert tools.crane("pull", image, "back.tar").returncode == 0
    assert tools.crane("digest", image).stdout == tools.crane("digest", "--tarball", "image.tar").stdout


def _layer(tools: Tools) -> str:
    (tools.home / "layer.tar").write_bytes(b"\0" * 1024)  # an archive of nothing
    return "layer.tar"


def test_a_pod_pulls_from_two_registries_with_the_two_secrets_of_its_account(
    cluster: Cluster, namespace: str, tools: Tools
) -> None:
    links = [{"service_account": "default", "for": ["pull"]}]
    near = serve(cluster, namespace, "near", link=links)
    far = serve(cluster, namespace, "far", ecr_registry=FAR, region=None, link=links)
    wait_linked(cluster, namespace, "default", near, far, field="imagePullSecrets")
    tools.login(auth_file_of_a_pod(cluster, namespace, "default"))
    for host in (HOST, FAR):
        assert push(tools, f"{host}/{namespace}/app:1", host).returncode == 0
        assert pull(tools, f"{host}/{namespace}/app:1").returncode == 0
        assert content(tools) == {"app/greeting": host.encode()}


def test_one_secret_opens_several_registries(cluster: Cluster, namespace: str, tools: Tools) -> None:
    secret = serve(cluster, namespace, additional_registries=[{"ecr_registry": FAR}])
    tools.login(secret_data(wait_secret(cluster, namespace, secret))[DOCKER_CONFIG])
    copied = f"{FAR}/{namespace}/copy:1"
    assert push(tools, f"{HOST}/{namespace}/app:1").returncode == 0
    done = tools.crane("copy", f"{HOST}/{namespace}/app:1", copied)
    assert done.returncode == 0, done.stderr
    assert pull(tools, copied).returncode == 0


def test_a_token_for_pulling_does_not_push(cluster: Cluster, namespace: str, tools: Tools, registry: Registry) -> None:
    image = f"{HOST}/{namespace}/app:1"
    both = wait_secret(cluster, namespace, serve(cluster, namespace, "both"))
    only_pull = serve(cluster, namespace, "pull", aws={"role_arn": PULLER, "access": "pull"})
    assert push(_logged_in(tools, secret_data(both)[DOCKER_CONFIG]), image).returncode == 0

    tools.login(secret_data(wait_secret(cluster, namespace, only_pull))[DOCKER_CONFIG])
    assert pull(tools, image).returncode == 0
    before = registry.last_request()
    assert push(tools, image, "another").returncode != 0
    assert Refusal.NOT_ALLOWED in {handled.refusal for handled in registry.requests(after=before)}
    assert "PUT" not in {handled.method for handled in registry.requests(after=before)}


Spoil = Callable[[str], str]


@pytest.mark.parametrize(
    ("spoil", "refusal"),
    [
        pytest.param(lambda _: '{"auths":{}}', Refusal.NO_CREDENTIALS, id="no credentials"),
        pytest.param(lambda config: _replaced(config, "password", "hunter2"), Refusal.NEVER_ISSUED, id="made up"),
        pytest.param(lambda config: _replaced(config, "username", "root"), Refusal.NOT_AWS, id="another user"),
        pytest.param(lambda config: config.replace(FAR, HOST), Refusal.OTHER_REGION, id="of another region"),
    ],
)
def test_what_is_not_the_token_opens_nothing(
    spoil: Spoil, refusal: Refusal, cluster: Cluster, namespace: str, tools: Tools, registry: Registry
) -> None:
    secret = wait_secret(cluster, namespace, serve(cluster, namespace, ecr_registry=FAR, region=None))
    good = secret_data(secret)[DOCKER_CONFIG]
    assert push(_logged_in(tools, good), f"{FAR}/{namespace}/app:1").returncode == 0
    before = registry.last_request()
    host = HOST if refusal is Refusal.OTHER_REGION else FAR
    for attempt in (push, pull):
        assert attempt(_logged_in(tools, spoil(good)), f"{host}/{namespace}/app:1").returncode != 0
    assert refusal in why_refused(registry, after=before)


def _logged_in(tools: Tools, config: str) -> Tools:
    tools.login(config)
    return tools


def _replaced(config: str, field: str, value: str) -> str:
    """The auth file with another user or password; without `auth`, which says both once more."""
    content = json.loads(config)
    for entry in content["auths"].values():
        entry[field] = value
        entry.pop("auth")
    return json.dumps(content)
