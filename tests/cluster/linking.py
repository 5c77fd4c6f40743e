"""Resources that link ServiceAccounts, and waiting for their links."""

from __future__ import annotations

from ecr_secret_operator_lab.cluster import Cluster, Object, resource_path
from tests.cluster.resources import wait_condition

RECONCILES = "ecr_secret_operator_reconciles_total"


def link(account: str, *purposes: str) -> list[Object]:
    """The field of a resource that links one ServiceAccount."""
    return [{"service_account": account, **({"for": list(purposes)} if purposes else {})}]


def wait_linked(cluster: Cluster, namespace: str, name: str) -> Object:
    return wait_condition(cluster, namespace, name, type="Linked", status="True", reason="Linked")


def remove(cluster: Cluster, namespace: str, name: str) -> None:
    cluster.delete(resource_path("secrets", namespace, name))
