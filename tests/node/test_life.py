"""What happens to Pods happens to the operator, and its users do not notice."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from ecr_secret_operator_lab.cluster import Cluster, resource_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.waiting import wait_for

from ..cluster.resources import a_resource, apply, password_in, wait_ready, wait_secret
from .containers import first_process
from .installing import CHART, IMAGE, NAMESPACE, PODS, RELEASE, Installation
from .pods import LONG
from .publishing import CHARTS, Publisher

pytestmark = pytest.mark.xdist_group("life")

NEXT_VERSION = "1.0.1-next"
ROTATING_LIFE = 90.0
ROLE = "arn:aws:iam::123456789012:role/rotating"
HALF_A_DAY = 12 * 3600.0


def wait_leader(installation: Installation, *, other_than: str = "") -> str:
    """Waits until one of the Pods holds the Lease, and it is another one than before."""

    def state() -> str:
        leader = installation.leader()
        return leader if leader != other_than else ""

    return wait_for(state, "a Pod leads", within=LONG)


def test_the_standby_leads_after_the_leaders_pod_was_deleted(
    installation: Installation, cluster: Cluster, namespace: str
) -> None:
    installation.rolled_out()
    leader = wait_leader(installation)
    cluster.delete(f"{PODS}/{leader}")
    assert wait_leader(installation, other_than=leader)
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace, within=LONG)
    assert leader not in {pod["metadata"]["name"] for pod in installation.rolled_out()}


def test_the_disruption_budget_keeps_one_of_two_pods(
    installation: Installation, cluster: Cluster, namespace: str
) -> None:
    """As `kubectl drain` asks for it: by an eviction of each Pod."""
    first, second = (pod["metadata"]["name"] for pod in installation.rolled_out())
    budgets = f"/apis/policy/v1/namespaces/{NAMESPACE}/poddisruptionbudgets"

    def one_allowed() -> bool:
        (budget,) = cluster.items(budgets)
        return bool(budget.get("status", {}).get("disruptionsAllowed") == 1)

    wait_for(one_allowed, "one disruption is allowed", within=LONG)
    assert evict(installation, first) == ""
    assert "violate the pod's disruption budget" in evict(installation, second)
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace, within=LONG)
    names = {pod["metadata"]["name"] for pod in installation.rolled_out()}
    assert second in names
    assert first not in names


def evict(installation: Installation, pod: str) -> str:
    """Asks for the eviction of a Pod, and gives the refusal."""
    eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": NAMESPACE}}
    path, kubectl = f"{PODS}/{pod}/eviction", installation.node.plane.kubectl
    return kubectl("create", "--raw", path, "--filename=-", input=json.dumps(eviction), check=False).stderr


def test_resources_are_served_again_after_the_api_server_was_restarted(
    installation: Installation, cluster: Cluster, namespace: str
) -> None:
    before = {pod["metadata"]["name"] for pod in installation.fresh()}
    installation.node.plane.restart_api_server()
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace, within=LONG)
    pods = installation.rolled_out()
    assert {pod["metadata"]["name"] for pod in pods} == before
    assert {pod["status"]["containerStatuses"][0]["restartCount"] for pod in pods} == {0}


@pytest.mark.xdist_group("life-upgrade")
def test_no_token_expires_during_an_upgrade_of_the_release(
    installation: Installation, cluster: Cluster, namespace: str, publisher: Publisher, shared_aws: FakeAws
) -> None:
    """The token is short-lived: it is refreshed several times while the Pods are replaced one after the other."""
    before = {pod["metadata"]["name"] for pod in installation.rolled_out()}
    publisher.push_chart(CHART, f"--version={NEXT_VERSION}", f"--app-version={NEXT_VERSION}")
    publisher.tag(f"{IMAGE}:v{publisher.chart_version(CHART)}", f"v{NEXT_VERSION}")
    apply(cluster, namespace, a_resource(aws={"role_arn": ROLE}))
    wait_ready(cluster, namespace, within=LONG)
    shared_aws.settings(lifetime_seconds=ROTATING_LIFE)
    try:
        cluster.patch(
            resource_path("secrets", namespace, "ecr"),
            {"metadata": {"annotations": {"ecr.mobb.redhat.com/refresh": "now"}}},
        )
        first = wait_for(lambda: short_lived(shared_aws, cluster, namespace), "the token is short-lived", within=LONG)
        installation.helm("upgrade", RELEASE, f"{CHARTS}/ecr-secret-operator", f"--version={NEXT_VERSION}")

        def upgraded_and_refreshed() -> bool:
            token = shared_aws.find_token(password_in(wait_secret(cluster, namespace)))
            assert token is not None
            assert time.time() < token.expires_at, "the stored token has expired"
            current = {pod["metadata"]["name"] for pod in installation.pods()}
            return not current & before and token.number != first

        wait_for(upgraded_and_refreshed, "the Pods were replaced, and the token was refreshed", within=LONG)
    finally:
        shared_aws.settings(lifetime_seconds=HALF_A_DAY)
    images = {pod["spec"]["containers"][0]["image"] for pod in installation.rolled_out()}
    assert images == {f"{IMAGE}:v{NEXT_VERSION}"}


def short_lived(aws: FakeAws, cluster: Cluster, namespace: str) -> int:
    """The number of the stored token, if that has a short life; 0 otherwise."""
    token = aws.find_token(password_in(wait_secret(cluster, namespace)))
    assert token is not None
    return token.number if token.expires_at - time.time() <= ROTATING_LIFE else 0


@pytest.mark.xdist_group("life-frozen")
def test_the_kubelet_restarts_an_operator_that_is_frozen(
    installation: Installation, cluster: Cluster, namespace: str
) -> None:
    installation.fresh()
    leader = wait_leader(installation)
    pod = cluster.get(f"{PODS}/{leader}")
    assert pod
    os.kill(int(first_process(pod).name), signal.SIGSTOP)
    wait_leader(installation, other_than=leader)
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace, within=LONG)

    def restarted() -> bool:
        found = cluster.get(f"{PODS}/{leader}") or {}
        (status,) = found["status"]["containerStatuses"]
        return bool(status["restartCount"] == 1 and status["ready"])

    wait_for(restarted, "the frozen container was restarted and is Ready", within=2 * LONG)
    events = cluster.items(f"/api/v1/namespaces/{NAMESPACE}/events", fieldSelector=f"involvedObject.name={leader}")
    assert "Unhealthy" in {event["reason"] for event in events}
