"""The project's own chart and manifests: what renders them, clusters that have nothing yet, and what is looked for.

The control plane that the other tests share has definitions and permissions already, so these tests start their own.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from ecr_secret_operator_lab.cluster import Cluster, condition, resource_path, secret_data, secret_path
from ecr_secret_operator_lab.controlplane import ControlPlane, ensure_binaries
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.reporting import print_progress
from ecr_secret_operator_lab.waiting import wait_for
from tests.yaml_files import strict_documents

from .guides import SEED, documents

Object = dict[str, Any]

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "chart"
NAMESPACE = "ecr-secret-operator"
DEPLOYMENT = "ecr-secret-operator-controller-manager"
LONG = 60.0
KUBERNETES = "--kube-version=1.36.2"
"""For helm without a cluster: one that is built as the laboratory does it thinks of 1.20."""

_FOREIGN = {
    "ServiceMonitor": ("monitoring.coreos.com", "servicemonitors"),
    "PrometheusRule": ("monitoring.coreos.com", "prometheusrules"),
    "Certificate": ("cert-manager.io", "certificates"),
}
_TEXT = {"type": "string"}
_RELABELING = {
    "sourceLabels": {"type": "array", "items": {**_TEXT, "pattern": "^[a-zA-Z_][a-zA-Z0-9_]*$"}},
    **dict.fromkeys(("separator", "targetLabel", "regex", "replacement"), _TEXT),
    "modulus": {"type": "integer", "format": "int64"},
    "action": {
        **_TEXT,
        "enum": [
            name
            for one in (
                *("Replace", "Keep", "Drop", "HashMod", "LabelMap", "LabelDrop", "LabelKeep"),
                *("Lowercase", "Uppercase", "KeepEqual", "DropEqual"),
            )
            for name in (one, one.lower())
        ],
    },
}
_RELABELINGS = {"type": "array", "items": {"type": "object", "properties": _RELABELING}}
_SCHEMAS: Mapping[str, Object] = {
    "ServiceMonitor": {
        "endpoints": {
            "type": "array",
            "items": {
                "type": "object",
                "x-kubernetes-preserve-unknown-fields": True,
                "properties": {"relabelings": _RELABELINGS, "metricRelabelings": _RELABELINGS},
            },
        }
    }
}
"""Of their specs, as far as values of the chart end up there: as the CRDs of the Prometheus operator have it."""


class Helm:
    """helm, with nothing of the user's own set-up.

    Args:
        program: the command.
        home: for its caches, and the values that it is given.
        kubeconfig: of the cluster; None where it only renders.
    """

    def __init__(self, program: Path, home: Path, kubeconfig: Path | None = None) -> None:
        self._program = program
        self._values = home / "values.yaml"
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "KUBECONFIG": str(kubeconfig or home / "none"),
        }

    def __call__(self, *args: str, values: Mapping[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
        """Runs it; its failure is for the test to judge."""
        given = []
        if values is not None:
            # As JSON, which is YAML: PyYAML leaves strings such as 1e3 without the quotation marks that Go needs.
            self._values.write_text(json.dumps(dict(values)))
            given = ["--values", str(self._values)]
        return subprocess.run(
            [str(self._program), *args, *given], env=self._environment, capture_output=True, text=True, check=False
        )

    def succeeds(self, *args: str, values: Mapping[str, Any] | None = None) -> str:
        done = self(*args, values=values)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def rendered(self, namespace: str = NAMESPACE, *args: str, **values: Any) -> list[Object]:
        """What the chart installs with some values; without what exists only while `helm test` runs."""
        return self._rendered(namespace, "--skip-tests", *args, values=values)

    def with_test(self, namespace: str = NAMESPACE, **values: Any) -> list[Object]:
        """All that the chart makes of some values, with the objects of `helm test`."""
        return self._rendered(namespace, values=values)

    def _rendered(self, namespace: str, *args: str, values: Mapping[str, Any]) -> list[Object]:
        text = self.succeeds("template", "release", str(CHART), "-n", namespace, KUBERNETES, *args, values=values)
        return [dict(one) for one in strict_documents(text)]

    def refusal(self, *args: str, **values: Any) -> str:
        """Why the chart does not take some values."""
        done = self("template", "release", str(CHART), "-n", NAMESPACE, KUBERNETES, *args, values=values)
        assert done.returncode != 0
        return done.stderr


def one_of(objects: list[Object], kind: str, name: str | None = None) -> Object:
    (found,) = (one for one in objects if one["kind"] == kind and name in (None, one["metadata"]["name"]))
    return found


@contextmanager
def bare_plane(*manifests: Path) -> Iterator[tuple[ControlPlane, Cluster]]:
    """A control plane of its own, with these manifests only, and its administrator's client."""
    with (
        ControlPlane.start(ensure_binaries(print_progress), manifests=manifests) as plane,
        Cluster(plane.kubeconfig) as cluster,
    ):
        yield plane, cluster


def define_foreign_kinds(plane: ControlPlane) -> None:
    """Makes the kinds of other projects known, with the parts of their schemas that the chart's values reach."""
    open_ = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    definitions = [
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}"},
            "spec": {
                "group": group,
                "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
                "scope": "Namespaced",
                "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
            },
        }
        for kind, (group, plural) in _FOREIGN.items()
        for schema in [{**open_, "properties": {"spec": {**open_, "properties": _SCHEMAS.get(kind, {})}}}]
    ]
    plane.kubectl("create", "--filename=-", input=yaml.safe_dump_all(definitions))
    plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")


def credentials_file(aws: FakeAws) -> str:
    """The file of the guide for an IAM user, with the keys of the fake's user."""
    keys = {name.lower(): value for name, value in aws.environment().items() if "KEY" in name}
    assert keys.keys() == {"aws_access_key_id", "aws_secret_access_key"}
    return "\n".join(["[default]", *(f"{name} = {value}" for name, value in keys.items()), ""])


def give_credentials(cluster: Cluster, aws: FakeAws, namespace: str = NAMESPACE) -> None:
    """The Secret of the guide for an IAM user."""
    body = {
        "metadata": {"name": "aws-ecr-cloud-credentials"},
        "stringData": {"credentials": credentials_file(aws)},
    }
    cluster.create(secret_path(namespace), body)


def seed(plane: ControlPlane, cluster: Cluster, **places: str) -> list[Object]:
    """Applies the seed document's resources, in its namespaces or in others, and gives them."""
    resources = documents(SEED)
    for one in resources:
        namespace = places.get(one["kind"], one["metadata"]["namespace"])
        one["metadata"]["namespace"] = namespace
        if cluster.get(f"/api/v1/namespaces/{namespace}") is None:
            cluster.namespace(namespace)
    plane.kubectl("apply", "--filename=-", input=yaml.safe_dump_all(resources))
    return resources


def wait_served(cluster: Cluster, resources: list[Object], aws: FakeAws) -> list[Object]:
    """Waits until resources are Ready, and gives the Secrets, which hold tokens that AWS issued."""
    secrets = []
    for one in resources:
        plural, namespace = f"{one['kind'].lower()}s", one["metadata"]["namespace"]
        path = resource_path(plural, namespace, one["metadata"]["name"])
        wait_for(
            lambda path=path: condition(cluster.get(path), "Ready").get("status") == "True",  # type: ignore[misc]
            f"{path} is Ready",
            within=LONG,
        )
        secret = cluster.get(secret_path(namespace, one["spec"]["generated_secret_name"]))
        assert secret
        assert any(token.password in value for value in secret_data(secret).values() for token in aws.tokens())
        secrets.append(secret)
    return secrets
