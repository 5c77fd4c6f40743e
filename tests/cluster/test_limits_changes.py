"""A limit that changes: no Secret gets, keeps or gets back a token that may do more than is wanted.

What was stored in between is read from a watch that starts in the past, so that no short moment is missed.
"""

from __future__ import annotations

import itertools
from base64 import b64encode
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ecr_secret_operator_lab.cluster import ECR, Cluster, condition, resource_path, secret_path
from ecr_secret_operator_lab.waiting import wait_for

from .identities import ROLE, service_account
from .limiting import LEAN, OWN_ONLY, WIDE, extents, issued_in, may, now, passwords_in
from .private import POLICIES, World, private_world
from .pulls import Site, versions
from .resources import HOST, a_resource, docker_config, wait_condition, wait_ready, wait_secret

pytestmark = pytest.mark.xdist_group("limits changes")

LIMIT = {"access": "pull", "repositories": ["{namespace}/*"]}
ALL = {"role_arns": ["*"], "ambient_identity": True}


@pytest.fixture(scope="module")
def lasting_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with private_world(tmp_path_factory.mktemp("limits")) as world:
        yield Site(world, [world.start(**LEAN)])


@pytest.fixture
def site(lasting_site: Site) -> Iterator[Site]:
    lasting_site.world.aws.clear_calls()  # a reset would forget tokens that the operator has cached
    yield lasting_site
    lasting_site.world.aws.fix()
    lasting_site.clear()


@pytest.fixture
def world(site: Site) -> World:
    return site.world


@pytest.fixture
def namespace(site: Site) -> str:
    return site.namespace()


@pytest.fixture
def since(world: World, namespace: str) -> str:
    """The version before the test."""
    return now(world, namespace)


def edit(world: World, namespace: str, **spec: Any) -> None:
    world.cluster.patch(resource_path("secrets", namespace, "ecr"), {"spec": spec})


def serve(world: World, namespace: str, **spec: Any) -> None:
    world.apply(namespace, **spec)
    wait_ready(world.cluster, namespace)


def own(namespace: str) -> dict[str, Any]:
    """The fields of `aws` that ask for no more than the limit."""
    return {"access": "pull", "repositories": [f"{namespace}/*"]}


def wait_limit(world: World, namespace: str, *, limited: bool = True) -> None:
    """Waits until the status of a served resource names the limit, or none."""
    limit = f"pull in {namespace}/*" if limited else ""

    def said() -> bool:
        found = world.get(namespace) or {}
        return bool(
            condition(found, "Ready").get("observedGeneration") == found["metadata"]["generation"]
            and found["status"].get("tokenLimit", "") == limit
        )

    wait_for(said, f"the limit is {limit!r}")


IDENTITIES: Mapping[str, Mapping[str, str]] = {"own keys": {}, "role": {"role_arn": ROLE}}


@pytest.mark.parametrize("identity", IDENTITIES)
def test_a_spec_that_is_narrowed_and_widened(world: World, namespace: str, since: str, identity: str) -> None:
    serve(world, namespace, aws=IDENTITIES[identity])
    edit(world, namespace, aws=own(namespace))
    wait_limit(world, namespace)
    edit(world, namespace, aws={"access": None, "repositories": None})
    wait_limit(world, namespace, limited=False)
    assert extents(world, namespace, since) == [WIDE, OWN_ONLY, WIDE]


@pytest.mark.parametrize("identity", IDENTITIES)
def test_a_limit_that_a_policy_sets_replaces_the_stored_token_in_one_step(
    world: World, namespace: str, since: str, identity: str
) -> None:
    serve(world, namespace, aws=IDENTITIES[identity])
    world.policy("limit", **ALL, limit=LIMIT)
    wait_limit(world, namespace)
    world.cluster.delete(f"{POLICIES}/limit")
    wait_limit(world, namespace, limited=False)
    assert extents(world, namespace, since) == [WIDE, OWN_ONLY, WIDE]


def test_where_aws_gives_no_narrower_token_the_secret_is_removed(world: World, namespace: str, since: str) -> None:
    serve(world, namespace, aws={"role_arn": f"{ROLE}-{namespace}"})
    world.aws.fail("AccessDenied", action="AssumeRole")
    world.policy("limit", **ALL, limit=LIMIT)
    wait_for(lambda: world.cluster.get(secret_path(namespace, "ecr-generated")) is None, "the Secret is removed")
    world.wait(namespace, reason="AWSAccessDenied", within=20)
    world.aws.fix()
    wait_limit(world, namespace)
    assert extents(world, namespace, since) == [WIDE, "deleted", OWN_ONLY]


def test_while_aws_does_not_say_whether_there_is_a_narrower_token_the_secret_stays(
    world: World, namespace: str, since: str
) -> None:
    serve(world, namespace, aws={"role_arn": f"{ROLE}-{namespace}"})
    world.aws.fail("InternalError", action="AssumeRole")
    calls = len(world.aws.calls("AssumeRole"))
    world.policy("limit", **ALL, limit=LIMIT)
    world.aws.wait_for_calls(calls + 2, "AssumeRole", timeout=30)
    world.aws.fix()
    wait_limit(world, namespace)
    assert extents(world, namespace, since) == [WIDE, OWN_ONLY]


def test_what_cannot_be_limited_loses_its_secret(world: World, namespace: str, since: str) -> None:
    serve(world, namespace)
    world.policy("limit", **ALL, limit={"repositories": [f"{'{namespace}' * 20}/{number}" for number in range(18)]})
    world.wait(namespace, reason="InvalidSpec", within=20)
    wait_for(lambda: world.cluster.get(secret_path(namespace, "ecr-generated")) is None, "the Secret is removed")
    assert extents(world, namespace, since) == [WIDE, "deleted"]


def wait_in_force(world: World, namespace: str) -> None:
    """Waits until the operator acts on the limit: it denies another resource that asks for more."""
    world.apply(namespace, name="probe", ecr_registry=HOST.replace("us-east-2", "eu-west-1"), aws={"access": "push"})
    world.wait(namespace, "probe", reason="PolicyDenied", within=20)


@pytest.mark.parametrize("action", ["GetAuthorizationToken", "AssumeRole"])
def test_a_policy_that_changes_while_aws_is_asked(world: World, namespace: str, since: str, action: str) -> None:
    world.aws.fail("hang", action=action, times=1)
    world.apply(namespace, aws={"role_arn": f"{ROLE}-{namespace}"})
    world.aws.wait_for_calls(1, action)
    world.policy("limit", **ALL, limit=LIMIT)
    wait_in_force(world, namespace)
    world.aws.fix()
    wait_limit(world, namespace)
    assert extents(world, namespace, since) == [OWN_ONLY], "the wide token came too late"


def test_an_audited_limit_is_reported_and_an_enforced_one_is_not(world: World, namespace: str, since: str) -> None:
    world.policy("audit", **ALL, limit=LIMIT, mode="Audit")
    serve(world, namespace)
    said = wait_for(lambda: condition(world.get(namespace), "PolicyAllowed"), "it reports")
    change = f"to pull in {namespace}/*; it is full in all repositories now"
    text = f"AccessPolicy audit sets the limit of the token for {HOST} in namespace {namespace} {change}"
    assert text in said["message"]
    world.cluster.patch(f"{POLICIES}/audit", {"spec": {"mode": "Enforce"}})
    wait_limit(world, namespace)
    assert condition(world.get(namespace), "PolicyAllowed") == {}
    assert extents(world, namespace, since) == [WIDE, OWN_ONLY]


def break_sts(world: World, namespace: str) -> None:
    world.aws.fail("AccessDenied", action="AssumeRoleWithWebIdentity")


def delete_account(world: World, namespace: str) -> None:
    world.cluster.delete(f"/api/v1/namespaces/{namespace}/serviceaccounts/builder")


@pytest.mark.parametrize("trouble", [break_sts, delete_account])
@pytest.mark.parametrize("damage", ["deleted", "emptied"])
def test_the_repair_of_a_secret_puts_no_wider_token_back(
    world: World, namespace: str, trouble: Any, damage: str
) -> None:
    """The spec asks for less than is stored, and the narrower token cannot be had."""
    service_account(world.cluster, namespace, "builder", **{"role-arn": ROLE})
    serve(world, namespace, aws={"service_account": "builder"})
    trouble(world, namespace)
    edit(world, namespace, aws=own(namespace))
    wait_for(lambda: failing(world, namespace), "the narrower token cannot be had")
    since, path = now(world, namespace), secret_path(namespace, "ecr-generated")
    if damage == "deleted":
        world.cluster.delete(path)
    else:
        world.cluster.patch(path, {"data": {".dockerconfigjson": "e30="}})
    wait_condition(world.cluster, namespace, type="Ready", status="False")
    world.apply(namespace, name="next")
    wait_ready(world.cluster, namespace, "next")  # what is to be done about the Secret has been done
    assert WIDE not in extents(world, namespace, since)


def failing(world: World, namespace: str) -> bool:
    found = world.get(namespace)
    assert found
    current = condition(found, "Refreshing").get("observedGeneration") == found["metadata"]["generation"]
    return bool(current and condition(found, "Refreshing")["status"] == "False")


def test_a_secret_of_the_go_operator_with_a_wide_token_is_replaced(world: World, namespace: str) -> None:
    serve(world, namespace, name="ecr")
    wide = passwords_in(wait_secret(world.cluster, namespace))[HOST]
    world.cluster.delete(resource_path("secrets", namespace, "ecr"))
    wait_for(lambda: world.cluster.get(secret_path(namespace, "ecr-generated")) is None, "the Secret is gone")
    data = {".dockerconfigjson": b64encode(docker_config(HOST, wide).encode()).decode()}
    body = {"metadata": {"name": "ecr-generated"}, "type": "kubernetes.io/dockerconfigjson", "data": data}
    since = now(world, namespace)
    world.cluster.create(secret_path(namespace), body)
    world.policy("limit", **ALL, limit=LIMIT)
    serve(world, namespace)
    assert extents(world, namespace, since) == [WIDE, OWN_ONLY]


def test_a_restart_asks_nothing_and_writes_nothing(site: Site, world: World, namespace: str) -> None:
    world.policy("limit", **ALL, limit={"access": "push", "repositories": ["{namespace}/*"]})
    for number, (access, identity) in enumerate(itertools.product((None, "pull"), IDENTITIES.values())):
        world.apply(namespace, name=f"ecr-{number}", aws={**identity, **({"access": access} if access else {})})
    for number in range(4):
        wait_ready(world.cluster, namespace, f"ecr-{number}")
    before, calls = versions(world.cluster.items(secret_path(namespace))), len(world.aws.calls())
    operator = site.restart(**LEAN)
    wait_for(lambda: operator.metric("ecr_secret_operator_reconciles_total", result="ok") >= 4, "all were looked at")
    wait_for(lambda: operator.metric("ecr_secret_operator_tokens_limited") == 4, "all are known to be limited")
    assert versions(world.cluster.items(secret_path(namespace))) == before
    assert len(world.aws.calls()) == calls


# Many namespaces


def test_a_cluster_resource_has_another_token_in_each_namespace_whose_limit_differs(site: Site, world: World) -> None:
    limits = {"none": {}, "pull": {"access": "pull"}, "own": {"repositories": ["{namespace}/*"]}}
    names = {limit: site.namespace(limit=limit) for limit in limits}
    for limit, spec in limits.items():
        selected = {"selector": {"matchLabels": {"limit": limit}}}
        world.policy(limit, namespaces=selected, ambient_identity=True, limit=spec)
    selection = {"namespaces": {"include": list(names.values())}}
    site.pull("plain", **selection)
    site.wait_served("plain", 3)
    site.pull("push", aws={"access": "push"}, **selection)
    site.wait_failing("push", {names["pull"]: "PolicyDenied"})
    site.pull("other", aws={"repositories": ["team/*"]}, **selection)
    site.wait_failing("other", {names["own"]: "PolicyDenied"})

    def rights(pull: str, limit: str) -> list[bool]:
        secret = site.secret(names[limit], f"{pull}-generated")
        assert secret
        token = issued_in(secret, world.aws.tokens())[HOST]
        places = (f"{names['own']}/web", f"{names['none']}/web", "team/web")
        return [may(token, action, place) for action in ("BatchGetImage", "PutImage") for place in places]

    yes, no = True, False
    assert rights("plain", "none") == [yes] * 6
    assert rights("plain", "pull") == [yes, yes, yes, no, no, no]
    assert rights("plain", "own") == [yes, no, no, yes, no, no]
    assert rights("push", "none") == [yes] * 6
    assert rights("push", "own") == [yes, no, no, yes, no, no]
    assert rights("other", "none") == [no, no, yes, no, no, yes]
    assert rights("other", "pull") == [no, no, yes, no, no, no]
    assert site.secret(names["pull"], "push-generated") is site.secret(names["own"], "other-generated") is None


NAMESPACES, RESOURCES = 100, 3


def test_a_limit_for_each_namespace_is_a_call_for_each_namespace(site: Site, world: World) -> None:
    """And without limits all of them are one call."""
    names = site.namespaces(NAMESPACES)

    def create(some: list[str]) -> None:
        with Cluster(world.plane.kubeconfig) as cluster:
            for name, number in itertools.product(some, range(RESOURCES)):
                body = a_resource(name=f"ecr-{number}", region=None, aws={"role_arn": f"{ROLE}-many"})
                cluster.create(resource_path("secrets", name), body)

    def limited(limit: str) -> bool:
        found = [one.get("status", {}) for one in world.cluster.items(f"{ECR}/secrets")]
        ready = [one.get("tokenLimit", "") for one in found if one.get("phase") == "Updated"]
        return len(ready) == NAMESPACES * RESOURCES and all(bool(one) == bool(limit) for one in ready)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(create, (names[start::4] for start in range(4))))
    wait_for(lambda: limited(""), "all are served", within=60)
    assert len(world.aws.calls("GetAuthorizationToken")) == 1
    world.aws.clear_calls()
    world.policy("own", **ALL, limit={"repositories": ["{namespace}/*"]})
    wait_for(lambda: limited("own"), "all are limited", within=60)
    assert len(world.aws.calls("GetAuthorizationToken")) == len(world.aws.calls("AssumeRole")) == NAMESPACES
    patterns = {one["status"]["tokenLimit"] for one in world.cluster.items(f"{ECR}/secrets")}
    assert patterns == {f"full in {name}/*" for name in names}
