"""Twelve broken installations on a node: `kubectl ecr doctor` names each rightly, and its remedy fixes it.

Pods of the first module do not run, or not for long. Those of `test_diagnosis_cluster` run, and what they need of the
cluster is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ecr_secret_operator_lab.cluster import Cluster, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.waiting import wait_for

from ..cluster.resources import HOST, a_resource, apply, docker_config, get, wait_ready
from .diagnosing import Administrator, a_shell, command_in, wait_named, wait_well
from .installing import IMAGE, NAMESPACE, PODS, PULL_SECRET, Installation, a_password, a_token
from .pods import LONG

pytestmark = pytest.mark.xdist_group("diagnosis")

CONTAINER = "/spec/containers/0"
POLICIES = f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies"
TOO_LITTLE = {"requests": {"memory": "24Mi"}, "limits": {"memory": "24Mi"}}
NFT_TABLE = "network_policy"


@pytest.fixture
def shell(installation: Installation, tmp_path: Path) -> Administrator:
    installation.rolled_out()
    return a_shell(installation, tmp_path)


def test_nothing_is_named_where_all_is_well(shell: Administrator, cluster: Cluster, namespace: str) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace, within=LONG)
    wait_well(shell, "secret/ecr", "-n", namespace)
    assert shell.status(namespace)["state"] == "Ready"


def test_an_image_that_does_not_exist(installation: Installation, shell: Administrator) -> None:
    (container,) = installation.deployment()["spec"]["template"]["spec"]["containers"]
    with installation.restored():
        installation.change({"op": "replace", "path": f"{CONTAINER}/image", "value": f"{IMAGE}:v9.9.9"})
        one = wait_named(shell, "operator-image")
        assert one.message == f"The registry does not have image {IMAGE}:v9.9.9"
        shell.succeeds(command_in(one.remedy, "kubectl set image").replace("IMAGE", container["image"]))
        wait_well(shell)


def test_a_wrong_pull_secret(
    installation: Installation, shell: Administrator, cluster: Cluster, shared_aws: FakeAws
) -> None:
    """Created again with a wrong token. For a Secret that it does not know, the kubelet pulls again."""
    path = secret_path(NAMESPACE, PULL_SECRET)
    wrong = {".dockerconfigjson": docker_config(HOST, "wrong")}
    cluster.delete(path)
    secret = {"metadata": {"name": PULL_SECRET}, "type": "kubernetes.io/dockerconfigjson", "stringData": wrong}
    cluster.create(secret_path(NAMESPACE), secret)
    try:
        cluster.delete(f"{PODS}/{installation.pods()[0]['metadata']['name']}")
        one = wait_named(shell, "operator-image-refused")
        assert f"refuses the credentials in Secret {NAMESPACE}/{PULL_SECRET}" in one.message
        aws = shell.home / "aws"
        aws.write_text(f"#!/bin/sh\n[ \"$1 $2\" = 'ecr get-login-password' ] && echo {a_password(shared_aws)}\n")
        aws.chmod(0o755)
        shell.succeeds(one.remedy)
        wait_well(shell)
    finally:
        cluster.patch(path, {"stringData": {".dockerconfigjson": a_token(shared_aws)}})
        installation.rolled_out()


def test_an_argument_that_the_operator_does_not_know(installation: Installation, shell: Administrator) -> None:
    with installation.restored():
        installation.change({"op": "add", "path": f"{CONTAINER}/args/-", "value": "--colour=blue"})
        one = wait_named(shell, "operator-arguments")
        assert "No such option '--colour'" in one.message
        shell.succeeds(one.remedy, KUBE_EDITOR="sed -i /--colour/d")
        wait_well(shell)


def test_too_little_memory(installation: Installation, shell: Administrator, cluster: Cluster, namespace: str) -> None:
    """What is applied meanwhile is served once the limit is right."""
    replicas = len(installation.rolled_out())
    with installation.at_once(), installation.restored():
        installation.change({"op": "replace", "path": f"{CONTAINER}/resources", "value": TOO_LITTLE})
        wait_for(lambda: named_pods(shell, "operator-out-of-memory") == replicas, "doctor names both", within=LONG)
        one = wait_named(shell, "operator-out-of-memory")
        assert "more memory than its limit of 24Mi (OOMKilled)" in one.message
        apply(cluster, namespace, a_resource())
        wait_for(lambda: restarts(installation) > 0, "the kubelet starts it again", within=LONG)
        assert not (get(cluster, namespace) or {}).get("status")
        shell.succeeds(command_in(one.remedy, "kubectl set resources"))
        wait_ready(cluster, namespace, within=LONG)
        installation.rolled_out()
        wait_well(shell)


def named_pods(shell: Administrator, cause: str) -> int:
    """How many Pods the first problem names, once it has this cause."""
    return len(wait_named(shell, cause).subject.split(", "))


def restarts(installation: Installation) -> int:
    return sum(status["restartCount"] for pod in installation.pods() for status in statuses(pod))


def statuses(pod: Mapping[str, Any]) -> list[Any]:
    return list(pod["status"].get("containerStatuses", []))


def test_the_network_in_the_way(installation: Installation, shell: Administrator, cluster: Cluster) -> None:
    """The node's CNI plugin enforces no NetworkPolicy. nftables drops here what a plugin that does would drop."""
    deny = {"metadata": {"name": "deny"}, "spec": {"podSelector": {}, "policyTypes": ["Egress"]}}
    replaced, kept = installation.pods()
    cluster.create(POLICIES, {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", **deny})
    with dropped(installation, other_than=kept["status"]["podIP"]):
        cluster.delete(f"{PODS}/{replaced['metadata']['name']}")
        one = wait_named(shell, "operator-network")
        assert "the API server did not answer in time" in one.message or "cannot be reached" in one.message
        assert f"NetworkPolicy {NAMESPACE}/deny limits the Pod's egress" in one.message
        shell.succeeds(command_in(one.remedy, "kubectl delete networkpolicy deny"))
        assert not [one for one in cluster.items(POLICIES) if one["metadata"]["name"] == "deny"]
    wait_well(shell)
    installation.rolled_out()


@contextmanager
def dropped(installation: Installation, *, other_than: str) -> Iterator[None]:
    """Drops what Pods send to the API server, except what one of them sends."""
    port = installation.node.plane.server.rpartition(":")[2]
    chain = "{ type filter hook input priority -10; }"
    rule = f"ip saddr 10.201.0.0/24 ip saddr != {other_than} tcp dport {port} drop"
    run = installation.node.run
    run(
        "nft",
        f"add table inet {NFT_TABLE}; add chain inet {NFT_TABLE} pods {chain}; add rule inet {NFT_TABLE} pods {rule}",
    )
    try:
        yield
    finally:
        run("nft", f"delete table inet {NFT_TABLE}")
