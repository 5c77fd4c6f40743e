"""Pods of users, and what becomes of them."""

from __future__ import annotations

import uuid
from typing import Any

from ecr_secret_operator_lab.cluster import Cluster, Object
from ecr_secret_operator_lab.registry import Refusal, Registry
from ecr_secret_operator_lab.waiting import wait_for

LONG = 120.0
REFUSED = {"ErrImagePull", "ImagePullBackOff"}


def a_pod(image: str, *command: str, **spec: Any) -> Object:
    """A Pod that pulls an image and runs a command once."""
    container = {"name": "main", "image": image, "imagePullPolicy": "Always", "command": list(command or ("greet",))}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"pod-{uuid.uuid4().hex[:6]}"},
        "spec": {"restartPolicy": "Never", "containers": [container], **spec},
    }


def run(cluster: Cluster, namespace: str, pod: Object) -> str:
    """Creates a Pod and gives its name."""
    return str(cluster.create(f"/api/v1/namespaces/{namespace}/pods", pod)["metadata"]["name"])


def wait_done(cluster: Cluster, namespace: str, name: str) -> None:
    """Waits until a Pod has succeeded."""
    _wait_ended(cluster, namespace, name, "Succeeded")


def wait_failed(cluster: Cluster, namespace: str, name: str) -> None:
    """Waits until the command of a Pod has failed."""
    _wait_ended(cluster, namespace, name, "Failed")


def _wait_ended(cluster: Cluster, namespace: str, name: str, phase: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods/{name}"

    def state() -> bool:
        status = (cluster.get(path) or {}).get("status", {})
        assert status.get("phase") in {None, "Pending", "Running", phase}, status
        return bool(status.get("phase") == phase)

    try:
        wait_for(state, f"Pod {name} is {phase}", within=LONG)
    except AssertionError as error:
        raise AssertionError(f"{error}; {(cluster.get(path) or {}).get('status')}") from error


def wait_refused(cluster: Cluster, namespace: str, name: str) -> str:
    """Waits until the kubelet cannot pull a Pod's image, and gives the kubelet's message."""

    def state() -> str:
        found = cluster.get(f"/api/v1/namespaces/{namespace}/pods/{name}") or {}
        statuses = found.get("status", {}).get("containerStatuses") or [{}]
        waiting = statuses[0].get("state", {}).get("waiting", {})
        return str(waiting.get("message", "")) if waiting.get("reason") in REFUSED else ""

    return wait_for(state, f"the image of Pod {name} is refused", within=LONG)


def refusals(registry: Registry, repository: str, *, after: int) -> set[tuple[int, Refusal | None]]:
    """The status and the reason with which the registry answered what concerned a repository."""
    handled = registry.requests(after=after)
    return {(one.status, one.refusal) for one in handled if one.path.startswith(f"/v2/{repository}/")}
