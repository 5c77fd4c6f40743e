"""The OLM bundle on a real API server: what OLM would make of it, in each install mode. OLM itself is not here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tools.image import MACHINES

from ecr_secret_operator_lab.cluster import Cluster
from ecr_secret_operator_lab.controlplane import ControlPlane
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.permissions import printed

from .installing import DEPLOY, NAMESPACE, Object, bare_plane, give_credentials, one_of, seed, wait_served
from .pods import run_pod

MANIFESTS = DEPLOY / "bundle" / "manifests"
IMAGE_PAGE = DEPLOY.parent / "docs" / "reference" / "image.md"
SUGGESTED = "operatorframework.io/suggested-namespace"
RBAC = "rbac.authorization.k8s.io"


@pytest.fixture
def planes() -> Iterator[tuple[ControlPlane, Cluster]]:
    with bare_plane() as found:
        yield found


@pytest.fixture
def manifests() -> list[Object]:
    return [yaml.safe_load(path.read_text()) for path in sorted(MANIFESTS.glob("*.yaml"))]


def as_olm(manifests: list[Object], targets: tuple[str, ...]) -> list[Object]:
    """What OLM makes of a bundle, for an OperatorGroup with these target namespaces; none for all.

    As it does: roles of `permissions` are made in its own namespace and in each target, and become cluster roles where
    all namespaces are; what stands beside the ClusterServiceVersion gets the operator's namespace.
    """
    csv = one_of(manifests, "ClusterServiceVersion")
    install = csv["spec"]["install"]["spec"]
    objects = [one for one in manifests if one is not csv]
    for one in objects:
        if one["kind"] in {"Service", "PodDisruptionBudget"}:
            one["metadata"]["namespace"] = NAMESPACE
    account = install["permissions"][0]["serviceAccountName"]
    objects.append(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account, "namespace": NAMESPACE}}
    )
    for entry in install["clusterPermissions"]:
        objects += granted("olm-cluster", entry)
    for entry in install["permissions"]:
        for place in dict.fromkeys((NAMESPACE, *targets)) if targets else [""]:
            objects += granted("olm", entry, place)
    for deployment in install["deployments"]:
        deployment["spec"]["template"]["metadata"].setdefault("annotations", {})["olm.targetNamespaces"] = ",".join(
            targets
        )
        metadata = {"name": deployment["name"], "namespace": NAMESPACE, "labels": deployment["label"]}
        objects.append(
            {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": deployment["spec"]}
        )
    return objects


def granted(name: str, entry: Object, place: str = "") -> list[Object]:
    kind, where = ("Role", {"namespace": place}) if place else ("ClusterRole", {})
    metadata = {"name": name, **where}
    subject = {"kind": "ServiceAccount", "name": entry["serviceAccountName"], "namespace": NAMESPACE}
    return [
        {"apiVersion": f"{RBAC}/v1", "kind": kind, "metadata": metadata, "rules": entry["rules"]},
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": f"{kind}Binding",
            "metadata": metadata,
            "roleRef": {"apiGroup": RBAC, "kind": kind, "name": name},
            "subjects": [subject],
        },
    ]


def install_policies(plane: ControlPlane, manifests: list[Object]) -> None:
    """As the description of the ClusterServiceVersion says, but here in place of in the pod: OLM installs none."""
    version = one_of(manifests, "ClusterServiceVersion")
    (found,) = re.findall(
        r"^ +kubectl --namespace=NAMESPACE exec deployment/(\S+) -- ecr-secret-operator (.*) \| kubectl apply -f -$",
        version["spec"]["description"],
        re.MULTILINE,
    )
    deployment, words = found
    (installed,) = version["spec"]["install"]["spec"]["deployments"]
    assert deployment == installed["name"]
    plane.kubectl("apply", "-f-", input=printed(*words.replace("NAMESPACE", NAMESPACE).split()))


@pytest.mark.parametrize(
    ("targets", "places"),
    [
        ((), {}),
        ((NAMESPACE,), {"Secret": NAMESPACE, "ArgoHelmRepoSecret": NAMESPACE}),
        (("team-a",), {"Secret": "team-a", "ArgoHelmRepoSecret": "team-a"}),
        (("team-a", "team-b"), {"Secret": "team-a", "ArgoHelmRepoSecret": "team-b"}),
    ],
    ids=["AllNamespaces", "OwnNamespace", "SingleNamespace", "MultiNamespace"],
)
def test_in_every_install_mode_it_serves_the_seed_documents_resources(
    planes: tuple[ControlPlane, Cluster],
    manifests: list[Object],
    aws: FakeAws,
    tmp_path: Path,
    targets: tuple[str, ...],
    places: dict[str, str],
) -> None:
    plane, cluster = planes
    for name in (NAMESPACE, "team-a", "team-b"):
        cluster.namespace(name)
    objects = as_olm(manifests, targets)
    plane.kubectl("apply", "--server-side", "-f-", input=yaml.safe_dump_all(objects))
    plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    install_policies(plane, manifests)
    give_credentials(cluster, aws)
    resources = seed(plane, cluster, **places)
    deployment = one_of(objects, "Deployment")
    place = targets[0] if targets else "default"
    with run_pod(deployment, plane, cluster, aws, tmp_path, place=place) as operator:
        operator.ready()
        wait_served(cluster, resources, aws)
        assert 'level": "error' not in operator.output()


def test_the_policies_of_the_repository_are_those_that_the_image_prints(manifests: list[Object]) -> None:
    """The file that docs/install.md names is for the namespace that the bundle suggests."""
    suggested = one_of(manifests, "ClusterServiceVersion")["metadata"]["annotations"][SUGGESTED]
    shipped = list(yaml.safe_load_all((DEPLOY / "admission" / "policies.yaml").read_text()))
    assert shipped == list(yaml.safe_load_all(printed("rbac", f"--namespace={suggested}", "--admission-only")))


def test_it_says_on_which_architectures_it_runs(manifests: list[Object]) -> None:
    """Those that the image is built for. OperatorHub shows an operator to nodes of these only."""
    labels = one_of(manifests, "ClusterServiceVersion")["metadata"]["labels"]
    prefix = "operatorframework.io/arch."
    named = {name.removeprefix(prefix): value for name, value in labels.items() if name.startswith(prefix)}
    assert named == dict.fromkeys(MACHINES, "supported")
    assert f"--platform {','.join(f'linux/{name}' for name in MACHINES)}" in IMAGE_PAGE.read_text()


def test_the_examples_are_taken_by_the_api_server(
    planes: tuple[ControlPlane, Cluster], manifests: list[Object]
) -> None:
    plane, _ = planes
    definitions = [one for one in manifests if one["kind"] == "CustomResourceDefinition"]
    plane.kubectl("apply", "--server-side", "-f-", input=yaml.safe_dump_all(definitions))
    plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    examples = json.loads(one_of(manifests, "ClusterServiceVersion")["metadata"]["annotations"]["alm-examples"])
    done = plane.kubectl("apply", "-n", "default", "-f-", input=yaml.safe_dump_all(examples))
    assert done.stdout.count(" created") == len(examples) == len(definitions)
