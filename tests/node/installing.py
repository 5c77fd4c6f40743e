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

from ecr_secret_operator_lab.cluster import Cluster, Object, condition
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.node import ADDRESS, NodeCluster
from ecr_secret_operator_lab.waiting import wait_for

from ..cluster.resources import HOST, docker_config
from ..e2e.installing import CHART, DEPLOYMENT, NAMESPACE
from . import page
from .publishing import Publisher
from .shell import Shell

__all__ = ["CHART", "DEPLOYMENT", "NAMESPACE", "Installation", "a_password", "a_reader", "a_token", "install"]

RELEASE = "ecr"
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
            # A Pod that was just deleted is still counted in the status.
            ready = [condition(pod, "Ready").get("status") == "True" for pod in self.pods()]
            return current and counts == {REPLICAS} and ready == [True] * REPLICAS

        try:
            wait_for(state, "the Deployment has rolled out", within=READY_SECONDS)
        except AssertionError as error:
            told = self.node.plane.kubectl("describe", "pods", f"--namespace={NAMESPACE}", check=False).stdout
            raise AssertionError(f"{error}\n{told}") from error
        return self.pods()

    def fresh(self) -> list[Object]:
        """The same, after Pods whose containers another test has restarted are replaced."""
        for pod in self.rolled_out():
            if any(status["restartCount"] for status in pod["status"]["containerStatuses"]):
                self.cluster.delete(f"{PODS}/{pod['metadata']['name']}")
        return self.rolled_out()

    def leader(self) -> str:
        """The Pod that holds the Lease."""
        holder = ((self.cluster.get(LEASE) or {}).get("spec") or {}).get("holderIdentity") or ""
        return next((name for pod in self.pods() if (name := pod["metadata"]["name"]) in holder), "")

    def change(self, *operations: Mapping[str, Any]) -> None:
        """Changes the Deployment by a JSON patch; paths begin in the Pod template."""
        full = [{**one, "path": f"/spec/template{one['path']}"} for one in operations]
        self.kubectl("patch", "deployment", DEPLOYMENT, "--type=json", f"--patch={json.dumps(full)}")

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """Lets a change end all Pods before it creates others. No old one goes on, and it takes half of the time."""
        before = self.deployment()["spec"]["strategy"]
        self._strategy({"type": "Recreate"})
        try:
            yield
        finally:
            self._strategy(before)

    def _strategy(self, value: Mapping[str, Any]) -> None:
        patch = json.dumps([{"op": "replace", "path": "/spec/strategy", "value": value}])
        self.kubectl("patch", "deployment", DEPLOYMENT, "--type=json", f"--patch={patch}")

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
    return docker_config(HOST, a_password(aws))


def a_password(aws: FakeAws) -> str:
    """A token that was obtained without the operator."""
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
    return aws.tokens()[-1].password


def install(node: NodeCluster, cluster: Cluster, publisher: Publisher, aws: FakeAws, home: Path) -> Installation:
    """Types the commands of the tutorial that install the operator, and waits until both Pods are Ready.

    Its chart and image come from the registry. Its values have the address of the fake AWS in addition.
    """
    endpoints = {name: value for name, value in aws.environment().items() if name.startswith("AWS_ENDPOINT")}
    values = {
        "image": {"repository": IMAGE},
        "imagePullSecrets": [{"name": PULL_SECRET}],
        "extraEnv": [{"name": name, "value": value.replace("127.0.0.1", ADDRESS)} for name, value in endpoints.items()],
    }
    (home / "aws.json").write_text(json.dumps({"extraEnv": values["extraEnv"]}))
    shell = a_reader(node, publisher, aws, home)
    assert page.typed(page.INSTALL).count("--values=values.yaml\n") == 1
    shell.succeeds(page.typed(page.INSTALL).replace("--values=values.yaml", "--values=values.yaml --values=aws.json"))
    installation = Installation(node, cluster, publisher, values, home)
    installation.rolled_out()
    return installation


def a_reader(node: NodeCluster, publisher: Publisher, aws: FakeAws, home: Path, **variables: str) -> Shell:
    """A shell in which the variables of the tutorial are set, except the image to pull."""
    keys = {name: value for name, value in aws.environment().items() if "KEY" in name}
    registry = {"REGISTRY": HOST, "REGISTRY_USER": "AWS", "REGISTRY_PASSWORD": a_password(aws)}
    tools = publisher.tools
    return Shell(
        kubeconfig=node.plane.kubeconfig,
        home=home,
        programs={"kubectl": node.plane.binaries.kubectl, "helm": tools.programs["helm"]},
        environment={**tools.environment(), **keys, **registry, "ECR": HOST, **variables},
    )
