"""A real Flux source-controller fetches from ECR with the Secret that the operator generated, as its `secretRef`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecr_secret_operator_lab.cluster import Cluster, condition, secret_data
from ecr_secret_operator_lab.flux import GROUP, Parts, ensure_flux, install, start_flux
from ecr_secret_operator_lab.registry import Refusal, Registry, Tools
from ecr_secret_operator_lab.reporting import print_progress
from ecr_secret_operator_lab.waiting import wait_for

from ..cluster.resources import a_resource, apply, wait_ready, wait_secret
from .accounts import DOCKER_CONFIG
from .images import HOST, push

pytestmark = pytest.mark.usefixtures("operator", "flux")

LONG = 120.0
VERSION = "1.2.3"


@pytest.fixture(scope="module")
def parts() -> Parts:
    return ensure_flux(print_progress)


@pytest.fixture
def flux(cluster: Cluster, kubeconfig: Path, parts: Parts, registry: Registry, namespace: str) -> Iterator[None]:
    """Flux for the test's namespace."""
    install(cluster, parts)
    with start_flux(kubeconfig, parts, registry=registry.environment(), namespace=namespace):
        yield


@pytest.fixture
def secret(cluster: Cluster, namespace: str, tools: Tools) -> str:
    """The name of a generated Secret; the tools have it too."""
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace, within=LONG)
    generated = wait_secret(cluster, namespace)
    tools.login(secret_data(generated)[DOCKER_CONFIG])
    return str(generated["metadata"]["name"])


def make(cluster: Cluster, namespace: str, kind: str, name: str, **spec: Any) -> str:
    """Makes one of Flux's resources, and gives its path."""
    path = f"/apis/{GROUP}/v1/namespaces/{namespace}/{plural(kind)}"
    body = {"apiVersion": f"{GROUP}/v1", "kind": kind, "metadata": {"name": name}, "spec": spec}
    cluster.create(path, body)
    return f"{path}/{name}"


def plural(kind: str) -> str:
    return kind.lower().removesuffix("y") + ("ies" if kind.endswith("y") else "s")


def wait_fetched(cluster: Cluster, path: str) -> str:
    """Waits until what a resource names was fetched, and gives its revision."""

    def revision() -> str:
        found = cluster.get(path) or {}
        ready = condition(found, "Ready").get("status") == "True"
        return str(found["status"].get("artifact", {}).get("revision", "")) if ready else ""

    return wait_for(revision, f"{path} is fetched", within=LONG)


def oci(name: str, namespace: str, **spec: Any) -> Mapping[str, Any]:
    return {"url": f"oci://{HOST}/{namespace}/{name}", "interval": "10m", "ref": {"tag": "1"}, **spec}


def test_an_oci_repository_is_fetched_with_the_generated_secret_and_not_without(
    cluster: Cluster, namespace: str, tools: Tools, registry: Registry, secret: str
) -> None:
    assert push(tools, f"{HOST}/{namespace}/manifests:1").returncode == 0
    digest = tools.crane("digest", f"{HOST}/{namespace}/manifests:1").stdout.strip()
    before = registry.last_request()

    without = make(cluster, namespace, "OCIRepository", "without", **oci("manifests", namespace))
    failed = {"status": "False", "reason": "OCIArtifactPullFailed"}
    wait_for(
        lambda: failed.items() <= condition(cluster.get(without), "Ready").items(),
        f"{without} is not fetched",
        within=LONG,
    )
    assert {handled.refusal for handled in registry.requests(after=before)} == {Refusal.NO_CREDENTIALS}

    served = make(
        cluster, namespace, "OCIRepository", "served", **oci("manifests", namespace, secretRef={"name": secret})
    )
    assert wait_fetched(cluster, served) == f"1@{digest}"


def test_a_chart_is_fetched_from_a_helm_repository_with_the_generated_secret(
    cluster: Cluster, namespace: str, tools: Tools, secret: str
) -> None:
    source = tools.home / "web"
    (source / "templates").mkdir(parents=True)
    (source / "Chart.yaml").write_text(yaml.safe_dump({"apiVersion": "v2", "name": "web", "version": VERSION}))
    assert tools.helm("package", str(source)).returncode == 0
    assert tools.helm("push", f"web-{VERSION}.tgz", f"oci://{HOST}/{namespace}").returncode == 0

    repository = {"type": "oci", "url": f"oci://{HOST}/{namespace}", "secretRef": {"name": secret}}
    make(cluster, namespace, "HelmRepository", "charts", **repository)
    chart = make(
        cluster,
        namespace,
        "HelmChart",
        "web",
        chart="web",
        version=VERSION,
        interval="10m",
        sourceRef={"kind": "HelmRepository", "name": "charts"},
    )
    assert wait_fetched(cluster, chart) == VERSION


def test_flux_fetches_within_the_limit_only_and_names_the_repository_that_is_outside(
    cluster: Cluster, namespace: str, tools: Tools, secret: str
) -> None:
    own, neighbours = f"{namespace}/manifests", f"{namespace}b/manifests"
    for repository in (own, neighbours):
        assert push(tools, f"{HOST}/{repository}:1").returncode == 0
    limit = {"access": "pull", "repositories": [f"{namespace}/*"]}
    apply(cluster, namespace, a_resource(name="limited", aws=limit))
    wait_ready(cluster, namespace, "limited", within=LONG)

    limited = {"interval": "10m", "ref": {"tag": "1"}, "secretRef": {"name": "limited-generated"}}
    inside = make(cluster, namespace, "OCIRepository", "inside", url=f"oci://{HOST}/{own}", **limited)
    outside = make(cluster, namespace, "OCIRepository", "outside", url=f"oci://{HOST}/{neighbours}", **limited)
    assert wait_fetched(cluster, inside).startswith("1@sha256:")
    failed = wait_for(
        lambda: condition(cluster.get(outside), "Ready").get("reason") == "OCIArtifactPullFailed" and outside,
        f"{outside} is refused",
        within=LONG,
    )
    said = condition(cluster.get(failed), "Ready")["message"]
    assert f"repository/{neighbours} because no session policy allows the ecr:BatchGetImage action" in said
    everything = {**limited, "secretRef": {"name": secret}}
    served = make(cluster, namespace, "OCIRepository", "served", url=f"oci://{HOST}/{neighbours}", **everything)
    assert wait_fetched(cluster, served).startswith("1@sha256:"), "it is there, for a token without a limit"
