"""With the limits of the chart, 1,000 resources fit with room. Too small a limit: see `test_diagnosis`."""

from __future__ import annotations

import pytest

from ecr_secret_operator_lab.cluster import Cluster, condition, resource_path, secret_path
from ecr_secret_operator_lab.waiting import wait_for

from ..cluster.resources import a_resource, apply
from .containers import memory
from .installing import PODS, Installation
from .pods import LONG
from .test_life import wait_leader

pytestmark = pytest.mark.xdist_group("life-memory")

RESOURCES = 1000
LIMIT = 512 << 20


def test_a_thousand_resources_fit_with_room(installation: Installation, cluster: Cluster, namespace: str) -> None:
    """All that the kernel counts for the container, page cache too. It may take half of the limit."""
    installation.rolled_out()
    leader = wait_leader(installation)
    for number in range(RESOURCES):
        apply(cluster, namespace, a_resource(name=f"ecr-{number}"))
    path = resource_path("secrets", namespace)

    def all_ready() -> bool:
        return all(condition(one, "Ready").get("status") == "True" for one in cluster.items(path))

    wait_for(all_ready, f"{RESOURCES} resources are Ready", within=LONG)
    assert len(cluster.items(secret_path(namespace))) == RESOURCES
    pod = cluster.get(f"{PODS}/{leader}")
    assert pod
    assert memory(pod, "limit") == LIMIT
    assert memory(pod, "failures") == 0
    peak = memory(pod, "peak")
    assert 0 < peak < LIMIT // 2, f"{peak >> 20} MiB"
