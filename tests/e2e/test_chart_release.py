"""A release of the chart, from its first day to its last: install, serve, upgrade, uninstall, install again."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ecr_secret_operator_lab.cluster import ECR, Cluster, secret_path
from ecr_secret_operator_lab.controlplane import ControlPlane
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.permissions import printed
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.commands import run

from .installing import (
    CHART,
    DEPLOYMENT,
    NAMESPACE,
    Helm,
    Object,
    bare_plane,
    give_credentials,
    seed,
    wait_served,
)
from .pods import run_pod

DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/secrets.ecr.mobb.redhat.com"
NEWER_FIELD = "suspend"
POLICY: Object = {"registries": ["123456789012.dkr.ecr.us-east-2.amazonaws.com"], "ambient_identity": True}
RELEASE = "release"


@pytest.fixture
def planes() -> Iterator[tuple[ControlPlane, Cluster]]:
    with bare_plane() as found:
        yield found


@pytest.fixture
def helm(helm_program: Path, planes: tuple[ControlPlane, Cluster], tmp_path: Path) -> Helm:
    return Helm(helm_program, tmp_path, planes[0].kubeconfig)


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """The chart as it may have been: an older version, whose definitions lack a field."""
    chart = tmp_path / "older"
    shutil.copytree(CHART, chart)
    description = yaml.safe_load((chart / "Chart.yaml").read_text())
    (chart / "Chart.yaml").write_text(yaml.safe_dump({**description, "version": "0.9.0", "appVersion": "0.9.0"}))
    definitions = chart / "templates" / "crds.yaml"
    before = definitions.read_text()
    # The field, and all lines below it that stand deeper.
    after, count = re.subn(rf"^( +){NEWER_FIELD}:\n(?:\1 +.*\n)+", "", before, flags=re.MULTILINE)
    assert count == 3
    definitions.write_text(after)
    return chart


def fields(cluster: Cluster) -> set[str]:
    found = cluster.get(DEFINITION)
    assert found
    (version,) = found["spec"]["versions"]
    return set(version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"])


def deployed(cluster: Cluster) -> Object:
    found = cluster.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{DEPLOYMENT}")
    assert found
    return found


def doctor(plane: ControlPlane) -> set[str]:
    """The causes of all that `doctor` does not find well."""
    found = json.loads(run(plane.kubeconfig, "doctor", "--output", "json").stdout)
    return {one["cause"] for one in found["findings"] if one["level"] != "ok"}


def test_a_release_serves_is_upgraded_and_leaves_what_it_served(
    helm: Helm, planes: tuple[ControlPlane, Cluster], older: Path, aws: FakeAws, tmp_path: Path
) -> None:
    plane, cluster = planes

    # What the cluster does not know yet cannot be part of the first release, and nothing is left of the attempt.
    refused = helm(
        "install", RELEASE, str(older), "-n", NAMESPACE, "--create-namespace", values={"accessPolicies": {"a": POLICY}}
    )
    assert refused.returncode != 0
    assert 'no matches for kind "AccessPolicy"' in refused.stderr
    assert "ensure CRDs are installed first" in refused.stderr
    assert cluster.get(DEFINITION) is None

    notes = helm.succeeds("install", RELEASE, str(older), "-n", NAMESPACE, "--create-namespace")
    assert "create secret generic aws-ecr-cloud-credentials" in notes
    assert "every namespace may use the operator's own identity" in notes
    plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    assert NEWER_FIELD not in fields(cluster)

    give_credentials(cluster, aws)
    resources = seed(plane, cluster)
    first = tmp_path / "first"
    first.mkdir()
    with run_pod(deployed(cluster), plane, cluster, aws, first) as operator:
        operator.ready()
        secrets = wait_served(cluster, resources, aws)

    notes = helm.succeeds("upgrade", RELEASE, str(CHART), "-n", NAMESPACE, values={"accessPolicies": {"a": POLICY}})
    assert "every namespace may use" not in notes
    assert NEWER_FIELD in fields(cluster)
    assert cluster.get(f"{ECR}/accesspolicies/a")
    aws.clear_calls()
    second = tmp_path / "second"
    second.mkdir()
    with run_pod(deployed(cluster), plane, cluster, aws, second) as operator:
        operator.ready()
        wait_for(lambda: operator.metric("ecr_secret_operator_resource_ready") == 2, "both are looked at", within=60)
        assert wait_served(cluster, resources, aws) == secrets
        assert doctor(plane) == {"operator-unavailable"}, "it runs here, but in no pod"
        running = {"status": {"replicas": 2, "readyReplicas": 2, "availableReplicas": 2}}
        cluster.patch(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{DEPLOYMENT}/status", running)
        assert doctor(plane) == set()
    assert aws.calls() == []

    kept = helm.succeeds("uninstall", RELEASE, "-n", NAMESPACE)
    assert "secrets.ecr.mobb.redhat.com" in kept
    assert cluster.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{DEPLOYMENT}") is None
    assert cluster.get("/apis/rbac.authorization.k8s.io/v1/clusterroles/ecr-secret-operator-manager-role") is None
    for one, secret in zip(resources, secrets, strict=True):
        place = one["metadata"]["namespace"]
        assert cluster.get(f"{ECR}/namespaces/{place}/{one['kind'].lower()}s/{one['metadata']['name']}")
        assert cluster.get(secret_path(place, secret["metadata"]["name"])) == secret

    helm.succeeds("install", RELEASE, str(CHART), "-n", NAMESPACE)
    assert deployed(cluster)


def test_definitions_are_taken_over_when_asked_to_and_a_second_release_does_without(
    helm: Helm, planes: tuple[ControlPlane, Cluster]
) -> None:
    plane, cluster = planes
    plane.kubectl("apply", "--server-side", "-f-", input=printed("crds"))
    refused = helm("install", RELEASE, str(CHART), "-n", NAMESPACE, "--create-namespace")
    assert refused.returncode != 0
    assert "invalid ownership metadata" in refused.stderr
    helm.succeeds("install", RELEASE, str(CHART), "-n", NAMESPACE, "--create-namespace", "--take-ownership")
    found = cluster.get(DEFINITION)
    assert found
    assert found["metadata"]["annotations"]["meta.helm.sh/release-name"] == RELEASE

    # A second one, elsewhere, shares nothing with the first but what it leaves out.
    elsewhere = ("install", "second", str(CHART), "-n", "elsewhere", "--create-namespace")
    refused = helm(*elsewhere)
    assert refused.returncode != 0
    assert "invalid ownership metadata" in refused.stderr
    helm.succeeds(*elsewhere, values={"crds": {"install": False}, "rbac": {"userRoles": False}})
