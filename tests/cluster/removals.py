"""Events and log lines about removals."""

from __future__ import annotations

from ecr_secret_operator_lab.cluster import Cluster
from tests.cluster.resources import events_of


def reported(cluster: Cluster, namespace: str, name: str, reason: str) -> list[str]:
    """The messages of the events of an object that have this reason, each as often as it was reported."""
    found = [one for one in events_of(cluster, namespace, name) if one["reason"] == reason]
    return sorted(one["message"] for one in found for _ in range(one["count"]))
