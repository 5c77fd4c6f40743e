"""The kustomize base and overlays: applied to a cluster that has nothing yet, and what they start serves."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from ecr_secret_operator_lab.cluster import Cluster
from ecr_secret_operator_lab.controlplane import ControlPlane, ensure_binaries
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.reporting import print_progress
from tests.yaml_files import strict_documents

from .installing import (
    DEPLOY,
    DEPLOYMENT,
    NAMESPACE,
    Object,
    bare_plane,
    define_foreign_kinds,
    give_credentials,
    seed,
    wait_served,
)
from .pods import metrics_status, run_pod

KUSTOMIZE = DEPLOY / "kustomize"


def deployed(cluster: Cluster) -> Object:
    found = cluster.get(f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{DEPLOYMENT}")
    assert found
    return found


def apply(plane: ControlPlane, overlay: str) -> None:
    """As the guide says: the definitions have to be there before what is of their kinds, and nothing is."""
    plane.kubectl("apply", "--server-side", "--kustomize", str(KUSTOMIZE / overlay))


def test_the_base_serves_the_seed_documents_resources(aws: FakeAws, tmp_path: Path) -> None:
    with bare_plane() as (plane, cluster):
        apply(plane, "base")
        give_credentials(cluster, aws)
        resources = seed(plane, cluster)
        with run_pod(deployed(cluster), plane, cluster, aws, tmp_path) as operator:
            operator.ready()
            wait_served(cluster, resources, aws)


def test_the_namespaced_overlay_serves_its_namespaces_without_a_right_to_others(aws: FakeAws, tmp_path: Path) -> None:
    with bare_plane() as (plane, cluster):
        for name in ("team-a", "team-b"):
            cluster.namespace(name)
        apply(plane, "overlays/namespaced")
        give_credentials(cluster, aws)
        resources = seed(plane, cluster, Secret="team-a", ArgoHelmRepoSecret="team-b")
        with run_pod(deployed(cluster), plane, cluster, aws, tmp_path, place="team-a") as operator:
            operator.ready()
            wait_served(cluster, resources, aws)
        account = f"system:serviceaccount:{NAMESPACE}:{DEPLOYMENT}"
        for place, answer in {"team-a": "yes", "team-b": "yes", "default": "no"}.items():
            done = plane.kubectl("auth", "can-i", "get", "secrets", f"--as={account}", "-n", place, check=False)
            assert done.stdout.strip() == answer, place


def test_the_openshift_overlay_shows_metrics_over_https_only_to_who_may_read_them(aws: FakeAws, tmp_path: Path) -> None:
    with bare_plane() as (plane, cluster):
        define_foreign_kinds(plane)
        apply(plane, "overlays/openshift")
        give_credentials(cluster, aws)
        certificate = plane.directory / "serving"
        certificate.mkdir()
        found = deployed(cluster)
        (container,) = found["spec"]["template"]["spec"]["containers"]
        assert {"--metrics-secure", "--metrics-cert-path=/var/run/secrets/metrics-tls"} <= set(container["args"])
        assert {"metrics-tls", "aws-credentials", "bound-sa-token"} == {
            one["name"] for one in found["spec"]["template"]["spec"]["volumes"]
        }
        # What service-ca would make of the Service's annotation cannot be had here; TLS has tests of its own.
        container["args"].remove("--metrics-cert-path=/var/run/secrets/metrics-tls")
        container["volumeMounts"] = [one for one in container["volumeMounts"] if one["name"] != "metrics-tls"]
        resources = seed(plane, cluster)
        with run_pod(found, plane, cluster, aws, tmp_path) as operator:
            operator.ready()
            wait_served(cluster, resources, aws)
            assert metrics_status(operator) == 401
        reader = f"system:serviceaccount:{NAMESPACE}:ecr-secret-operator-metrics-reader"
        done = plane.kubectl("auth", "can-i", "get", "/metrics", f"--as={reader}")
        assert done.stdout.strip() == "yes"


@pytest.mark.parametrize("overlay", ["base", "overlays/openshift", "overlays/namespaced"])
def test_the_admission_policies_can_be_left_out_of_an_overlay(overlay: str, tmp_path: Path) -> None:
    """For Kubernetes 1.29, whose API server does not have their kinds."""
    kustomization = {
        "resources": ["../deploy/kustomize/" + overlay],
        "components": ["../deploy/kustomize/components/without-admission-policies"],
    }
    (tmp_path / "deploy").symlink_to(DEPLOY)
    for name, content in {"with": {"resources": kustomization["resources"]}, "without": kustomization}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "kustomization.yaml").write_text(yaml.safe_dump(content))
    kubectl = ensure_binaries(print_progress).kubectl

    def built(name: str) -> list[Object]:
        argv = [str(kubectl), "kustomize", str(tmp_path / name)]
        text = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        return [dict(one) for one in strict_documents(text)]

    group = "admissionregistration.k8s.io/"
    kept = [one for one in built("with") if not one["apiVersion"].startswith(group)]
    assert built("without") == kept
    assert len(kept) < len(built("with"))


@pytest.mark.parametrize("overlay", ["base", "overlays/openshift", "overlays/namespaced"])
def test_another_image_can_be_named_from_an_overlay(overlay: str, tmp_path: Path) -> None:
    """As the guide says: an overlay of one's own over one of these."""
    mine = tmp_path / "mine"
    mine.mkdir()
    kustomization = {
        "resources": ["../deploy/kustomize/" + overlay],
        "images": [{"name": "quay.io/rh-mobb/ecr-secret-operator", "newName": "registry.example/ecr", "newTag": "x"}],
    }
    (mine / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    (tmp_path / "deploy").symlink_to(DEPLOY)
    with bare_plane() as (plane, _):
        text = plane.kubectl("kustomize", str(mine)).stdout
    images = {
        container["image"]
        for one in yaml.safe_load_all(text)
        if one["kind"] == "Deployment"
        for container in one["spec"]["template"]["spec"]["containers"]
    }
    assert images == {"registry.example/ecr:x"}
