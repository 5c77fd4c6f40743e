"""Helm installs the operator from a registry: what runs then, as whom, and what it serves."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from ecr_secret_operator_lab.cluster import secret_data
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.registry import Registry

from ..e2e.installing import seed, wait_served
from .containers import first_process, kernel_status
from .installing import DEPLOYMENT, NAMESPACE, Installation

pytestmark = pytest.mark.xdist_group("installation")

OPENSHIFT_UID = 1000710000


def test_both_pods_are_pulled_by_the_kubelet_and_ready_under_the_restricted_standard(
    installation: Installation, registry: Registry
) -> None:
    pods = installation.fresh()
    namespace = installation.cluster.get(f"/api/v1/namespaces/{NAMESPACE}")
    assert namespace
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for pod in pods:
        (status,) = pod["status"]["containerStatuses"]
        assert status["restartCount"] == 0
        assert status["imageID"].startswith(f"{status['image'].partition(':')[0]}@sha256:")
    pulled = [one for one in registry.requests() if one.path.startswith("/v2/ecr-secret-operator/blobs/")]
    assert {"GET"} <= {one.method for one in pulled if one.refusal is None}
    assert {pod["spec"]["nodeName"] for pod in pods} == {"node"}


def test_the_process_has_the_user_of_the_image_no_capability_and_a_root_that_it_cannot_write(
    installation: Installation,
) -> None:
    for pod in installation.rolled_out():
        process = first_process(pod)
        status = kernel_status(process)
        assert status["Uid"].split() == ["65532"] * 4
        assert {int(value, 16) for name, value in status.items() if name.startswith("Cap")} == {0}
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"
        mounts = [line.split() for line in (process / "mountinfo").read_text().splitlines()]
        (root,) = (mount for mount in mounts if mount[4] == "/")
        assert "ro" in root[5].split(",")


def test_it_reaches_the_api_server_with_its_projected_token(installation: Installation) -> None:
    """In-cluster configuration: nothing tells the Pod of an API server but the kubelet."""
    (container,) = installation.deployment()["spec"]["template"]["spec"]["containers"]
    assert not {"KUBECONFIG", "KUBERNETES_SERVICE_HOST"} & {entry["name"] for entry in container["env"]}
    assert not [argument for argument in container["args"] if "kubeconfig" in argument]
    assert installation.leader()
    token = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
    for pod in installation.rolled_out():
        mounted = first_process(pod) / "root" / token.relative_to("/")
        assert mounted.read_text().count(".") == 2


def test_limits_are_those_of_the_chart_and_metrics_are_served(installation: Installation) -> None:
    for pod in installation.rolled_out():
        limits = pod["spec"]["containers"][0]["resources"]["limits"]
        name, kubectl = pod["metadata"]["name"], installation.node.plane.kubectl
        assert limits == {"memory": "512Mi"}
        text = kubectl("get", "--raw", f"/api/v1/namespaces/{NAMESPACE}/pods/{name}:8080/proxy/metrics").stdout
        assert re.search(r"^process_resident_memory_bytes \S+$", text, re.MULTILINE)


def test_the_seeds_resources_are_served(installation: Installation, shared_aws: FakeAws) -> None:
    resources = seed(installation.node.plane, installation.cluster)
    secrets = wait_served(installation.cluster, resources, shared_aws)
    assert {secret["metadata"]["namespace"] for secret in secrets} == {"test-ecr-secret-operator", "openshift-gitops"}
    (docker,) = (secret for secret in secrets if secret["type"] == "kubernetes.io/dockerconfigjson")
    assert "auths" in json.loads(secret_data(docker)[".dockerconfigjson"])


def test_it_runs_with_a_uid_that_openshift_chose(installation: Installation) -> None:
    """As the restricted-v2 SCC changes a Pod: a uid that no file of the image knows."""
    user = {"spec": {"template": {"spec": {"securityContext": {"runAsUser": OPENSHIFT_UID}}}}}
    change = ("patch", "deployment", DEPLOYMENT, f"--namespace={NAMESPACE}", "--type=merge", "--patch")
    kubectl = installation.node.plane.kubectl
    kubectl(*change, json.dumps(user))
    try:
        for pod in installation.rolled_out():
            assert kernel_status(first_process(pod))["Uid"].split() == [str(OPENSHIFT_UID)] * 4
    finally:
        user["spec"]["template"]["spec"]["securityContext"] = {"runAsUser": None}  # type: ignore[dict-item] # null removes
        kubectl(*change, json.dumps(user))
        installation.rolled_out()
