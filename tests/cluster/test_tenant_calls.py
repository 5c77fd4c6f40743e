"""Whatever the resources of one namespace ask AWS for, those of another are served as usual, and the calls are few."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Object, condition
from ecr_secret_operator_lab.fakeaws import FakeAws, FaultKind
from ecr_secret_operator_lab.waiting import wait_for
from tests.laboratory import StartOperator

from .resources import a_resource, apply, edit, get, wait_condition, wait_ready

ROLE = "arn:aws:iam::123456789012:role/tenant"
HANGING_HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
HANGING = 200
"""More than three times as many as calls ran at a time."""

Record = Callable[[str, object], None]


@pytest.fixture
def tenant(cluster: Cluster, namespace: str) -> str:
    """The namespace of whoever asks AWS for too much; the other one has nothing to do with that."""
    return cluster.namespace(f"{namespace}-tenant")


def latencies(cluster: Cluster, namespace: str, count: int = 20) -> list[float]:
    """Seconds until a new resource is served, each with a role that nobody asked for before, in order."""
    found = []
    for number in range(count):
        name = f"new-{number}"
        started = time.monotonic()
        apply(cluster, namespace, a_resource(name=name, aws={"role_arn": f"{ROLE}-new-{number}"}))
        wait_ready(cluster, namespace, name, within=90)
        found.append(time.monotonic() - started)
    return sorted(found)


def test_calls_that_hang_for_one_namespace_delay_no_other(
    cluster: Cluster,
    namespace: str,
    tenant: str,
    aws: FakeAws,
    start_operator: StartOperator,
    record_property: Record,
) -> None:
    operator = start_operator(namespaces=f"{namespace},{tenant}")
    aws.fail(FaultKind.HANG, region="eu-west-1")
    for number in range(HANGING):
        role = {"role_arn": f"{ROLE}-{number}"}
        apply(cluster, tenant, a_resource(name=f"hanging-{number}", ecr_registry=HANGING_HOST, region=None, aws=role))
    found = latencies(cluster, namespace)
    record_property("latency", f"p50 {found[len(found) // 2]:.2f} s, longest {found[-1]:.2f} s")
    assert found[-1] < 5, "a busy machine takes seconds, and calls that hang take thirty"
    hanging = wait_condition(
        cluster, tenant, f"hanging-{HANGING - 1}", type="Ready", status="False", reason="LimitExceeded", within=60
    )
    assert "AWS has not been asked yet" in condition(hanging, "Ready")["message"]
    assert operator.probe("/healthz")[0] == 200
    aws.fix()


EDITS = 150


def seen(resource: Object | None) -> bool:
    """Whether the status is about the spec as it is now."""
    assert resource
    return bool(condition(resource, "Ready").get("observedGeneration") == resource["metadata"]["generation"])


def test_edits_without_end_are_a_few_calls_and_the_last_one_counts(
    cluster: Cluster,
    namespace: str,
    tenant: str,
    aws: FakeAws,
    start_operator: StartOperator,
    record_property: Record,
) -> None:
    start_operator(namespaces=f"{namespace},{tenant}")
    identity = {"role_arn": ROLE, "external_id": "external-first"}
    apply(cluster, tenant, a_resource(aws=identity))
    wait_ready(cluster, tenant)
    aws.clear_calls()
    reasons = []
    for number in range(EDITS):
        edit(cluster, tenant, aws={**identity, "external_id": f"external-{number}"})
        wait_for(lambda: seen(get(cluster, tenant)), "the edit is judged")
        reasons.append(condition(get(cluster, tenant), "Ready")["reason"])
    calls = [call.action for call in aws.calls()]
    counts = {action: calls.count(action) for action in sorted(set(calls))}
    record_property("calls", counts)
    assert max(counts.values()) <= 60, counts
    assert reasons.count("LimitExceeded") > EDITS / 2, reasons
    found = latencies(cluster, namespace, 5)
    record_property("latency", f"longest {found[-1]:.2f} s")
    wait_ready(cluster, tenant, within=90)
    assert "external_id" in str(get(cluster, tenant))
    last = [call for call in aws.calls() if call.action == "AssumeRole" and call.parameters["RoleArn"] == ROLE][-1]
    assert last.parameters["ExternalId"] == f"external-{EDITS - 1}"


def test_fifty_roles_that_are_applied_at_once_are_served_at_once(
    cluster: Cluster, namespace: str, start_operator: StartOperator, record_property: Record
) -> None:
    start_operator()
    started = time.monotonic()
    for number in range(50):
        apply(cluster, namespace, a_resource(name=f"ecr-{number}", aws={"role_arn": f"{ROLE}-{number}"}))
    for number in range(50):
        wait_ready(cluster, namespace, f"ecr-{number}", within=30)
    record_property("latency", f"{time.monotonic() - started:.2f} s for all")
