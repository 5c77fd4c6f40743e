"""What the tests of faults do to a cluster, and wait for in it."""

from __future__ import annotations

from collections.abc import Callable

from ecr_secret_operator_lab.cluster import Cluster, Object, resource_path, secret_path
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for

from .resources import get, password_in, wait_secret

REFRESH = "ecr.mobb.redhat.com/refresh"
A_BUG = "raised what it should not"
EMPTY = "e30="
ALIKE = 6
"""How many looks have to find the same for a rest."""


def touch(cluster: Cluster, namespace: str, **annotations: str) -> Object:
    """Annotates the resource `ecr`."""
    return cluster.patch(resource_path("secrets", namespace, "ecr"), {"metadata": {"annotations": annotations}})


def ask_for_a_refresh(cluster: Cluster, namespace: str, request: str) -> None:
    """Asks for a new token for the resource `ecr`."""
    touch(cluster, namespace, **{REFRESH: request})


def wait_handled(cluster: Cluster, namespace: str, request: str, *, within: float = 60.0) -> None:
    """Waits until the resource `ecr` says that a request for a refresh is done."""

    def handled() -> bool:
        return bool((get(cluster, namespace) or {})["status"].get("lastHandledRefresh") == request)

    wait_for(handled, f"the request {request} is done", within=within)


def damage(cluster: Cluster, namespace: str, name: str = "ecr-generated") -> None:
    """Empties a generated Secret."""
    cluster.patch(secret_path(namespace, name), {"data": {".dockerconfigjson": EMPTY}})


def wait_password(
    cluster: Cluster, namespace: str, right: Callable[[str], bool], what: str, *, within: float = 30.0
) -> str:
    """Waits until the generated Secret is whole, with a token that is right."""

    def state() -> str | None:
        secret = wait_secret(cluster, namespace)
        if secret["data"].get(".dockerconfigjson") == EMPTY:
            return None
        password = password_in(secret)
        return password if right(password) else None

    return wait_for(state, what, within=within)


def settled(operator: OperatorProcess) -> None:
    """Waits until nothing has been looked at for a while."""
    seen = [-1.0] * ALIKE

    def quiet() -> bool:
        seen.append(operator.metric("ecr_secret_operator_reconciles_total"))
        return len(set(seen[-ALIKE:])) == 1

    wait_for(quiet, "the operator rests")
