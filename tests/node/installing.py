"""The operator as users install it: by `helm install oci://`, its Pods pulled from a registry."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session

from ecr_secret_operator_lab.cluster import Cluster, Object, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.node import ADDRESS, NodeCluster
from ecr_secret_operator_lab.waiting import wait_for

from ..cluster.resources import HOST, docker_config
from ..e2e.installing import CHART, DEPLOYMENT, NAMESPACE, give_credentials
from .publishing import CHARTS, Publisher

__all__ = ["CHART", "DEPLOYMENT", "NAMESPACE", "Installation", "a_token", "install"]

RELEASE = "ecr-secret-operator"
IMAGE = f"{HOST}/ecr-secret-operator"
PULL_SECRET = "registry"  # the name of the Secret
DEPLOYMENT_PATH = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{DEPLOYMENT}"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
LEASE = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/bc9c1120.mobb.redhat.com"
OPERATOR = f"system:serviceaccount:{NAMESPACE}:{DEPLOYMENT}"
"""The operator as a user of the API server: its ServiceAccount has the name of its Deployment."""

READY_SECONDS = 120.0
REPLICAS = 2


@dataclass(frozen=True, slots=True)
class Installation:
    """The installed operator.

    Attributes:
        node: the cluster that it is in.
        cluster: the same, as its administrator.
        publisher: has helm.
        values: of the release.
        home: a directory for helm.
    """

    node: NodeCluster
    cluster: Cluster
    publisher: Publisher
    values: Mapping[str, Any]
    home: Path

    def helm(self, *args: str) -> str:
        """Runs helm against the cluster, with the values of the release."""
        (self.home / "values.json").write_text(json.dumps(dict(self.values)))
        tools = self.publisher.tools
        done = subprocess.run(
            [
                str(tools.programs["helm"]),
                *args,
                f"--namespace={NAMESPACE}",
                f"--values={self.home / 'values.json'}",
                f"--registry-config={tools.auth_file}",
            ],
            env={"PATH": "/usr/bin:/bin", **tools.environment(), "KUBECONFIG": str(self.node.plane.kubeconfig)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def deployment(self) -> Object:
        found = self.cluster.get(DEPLOYMENT_PATH)
        assert found
        return found

    def pods(self) -> list[Object]:
        """The Pods that are not being deleted."""
        found = self.cluster.items(PODS, labelSelector="control-plane=controller-manager")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def rolled_out(self) -> list[Object]:
        """Waits until all Pods are those of the Deployment as it is now, and Ready."""

        def state() -> bool:
            found = self.deployment()
            status = found.get("status", {})
            current = status.get("observedGeneration") == found["metadata"]["generation"]
            counts = {status.get(name, 0) for name in ("replicas", "updatedReplicas", "readyReplicas")}
            return current and counts == {REPLICAS} and len(self.pods()) == REPLICAS

        try:
            wait_for(state, "the Deployment has rolled out", within=READY_SECONDS)
        except AssertionError as error:
            told = self.node.plane.kubectl("describe", "pods", f"--namespace={NAMESPACE}", check=False).stdout
            raise AssertionError(f"{error}\n{told}") from error
        return self.pods()

    def leader(self) -> str:
        """The Pod that holds the Lease."""
        holder = ((self.cluster.get(LEASE) or {}).get("spec") or {}).get("holderIdentity") or ""
        return next((name for pod in self.pods() if (name := pod["metadata"]["name"]) in holder), "")

    def change(self, *operations: Mapping[str, Any]) -> None:
        """Changes the Deployment by a JSON patch; paths begin in the Pod template."""
        full = [{**one, "path": f"/spec/template{one['path']}"} for one in operations]
        self.kubectl("patch", "deployment", DEPLOYMENT, "--type=json", f"--patch={json.dumps(full)}")

    @contextmanager
    def restored(self) -> Iterator[None]:
        """Gives the Deployment its Pod template back at the end, and waits until its Pods are Ready."""
        template = self.deployment()["spec"]["template"]
        try:
            yield
        finally:
            self.change({"op": "replace", "path": "", "value": template})
            self.rolled_out()

    def kubectl(self, *args: str) -> str:
        """Runs kubectl as the administrator in the operator's namespace, and gives what it prints."""
        return self.node.plane.kubectl(f"--namespace={NAMESPACE}", *args).stdout

    def log(self, pod: str) -> str:
        return self.kubectl("logs", pod)


def a_token(aws: FakeAws) -> str:
    """A docker config with a token that was obtained without the operator."""
    settings = aws.environment()
    client = botocore.session.Session().create_client(
        "ecr",
        region_name="us-east-2",
        endpoint_url=aws.url,
        aws_access_key_id=settings["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=settings["AWS_SECRET_ACCESS_KEY"],
    )
    try:
        client.get_authorization_token()
    finally:
        client.close()
    return docker_config(HOST, aws.tokens()[-1].password)


def install(node: NodeCluster, cluster: Cluster, publisher: Publisher, aws: FakeAws, home: Path) -> Installation:
    """Installs the chart from the registry, with the image from there, and waits until both Pods are Ready."""
    cluster.namespace(NAMESPACE, **{"pod-security.kubernetes.io/enforce": "restricted"})
    give_credentials(cluster, aws)
    pull = {"metadata": {"name": PULL_SECRET}, "type": "kubernetes.io/dockerconfigjson"}
    cluster.create(secret_path(NAMESPACE), {**pull, "stringData": {".dockerconfigjson": a_token(aws)}})
    endpoints = {name: value for name, value in aws.environment().items() if name.startswith("AWS_ENDPOINT")}
    values = {
        "image": {"repository": IMAGE},
        "imagePullSecrets": [{"name": PULL_SECRET}],
        "extraEnv": [{"name": name, "value": value.replace("127.0.0.1", ADDRESS)} for name, value in endpoints.items()],
    }
    installation = Installation(node, cluster, publisher, values, home)
    installation.helm("install", RELEASE, f"{CHARTS}/ecr-secret-operator")
    installation.rolled_out()
    return installation
