"""What a tenant can have watched is bounded, shared fairly, and nothing where policy denies it anyway."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ecr_secret_operator_lab.cluster import condition, resource_path, secret_path
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for

from .accounts import account_path
from .private import World, private_world
from .resources import wait_condition, wait_secret
from .weight import mebibytes

pytestmark = pytest.mark.xdist_group("tenant watches")

ROLE = "arn:aws:iam::123456789012:role/tenant"
NAMESPACES, EACH = 10, 32
"""So many ServiceAccounts had been watched for namespaces that policy denies."""

OTHERS = 40
"""Connections that an operator may have for something else: idle ones from its writes are kept for some seconds."""


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with private_world(tmp_path) as found:
        yield found


def connections(operator: OperatorProcess) -> int:
    """Sockets of a process."""
    found = 0
    for one in Path(f"/proc/{operator.process.pid}/fd").iterdir():
        try:
            found += str(one.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue
    return found


def account(world: World, namespace: str, name: str) -> None:
    annotations = {"eks.amazonaws.com/role-arn": ROLE}
    body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "annotations": annotations}}
    world.cluster.create(account_path(namespace), body)


def with_account(world: World, namespace: str, name: str) -> None:
    """Makes a resource with the role of a ServiceAccount of the same name."""
    world.apply(namespace, name=name, aws={"service_account": name}, generated_secret_name=name)


def reasons(world: World, namespace: str) -> dict[str, str]:
    found = world.cluster.items(resource_path("secrets", namespace))
    return {one["metadata"]["name"]: condition(one, "Ready").get("reason", "") for one in found}


def restored_within(world: World, namespace: str, name: str) -> float:
    """Has a Secret restored, in seconds."""
    before = wait_secret(world.cluster, namespace, name)["metadata"]["uid"]
    began = time.monotonic()
    world.cluster.delete(secret_path(namespace, name))
    wait_for(
        lambda: (found := world.cluster.get(secret_path(namespace, name))) and found["metadata"]["uid"] != before,
        "the deleted Secret is restored",
        within=60,
    )
    return time.monotonic() - began


def test_nothing_is_watched_for_namespaces_that_policy_denies_until_it_allows_them(
    world: World, record_property: Callable[[str, object], None]
) -> None:
    world.policy("served", namespaces={"include": ["served"]}, role_arns=[ROLE])
    world.cluster.namespace("served")
    tenants = [world.cluster.namespace(f"tenant-{number}") for number in range(NAMESPACES)]
    operator = world.start()
    account(world, "served", "puller")
    with_account(world, "served", "puller")
    wait_secret(world.cluster, "served", "puller")
    before, memory = connections(operator), mebibytes(operator.process.pid, "VmRSS")
    for tenant in tenants:
        for number in range(EACH):
            with_account(world, tenant, f"named-{number}")
    for tenant in tenants:
        world.wait(tenant, f"named-{EACH - 1}", reason="PolicyDenied", within=60)
    wait_for(
        lambda: all(set(reasons(world, tenant).values()) == {"PolicyDenied"} for tenant in tenants),
        "all are denied",
        within=60,
    )
    latency = max(restored_within(world, "served", "puller") for _ in range(5))
    record_property("denied", f"{before} connections before, {connections(operator)} while statuses are written")
    record_property("latency", f"{latency:.2f} s")
    wait_for(lambda: connections(operator) < before + OTHERS, "there is no connection for each resource", within=60)

    world.policy("tenants", namespaces={"include": ["tenant-*"]}, role_arns=[ROLE])
    for tenant in tenants:
        world.wait(tenant, f"named-{EACH - 1}", reason="IdentityUnavailable", within=60)
    allowed = connections(operator)
    more = mebibytes(operator.process.pid, "VmRSS") - memory
    record_property("allowed", f"{allowed} connections, +{more:.0f} MiB, once policy allows them")
    assert allowed >= NAMESPACES * EACH
    account(world, tenants[0], "named-0")
    wait_secret(world.cluster, tenants[0], "named-0")

    world.cluster.delete("/apis/ecr.mobb.redhat.com/v1alpha1/accesspolicies/tenants")
    world.wait(tenants[0], "named-0", reason="PolicyDenied", within=60)
    wait_for(lambda: connections(operator) < before + OTHERS, "the watches are ended", within=60)


def test_a_namespace_that_comes_late_has_its_share_of_the_watches_and_what_has_none_says_so(world: World) -> None:
    first, second = world.cluster.namespace("first"), world.cluster.namespace("second")
    world.start("--max-identity-watches=4")
    for number in range(6):
        account(world, first, f"named-{number}")
        with_account(world, first, f"named-{number}")
    for number in range(4):
        wait_condition(world.cluster, first, f"named-{number}", type="Ready", status="True")
    said = world.wait(first, "named-5", reason="IdentityUnavailable")["message"]
    assert said.startswith(f"ServiceAccount {first}/named-5 is not watched: the operator watches as many")
    assert said.endswith(f"namespace {first} has its share of them. Name fewer, or raise --max-identity-watches")

    for number in range(3):
        account(world, second, f"named-{number}")
        with_account(world, second, f"named-{number}")
    for number in range(2):
        wait_condition(world.cluster, second, f"named-{number}", type="Ready", status="True")
    world.wait(second, "named-2", reason="IdentityUnavailable")
    refreshing = wait_condition(world.cluster, first, "named-3", type="Refreshing", status="False")
    assert "is not watched" in condition(refreshing, "Refreshing")["message"]
    assert condition(refreshing, "Ready")["status"] == "True", "its token is still good"

    for number in range(3):
        world.cluster.delete(resource_path("secrets", second, f"named-{number}"))
    wait_condition(world.cluster, first, "named-3", type="Refreshing", status="True")
