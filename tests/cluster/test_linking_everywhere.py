"""Links across namespaces: a ClusterPullSecret's, and what policy takes away, on a control plane of their own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from ecr_secret_operator_lab.cluster import ECR, Object, condition, resource_path
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.linking import link
from tests.cluster.removals import reported

from .accounts import an_account, essence, listed, the_account, wait_listed
from .linking import RECONCILES
from .private import POLICIES, World, private_world
from .resources import API_VERSION, HOST

pytestmark = pytest.mark.xdist_group("linking-everywhere")  # its control plane is started once, by one worker

MANAGER = "ecr-secret-operator-manager-role"
CLUSTER_ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
GENERATED = "shared"
LINKED = ([GENERATED], [GENERATED])
_numbers = itertools.count()


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, list[OperatorProcess]]]:
    """The world, and the operators that were started in it: the last one runs."""
    with private_world(tmp_path_factory.mktemp("linking")) as world:
        yield world, [world.start()]


@pytest.fixture
def world(started: tuple[World, list[OperatorProcess]]) -> Iterator[World]:
    found, _ = started
    yield found
    for one in found.cluster.items(f"{ECR}/clusterpullsecrets"):
        found.cluster.delete(whole(one["metadata"]["name"]))
    found.clear()


@pytest.fixture
def namespace(world: World) -> str:
    return world.cluster.namespace(f"team-{next(_numbers)}", team="a")


def whole(name: str) -> str:
    return f"{ECR}/clusterpullsecrets/{name}"


def spread(world: World, name: str, *namespaces: str, **spec: Any) -> None:
    """Makes a ClusterPullSecret."""
    full = {"generated_secret_name": GENERATED, "ecr_registry": HOST, "namespaces": {"include": list(namespaces)}}
    body = {"apiVersion": API_VERSION, "kind": "ClusterPullSecret", "metadata": {"name": name}}
    world.cluster.create(f"{ECR}/clusterpullsecrets", {**body, "spec": {**full, **spec}})


def wait_said(world: World, path: str, **wanted: str) -> Object:
    """Waits for what a resource's Linked condition says."""

    def state() -> Object | None:
        found = condition(world.cluster.get(path), "Linked")
        return found if wanted.items() <= found.items() else None

    return wait_for(state, f"{path} has Linked {wanted}")


def wait_reported(world: World, namespace: str, name: str, reason: str, count: int) -> list[str]:
    """Waits for so many events of an object with this reason; gives their messages."""

    def said() -> list[str] | None:
        found = reported(world.cluster, namespace, name, reason)
        return found if len(found) >= count else None

    return wait_for(said, f"{count} {reason} of {namespace}/{name}")


# Policy


def test_what_policy_denies_is_unlinked_and_linked_again_once_it_is_allowed(world: World, namespace: str) -> None:
    before = an_account(world.cluster, namespace, "builder", pull=["mine"])
    world.apply(namespace, link=link("builder"))
    path = resource_path("secrets", namespace, "ecr")
    wait_said(world, path, status="True")
    world.policy("others", namespaces={"include": ["somebody-else"]}, ambient_identity=True)
    world.wait(namespace, reason="PolicyDenied")
    wait_listed(world.cluster, namespace, "builder", pull=["mine"])
    assert essence(the_account(world.cluster, namespace, "builder")) == essence(before)
    said = wait_said(world, path, status="False", reason="PolicyDenied")
    assert f"no AccessPolicy lets namespace {namespace} use" in said["message"]
    assert wait_reported(world, namespace, "ecr", "SecretRemoved", 1) == [
        "Secret ecr-generated was removed: no AccessPolicy allows the resource"
    ]
    assert wait_reported(world, namespace, "builder", "Unlinked", 2) == [
        f"Secret ecr-generated was removed from {where}: no AccessPolicy allows Secret ecr"
        for where in ("imagePullSecrets", "secrets")
    ]
    world.cluster.delete(f"{POLICIES}/others")
    wait_listed(world.cluster, namespace, "builder", pull=["mine", "ecr-generated"], mount=["ecr-generated"])
    wait_said(world, path, status="True", reason="Linked")


# ClusterPullSecret


def test_every_selected_namespace_has_its_link(world: World, namespace: str) -> None:
    others = [world.cluster.namespace(f"team-{next(_numbers)}") for _ in range(2)]
    before = {place: an_account(world.cluster, place, "builder", pull=["mine"]) for place in (namespace, *others)}
    spread(world, "one", namespace, others[0], link=link("builder", "pull"))
    wait_said(world, whole("one"), status="True", reason="Linked")
    for place in (namespace, others[0]):
        assert listed(the_account(world.cluster, place, "builder")) == (["mine", GENERATED], [])
    assert the_account(world.cluster, others[1], "builder") == before[others[1]]
    world.cluster.patch(whole("one"), {"spec": {"namespaces": {"include": [namespace, others[1]]}}})
    wait_listed(world.cluster, others[0], "builder", pull=["mine"])
    wait_listed(world.cluster, others[1], "builder", pull=["mine", GENERATED])
    assert wait_reported(world, others[0], "builder", "Unlinked", 1) == [
        f"Secret {GENERATED} was removed from imagePullSecrets: ClusterPullSecret one does not select the namespace"
    ]
    assert wait_reported(world, "default", "one", "SecretRemoved", 1) == [
        (
            f"In namespace {others[0]}: Secret {GENERATED} was removed: spec.namespaces does not select the namespace,"
            " or the namespace is being deleted"
        )
    ]
    world.cluster.delete(whole("one"))
    for place, account in before.items():
        wait_listed(world.cluster, place, "builder", pull=["mine"])
        assert essence(the_account(world.cluster, place, "builder")) == essence(account)


def test_the_namespace_that_lacks_the_service_account_is_named(world: World, namespace: str) -> None:
    other = world.cluster.namespace(f"team-{next(_numbers)}")
    an_account(world.cluster, other, "builder")
    spread(world, "two", namespace, other, link=link("builder"))
    said = wait_said(world, whole("two"), status="False", reason="ServiceAccountMissing")
    assert said["message"].startswith(f"{namespace}: ServiceAccounts that do not exist: builder.")
    assert listed(the_account(world.cluster, other, "builder")) == LINKED
    an_account(world.cluster, namespace, "builder")
    wait_said(world, whole("two"), status="True")
    assert listed(the_account(world.cluster, namespace, "builder")) == LINKED


def test_the_service_account_that_every_new_namespace_has_is_linked(world: World) -> None:
    spread(world, "three", "later-*", link=link("default", "pull"))
    place = world.cluster.namespace(f"later-{next(_numbers)}")
    wait_for(
        lambda: world.cluster.get(f"/api/v1/namespaces/{place}/serviceaccounts/default"), "the controller has made it"
    )
    wait_listed(world.cluster, place, "default", pull=[GENERATED])


def test_a_resource_of_the_namespace_and_one_of_the_cluster_share_a_service_account(
    world: World, namespace: str
) -> None:
    an_account(world.cluster, namespace, "builder")
    spread(world, "four", namespace, link=link("builder", "pull"))
    wait_said(world, whole("four"), status="True")
    world.apply(namespace, link=link("builder", "pull"))
    wait_listed(world.cluster, namespace, "builder", pull=[GENERATED, "ecr-generated"])
    world.cluster.delete(whole("four"))
    wait_listed(world.cluster, namespace, "builder", pull=["ecr-generated"])


# Permissions that are missing


@contextmanager
def restarted_without(world: World, operators: list[OperatorProcess], resource: str) -> Iterator[OperatorProcess]:
    """Kills the operator and starts it without its permissions for a resource; gives them back in the end."""
    (role,) = (one for one in world.cluster.items(CLUSTER_ROLES) if one["metadata"]["name"] == MANAGER)
    rules = [rule for rule in role["rules"] if rule["resources"] != [resource]]
    assert len(rules) == len(role["rules"]) - 1
    operators[-1].kill()
    world.cluster.patch(f"{CLUSTER_ROLES}/{MANAGER}", {"rules": rules})
    try:
        operators.append(world.start())
        yield operators[-1]
    finally:
        world.cluster.patch(f"{CLUSTER_ROLES}/{MANAGER}", {"rules": role["rules"]})


def linked_by_both(world: World, namespace: str) -> Object:
    """A ServiceAccount that a resource of its namespace links, and one of the cluster."""
    an_account(world.cluster, namespace, "builder")
    spread(world, "five", namespace, link=link("builder", "pull"))
    wait_said(world, whole("five"), status="True")
    world.apply(namespace, link=link("builder", "mount"))
    return wait_listed(world.cluster, namespace, "builder", pull=[GENERATED], mount=["ecr-generated"])


@pytest.mark.parametrize("resource", ["namespaces", "clusterpullsecrets"])
def test_what_cannot_be_seen_after_a_restart_is_not_unlinked(
    world: World, namespace: str, started: tuple[World, list[OperatorProcess]], resource: str
) -> None:
    before = linked_by_both(world, namespace)
    an_account(world.cluster, namespace, "other")
    with restarted_without(world, started[1], resource) as operator:
        world.apply(namespace, name="next", link=link("other"))
        world.wait(namespace, "next", reason="Refreshed")
        wait_for(lambda: operator.metric(RECONCILES, kind="ServiceAccount") >= 2, "ServiceAccounts were looked at")
        world.apply(namespace, name="last")
        world.wait(namespace, "last", reason="Refreshed")
        assert the_account(world.cluster, namespace, "builder") == before
    wait_listed(world.cluster, namespace, "other", pull=["next-generated"], mount=["next-generated"], within=60)
    assert the_account(world.cluster, namespace, "builder") == before


@pytest.mark.parametrize("resource", ["namespaces", "clusterpullsecrets"])
def test_without_rights_for_the_cluster_kind_those_of_namespaces_are_linked(
    world: World, namespace: str, started: tuple[World, list[OperatorProcess]], resource: str
) -> None:
    an_account(world.cluster, namespace, "builder")
    spread(world, "six", namespace)
    with restarted_without(world, started[1], resource):
        world.apply(namespace, link=link("builder", "pull"))
        wait_listed(world.cluster, namespace, "builder", pull=["ecr-generated"])
