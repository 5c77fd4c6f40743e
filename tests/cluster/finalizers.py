"""Objects that a finalizer holds, and letting them go."""

from __future__ import annotations

from ecr_secret_operator_lab.cluster import Cluster

FINALIZER = "example.com/hold"

HELD = {"metadata": {"finalizers": [FINALIZER]}}

LET_GO = {"metadata": {"finalizers": None}}


def delete_but_hold(cluster: Cluster, path: str, *, foreground: bool = False) -> None:
    """Deletes an object that a finalizer holds."""
    cluster.patch(path, HELD)
    options = {"propagationPolicy": "Foreground"} if foreground else {}
    cluster.request("DELETE", path, options)
    assert (cluster.get(path) or {})["metadata"]["deletionTimestamp"]


def let_go(cluster: Cluster, path: str) -> None:
    cluster.patch(path, LET_GO)
