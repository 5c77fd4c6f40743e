"""ServiceAccounts, as those who push and pull look at them."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

from ecr_secret_operator_lab.cluster import Cluster, Object, secret_data, secret_path
from ecr_secret_operator_lab.waiting import wait_for

DOCKER_CONFIG = ".dockerconfigjson"


def an_account(cluster: Cluster, namespace: str, name: str) -> None:
    cluster.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})


def wait_linked(cluster: Cluster, namespace: str, account: str, *secrets: str, field: str) -> None:
    """Waits until the operator has linked these Secrets, as the resource's `link` asks."""

    def linked() -> bool:
        listed = _account(cluster, namespace, account).get(field) or []
        return set(secrets) <= {reference["name"] for reference in listed}

    wait_for(linked, f"{', '.join(secrets)} in {field} of ServiceAccount {account}", within=60)


def auth_file_of_a_pod(cluster: Cluster, namespace: str, account: str) -> str:
    """What a pod's images are pulled with: the imagePullSecrets of its ServiceAccount, merged.

    So do the kubelet and k8schain: all entries of all Secrets that are there, the first of a host first.
    """
    auths: dict[str, Any] = {}
    for reference in _account(cluster, namespace, account).get("imagePullSecrets", []):
        secret = cluster.get(secret_path(namespace, reference["name"]))
        if secret and secret["type"] == "kubernetes.io/dockerconfigjson":
            auths = {**json.loads(b64decode(secret["data"][DOCKER_CONFIG]))["auths"], **auths}
    return json.dumps({"auths": auths})


def auth_file_of_a_build(cluster: Cluster, namespace: str, account: str, host: str) -> str:
    """What a build pushes with: the Secret among the `secrets` of its ServiceAccount that knows the host, as it is.

    So does OpenShift's build controller (FindDockerSecretAsReference), which then mounts that Secret into the build.
    """
    name = secret_of_a_build(cluster, namespace, account, host)
    return secret_data(cluster.get(secret_path(namespace, name)) or {})[DOCKER_CONFIG]


def secret_of_a_build(cluster: Cluster, namespace: str, account: str, host: str) -> str:
    """The name of the Secret that is mounted into a build."""
    for reference in _account(cluster, namespace, account).get("secrets", []):
        data = secret_data(cluster.get(secret_path(namespace, reference["name"])) or {})
        if host in json.loads(data.get(DOCKER_CONFIG, "{}")).get("auths", {}):
            return str(reference["name"])
    raise AssertionError(f"ServiceAccount {account} has no Secret for {host}")


def _account(cluster: Cluster, namespace: str, name: str) -> Object:
    found = cluster.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}")
    assert found is not None
    return found
