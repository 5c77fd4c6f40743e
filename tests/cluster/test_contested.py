"""Another controller reverts what the operator writes, each time and at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Object, condition, secret_path
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for

from .resources import a_resource, apply, events_of, get, wait_condition, wait_ready, wait_secret

LABEL = "app.kubernetes.io/managed-by"


def relabel(cluster: Cluster, path: str) -> None:
    cluster.patch(f"{path}?fieldManager=rival", {"metadata": {"labels": {LABEL: "rival"}}})


def spoil_data(cluster: Cluster, path: str) -> None:
    cluster.patch(f"{path}?fieldManager=rival", {"data": {".dockerconfigjson": "e30="}})


def delete(cluster: Cluster, path: str) -> None:
    cluster.delete(path)


@contextmanager
def a_rival(kubeconfig: Path, path: str, revert: Callable[[Cluster, str], None]) -> Iterator[list[str]]:
    """Reverts each version of the Secret that the operator writes; gives the resource versions that it reverted."""
    reverted: list[str] = []
    stop = threading.Event()

    def run() -> None:
        with Cluster(kubeconfig) as cluster:
            ours = ""
            while not stop.wait(0.01):
                found = cluster.get(path)
                version = found["metadata"]["resourceVersion"] if found else ""
                if not found or version == ours:
                    continue
                reverted.append(version)
                revert(cluster, path)
                after = cluster.get(path)
                ours = after["metadata"]["resourceVersion"] if after and is_spoiled(after, found) else ""

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield reverted
    finally:
        stop.set()
        thread.join()


def is_spoiled(after: Object, before: Object) -> bool:
    """Whether it is the rival's version, and not one that the operator has restored since."""
    same_labels = after["metadata"].get("labels") == before["metadata"].get("labels")
    return not (same_labels and after["data"] == before["data"])


@pytest.mark.parametrize(("revert", "named"), [(relabel, "rival"), (spoil_data, "rival"), (delete, "another client")])
def test_a_fight_over_a_secret_is_damped_and_reported(
    cluster: Cluster,
    kubeconfig: Path,
    namespace: str,
    operator: OperatorProcess,
    revert: Callable[[Cluster, str], None],
    named: str,
) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    path = secret_path(namespace, "ecr-generated")
    with a_rival(kubeconfig, path, revert) as reverted:
        wait_condition(cluster, namespace, type="Refreshing", status="False", reason="SecretContested", within=60)
        time.sleep(15)  # the fight goes on
        assert 10 <= len(reverted) <= 20, "ten at once, then after 1, 2, 4 and 8 seconds"
        resource = get(cluster, namespace)
        assert named in condition(resource, "Refreshing")["message"]
        if revert is relabel:
            assert condition(resource, "Ready")["status"] == "True", "the token is valid, whatever the label says"
        else:
            wait_condition(cluster, namespace, type="Ready", status="False", reason="SecretContested", within=60)
        warnings = [one for one in events_of(cluster, namespace) if one["reason"] == "SecretContested"]
        assert [one.get("count", 1) for one in warnings] == [1], "it is reported once"
        assert operator.probe("/healthz")[0] == 200
    wait_secret(cluster, namespace, within=70)
    wait_condition(cluster, namespace, type="Refreshing", status="True", within=140)
    for _ in range(2):
        before = wait_secret(cluster, namespace)["metadata"]["uid"]
        cluster.delete(path)
        wait_for(
            lambda: (cluster.get(path) or {"metadata": {"uid": before}})["metadata"]["uid"] != before,  # noqa: B023
            "repairs are immediate again",
            within=5,
        )
