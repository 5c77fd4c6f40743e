"""The kubelet and containerd are restarted, the operator's token is rotated, and quotas limit what may be created."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ecr_secret_operator_lab.cluster import Cluster, resource_path
from ecr_secret_operator_lab.node import BUSYBOX, CONTAINERD, KUBELET, NodeCluster
from ecr_secret_operator_lab.waiting import wait_for

from ..cluster.resources import a_resource, apply, password_in, wait_condition, wait_ready, wait_secret
from .containers import first_process
from .diagnosing import a_shell, wait_named, wait_well
from .installing import DEPLOYMENT, NAMESPACE, Installation
from .pods import LONG, a_pod, run, wait_done

pytestmark = pytest.mark.xdist_group("life-node")

TOKEN = Path("var/run/secrets/kubernetes.io/serviceaccount/token")
CREDENTIAL, POD = (f"authentication.kubernetes.io/{name}" for name in ("credential-id", "pod-name"))
QUOTAS = "/api/v1/namespaces/{}/resourcequotas"
REFRESH = {"metadata": {"annotations": {"ecr.mobb.redhat.com/refresh": "now"}}}


def containers(installation: Installation) -> dict[str, tuple[str, int]]:
    """The container of each Pod, and how often the kubelet has restarted it."""
    found = ((pod["metadata"]["name"], pod["status"]["containerStatuses"][0]) for pod in installation.rolled_out())
    return {name: (status["containerID"], status["restartCount"]) for name, status in found}


def refresh(cluster: Cluster, namespace: str) -> None:
    """Asks for another token, and waits until it is stored."""
    stored = password_in(wait_secret(cluster, namespace))
    cluster.patch(resource_path("secrets", namespace, "ecr"), REFRESH)
    wait_for(lambda: password_in(wait_secret(cluster, namespace)) != stored, "the token was replaced", within=LONG)


def test_tokens_are_refreshed_while_containerd_is_away(
    installation: Installation, node: NodeCluster, cluster: Cluster, namespace: str
) -> None:
    before = containers(installation)
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace, within=LONG)
    with node.without(CONTAINERD):
        refresh(cluster, namespace)
    wait_done(cluster, namespace, run(cluster, namespace, a_local_pod()))
    assert containers(installation) == before


def a_local_pod() -> Any:
    """A Pod of an image that only the node has."""
    pod = a_pod(BUSYBOX, "sh", "-c", "exit 0")
    pod["spec"]["containers"][0]["imagePullPolicy"] = "Never"
    return pod


def test_a_restarted_kubelet_rotates_the_token_and_the_operator_uses_the_new_one(
    installation: Installation, node: NodeCluster, cluster: Cluster, namespace: str
) -> None:
    """It forgets the projected tokens that it obtained, and obtains others. By itself it does so after minutes."""
    before, old = containers(installation), tokens(installation)
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace, within=LONG)
    with node.without(KUBELET):
        refresh(cluster, namespace)

    def rotated() -> dict[str, str]:
        new = tokens(installation)
        return {} if new.items() & old.items() else new

    new = wait_for(rotated, "the kubelet has replaced the tokens", within=LONG)
    assert new.keys() == old.keys()
    wait_for(lambda: new.items() <= used(node).items(), "both Pods use their new tokens", within=LONG)
    assert containers(installation) == before


def tokens(installation: Installation) -> dict[str, str]:
    """The identifier of the token in each Pod."""
    found = {}
    for pod in installation.pods():
        claims = (first_process(pod) / "root" / TOKEN).read_text().split(".")[1]
        decoded = json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        found[pod["metadata"]["name"]] = f"JTI={decoded['jti']}"
    return found


def used(node: NodeCluster) -> dict[str, str]:
    """The identifier of the token with which each Pod authenticated last, by the API server's audit log."""
    found = {}
    for line in node.plane.audit_log.read_text().splitlines():
        with_token = json.loads(line)["user"].get("extra", {}) if line.endswith("}") else {}
        if CREDENTIAL in with_token and POD in with_token:
            found[with_token[POD][0]] = with_token[CREDENTIAL][0]
    return found


@contextmanager
def a_quota(cluster: Cluster, namespace: str, hard: Mapping[str, str]) -> Iterator[str]:
    """A ResourceQuota that is in force; gives its path."""
    quotas = QUOTAS.format(namespace)
    cluster.create(quotas, {"metadata": {"name": "small"}, "spec": {"hard": hard}})
    wait_for(lambda: in_force(cluster, namespace), "the quota is in force", within=LONG)
    try:
        yield f"{quotas}/small"
    finally:
        cluster.delete(f"{quotas}/small")


def in_force(cluster: Cluster, namespace: str) -> bool:
    (quota,) = cluster.items(QUOTAS.format(namespace))
    return bool(quota.get("status", {}).get("hard") == quota["spec"]["hard"])


def test_pods_are_admitted_where_a_quota_demands_limits(
    installation: Installation, cluster: Cluster, tmp_path: Path
) -> None:
    """The chart sets no limit for CPU: the LimitRange does. doctor names a quota that is too small."""
    shell = a_shell(installation, tmp_path)
    ranges = f"/api/v1/namespaces/{NAMESPACE}/limitranges"
    default = {"type": "Container", "default": {"cpu": "1"}, "max": {"memory": "1Gi"}}
    cluster.create(ranges, {"metadata": {"name": "defaults"}, "spec": {"limits": [default]}})
    hard = {"pods": "2", "limits.cpu": "4", "limits.memory": "2Gi", "requests.memory": "1Gi"}
    try:
        with a_quota(cluster, NAMESPACE, hard) as quota:
            before = {pod["metadata"]["name"] for pod in installation.rolled_out()}
            installation.kubectl("rollout", "restart", f"deployment/{DEPLOYMENT}")
            one = wait_named(shell, "operator-pods-refused")
            assert "exceeded quota: small, requested: pods=1, used: pods=2, limited: pods=2" in one.message
            cluster.patch(quota, {"spec": {"hard": {"pods": "3"}}})
            wait_for(lambda: in_force(cluster, NAMESPACE), "the quota is in force", within=LONG)
            pods = installation.rolled_out()
            assert not before & {pod["metadata"]["name"] for pod in pods}
            limits = [pod["spec"]["containers"][0]["resources"]["limits"] for pod in pods]
            assert limits == [{"cpu": "1", "memory": "512Mi"}] * len(pods)
            wait_well(shell)
    finally:
        cluster.delete(f"{ranges}/defaults")


def test_a_quota_that_forbids_secrets_is_reported(
    installation: Installation, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    shell = a_shell(installation, tmp_path)
    with a_quota(cluster, namespace, {"count/secrets": "0"}) as quota:
        apply(cluster, namespace, a_resource())
        wait_condition(cluster, namespace, type="Ready", reason="KubernetesError", within=LONG)
        shown = shell.status(namespace)
        assert "exceeded quota: small, requested: count/secrets=1" in str(shown["message"])
        one = wait_named(shell, "kubernetes-error", "secret/ecr", "-n", namespace)
        assert "exceeded quota: small" in one.message
        assert "kubectl describe resourcequotas" in one.remedy
        cluster.patch(quota, {"spec": {"hard": {"count/secrets": "1"}}})
        wait_for(lambda: in_force(cluster, namespace), "the quota is in force", within=LONG)
        cluster.patch(resource_path("secrets", namespace, "ecr"), REFRESH)
        wait_ready(cluster, namespace, within=LONG)
