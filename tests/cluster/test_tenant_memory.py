"""Whatever one tenant stores in the cluster, the operator's memory stays bounded, and others keep their latency."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from ecr_secret_operator_lab.cluster import Cluster, resource_path, secret_path
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for
from tests.laboratory import StartOperator

from .resources import a_resource, apply, wait_condition, wait_ready, wait_secret
from .weight import HEAVY, heavy_secrets, mebibytes, text

pytestmark = pytest.mark.timeout(900)  # the API server takes a second for each of these objects, and more under load

SECRETS = 20
"""Of one MB each, more than the operator keeps of a namespace. 42 once took a standby from 69 to 562 MiB."""

MOST_MORE = 64.0
"""MiB that the operator may take more at its peak than without them."""

MOST_LEFT = 24.0
"""MiB that may be left once they are gone: freed memory that the C library has not given back."""


def in_step(cluster: Cluster, namespace: str) -> float:
    """Has a Secret restored, in seconds: by then the operator has read all that was stored before."""
    before = wait_secret(cluster, namespace, "light-generated")
    began = time.monotonic()
    cluster.delete(secret_path(namespace, "light-generated"))

    def restored() -> bool:
        found = cluster.get(secret_path(namespace, "light-generated"))
        return found is not None and found["metadata"]["uid"] != before["metadata"]["uid"]

    wait_for(restored, "the deleted Secret is restored", within=60)
    return time.monotonic() - began


def peak(operator: OperatorProcess) -> float:
    return mebibytes(operator.process.pid, "VmHWM")


class Figures:
    """How much more memory an operator takes than before, in MiB."""

    def __init__(self, operator: OperatorProcess) -> None:
        self.operator = operator
        self.before = peak(operator)
        self.watched = self.started = 0.0

    def left(self) -> float:
        return mebibytes(self.operator.process.pid, "VmRSS") - self.before

    def __str__(self) -> str:
        return (
            f"{self.before:.0f} MiB, watched +{self.watched:.0f}, started +{self.started:.0f}, left +{self.left():.0f}"
        )


@pytest.fixture
def tenant(cluster: Cluster, namespace: str) -> str:
    """The namespace of whoever fills the operator's memory; the other one has nothing to do with that."""
    return cluster.namespace(f"{namespace}-tenant")


def an_operator(cluster: Cluster, start_operator: StartOperator, *places: str) -> OperatorProcess:
    operator = start_operator(namespaces=",".join(places), impatient={"collect": 1, "relist": 20, "trim": 1})
    for place in places:
        apply(cluster, place, a_resource(name="light"))
        wait_ready(cluster, place, "light")
        in_step(cluster, place)
    return operator


def fresh_peak(start_operator: StartOperator, *places: str) -> float:
    """Of an operator that starts now, and has to list all that there is."""
    fresh = start_operator(namespaces=",".join(places), impatient={"collect": 1})
    try:
        return peak(fresh)
    finally:
        fresh.stop()


@pytest.mark.parametrize("kind", HEAVY)
def test_secrets_with_the_operators_label_do_not_fill_its_memory(
    cluster: Cluster,
    namespace: str,
    tenant: str,
    start_operator: StartOperator,
    kind: str,
    record_property: Callable[[str, object], None],
) -> None:
    figures = Figures(an_operator(cluster, start_operator, namespace, tenant))
    names = [
        cluster.create(secret_path(tenant), one)["metadata"]["name"] for one in heavy_secrets(SECRETS, tenant, kind)
    ]
    in_step(cluster, tenant)
    figures.watched = peak(figures.operator) - figures.before
    latency = max(in_step(cluster, namespace) for _ in range(5))
    figures.started = fresh_peak(start_operator, namespace, tenant) - figures.before
    for name in names:
        cluster.delete(secret_path(tenant, name))
    in_step(cluster, tenant)
    record_property("memory", str(figures))
    record_property("latency", f"{latency:.2f} s")
    assert figures.watched < MOST_MORE, str(figures)
    assert figures.started < MOST_MORE, str(figures)
    wait_for(lambda: figures.left() < MOST_LEFT, "the memory is given back", within=20)


RESOURCES = 150
"""Of a quarter of a MB each, which is as large as a resource can be: more than the operator keeps of a namespace."""


def test_nor_do_resources_with_long_specs(
    cluster: Cluster,
    namespace: str,
    tenant: str,
    start_operator: StartOperator,
    record_property: Callable[[str, object], None],
) -> None:
    operator = an_operator(cluster, start_operator, namespace, tenant)
    figures = Figures(operator)
    for number in range(RESOURCES):
        notes = {f"example.com/note-{place}": text(number * 100 + place, 4000) for place in range(60)}
        apply(cluster, tenant, a_resource(name=f"long-{number:03}", suspend=True, metadata={"annotations": notes}))
    last = f"long-{RESOURCES - 1:03}"
    wait_condition(cluster, tenant, last, type="Ready", status="False", reason="LimitExceeded", within=60)
    figures.watched = peak(operator) - figures.before
    latency = max(in_step(cluster, namespace) for _ in range(5))
    figures.started = fresh_peak(start_operator, namespace, tenant) - figures.before
    for number in range(RESOURCES - 1):
        cluster.delete(resource_path("secrets", tenant, f"long-{number:03}"))
    wait_condition(cluster, tenant, last, type="Ready", status="False", reason="Suspended", within=60)
    record_property("memory", str(figures))
    record_property("latency", f"{latency:.2f} s")
    assert figures.watched < MOST_MORE, str(figures)
    assert figures.started < MOST_MORE, str(figures)
    wait_for(lambda: figures.left() < MOST_LEFT, "the memory is given back", within=20)
