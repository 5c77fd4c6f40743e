"""What the tests of faults do to a cluster, and wait for in it."""

from __future__ import annotations

from collections.abc import Callable

from ecr_secret_operator_lab.cluster import Cluster, secret_path
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for

from .resources import password_in, wait_secret

A_BUG = "raised what it should not"
EMPTY = "e30="
ALIKE = 6
"""How many looks have to find the same for a rest."""


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
