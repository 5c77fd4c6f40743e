"""An operator that watches many single namespaces."""

from __future__ import annotations

from ecr_secret_operator_lab.cluster import Cluster

from ..laboratory import StartOperator
from .resources import (
    a_resource,
    apply,
    wait_ready,
)

MANY = 60


def test_many_namespaces_are_watched_and_served(
    cluster: Cluster, namespace: str, start_operator: StartOperator
) -> None:
    names = [namespace, *(cluster.namespace(f"{namespace}-{number}") for number in range(MANY))]
    start_operator(namespaces=",".join(names))
    for name in (names[0], names[-1]):
        apply(cluster, name, a_resource())
        wait_ready(cluster, name)
