"""What the cluster tests apply, and what they expect to find."""

from __future__ import annotations

import json
import time
from base64 import b64decode, b64encode
from typing import Any

from ecr_secret_operator_lab.cluster import Cluster, Object, condition, resource_path, secret_path
from ecr_secret_operator_lab.waiting import wait_for

API_VERSION = "ecr.mobb.redhat.com/v1alpha1"
HOST = "123456789012.dkr.ecr.us-east-2.amazonaws.com"
PLURALS = {"Secret": "secrets", "ArgoHelmRepoSecret": "argohelmreposecrets"}


def a_resource(kind: str = "Secret", name: str = "ecr", **spec: Any) -> Object:
    registry = {"url": HOST} if kind == "ArgoHelmRepoSecret" else {"ecr_registry": HOST}
    full = {"generated_secret_name": f"{name}-generated", "frequency": "10h", "region": "us-east-2", **registry, **spec}
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": name},
        "spec": {key: value for key, value in full.items() if value is not None},
    }


def apply(cluster: Cluster, namespace: str, resource: Object) -> Object:
    return cluster.create(resource_path(PLURALS[resource["kind"]], namespace), resource)


def get(cluster: Cluster, namespace: str, name: str = "ecr", kind: str = "Secret") -> Object | None:
    return cluster.get(resource_path(PLURALS[kind], namespace, name))


def edit(cluster: Cluster, namespace: str, name: str = "ecr", kind: str = "Secret", **spec: Any) -> Object:
    return cluster.patch(resource_path(PLURALS[kind], namespace, name), {"spec": spec})


def older_than_now(resource: Object) -> None:
    """Waits until whatever is created from now on is younger by a second at least: that is as fine as ages are."""
    created = resource["metadata"]["creationTimestamp"]
    wait_for(lambda: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()) > created, "the next second")


def wait_ready(
    cluster: Cluster, namespace: str, name: str = "ecr", kind: str = "Secret", *, within: float = 30.0
) -> Object:
    return wait_condition(cluster, namespace, name, kind, type="Ready", status="True", within=within)


def wait_condition(
    cluster: Cluster, namespace: str, name: str = "ecr", kind: str = "Secret", *, within: float = 30.0, **wanted: str
) -> Object:
    """Waits until the resource's condition of `type` has the other fields that are given."""

    def state() -> Object | None:
        resource = get(cluster, namespace, name, kind)
        found = condition(resource, wanted["type"])
        current = resource and found.get("observedGeneration") == resource["metadata"]["generation"]
        return resource if current and wanted.items() <= found.items() else None

    return wait_for(state, f"{kind} {namespace}/{name} has condition {wanted}", within=within)


def wait_secret(cluster: Cluster, namespace: str, name: str = "ecr-generated", *, within: float = 30.0) -> Object:
    return wait_for(
        lambda: cluster.get(secret_path(namespace, name)), f"Secret {namespace}/{name} exists", within=within
    )


def docker_config(host: str, password: str) -> str:
    """What the Go operator writes, byte for byte."""
    auth = b64encode(f"AWS:{password}".encode()).decode()
    return f'{{"auths":{{"{host}":{{"username":"AWS","password":"{password}","auth":"{auth}"}}}}}}'


def password_in(secret: Object) -> str:
    """The token in a generated Secret of either kind."""
    data = secret["data"]
    if ".dockerconfigjson" in data:
        (entry,) = json.loads(b64decode(data[".dockerconfigjson"]))["auths"].values()
        return str(entry["password"])
    return b64decode(data["password"]).decode()


def events_of(cluster: Cluster, namespace: str, name: str = "ecr") -> list[Object]:
    return cluster.items(f"/api/v1/namespaces/{namespace}/events", fieldSelector=f"involvedObject.name={name}")
