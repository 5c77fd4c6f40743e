"""One change comes before the operator has finished with another: names, deletions, refreshes, a stop."""

from __future__ import annotations

import signal
import time
from pathlib import Path

from ecr_secret_operator_lab.cluster import Cluster, condition, resource_path, secret_path
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for

from .resources import (
    a_resource,
    apply,
    edit,
    get,
    password_in,
    wait_condition,
    wait_ready,
    wait_secret,
)


def test_a_secret_that_a_finalizer_holds_is_made_anew_once_it_is_gone(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    apply(cluster, namespace, a_resource(generated_secret_name="one"))
    wait_ready(cluster, namespace)
    before = wait_secret(cluster, namespace, "one")
    cluster.patch(secret_path(namespace, "one"), {"metadata": {"finalizers": ["example.com/hold"]}})
    edit(cluster, namespace, generated_secret_name="two")
    wait_secret(cluster, namespace, "two")
    wait_for(lambda: wait_secret(cluster, namespace, "one")["metadata"].get("deletionTimestamp"), "it is being deleted")
    edit(cluster, namespace, generated_secret_name="one")
    wait_condition(cluster, namespace, type="Terminating", status="True")
    assert condition(wait_ready(cluster, namespace), "Refreshing")["status"] == "True", "it is kept fresh meanwhile"
    cluster.patch(secret_path(namespace, "one"), {"metadata": {"finalizers": None}})
    wait_for(
        lambda: wait_secret(cluster, namespace, "one")["metadata"]["uid"] != before["metadata"]["uid"],
        "it is another one",
    )
    wait_ready(cluster, namespace)


def test_two_resources_can_swap_their_names(cluster: Cluster, namespace: str, operator: OperatorProcess) -> None:
    apply(cluster, namespace, a_resource(name="a", generated_secret_name="first"))
    apply(cluster, namespace, a_resource("ArgoHelmRepoSecret", name="b", generated_secret_name="second"))
    wait_ready(cluster, namespace, "a")
    wait_ready(cluster, namespace, "b", "ArgoHelmRepoSecret")
    edit(cluster, namespace, "a", generated_secret_name="second")
    edit(cluster, namespace, "b", "ArgoHelmRepoSecret", generated_secret_name="first")
    wait_ready(cluster, namespace, "a", within=30)
    wait_ready(cluster, namespace, "b", "ArgoHelmRepoSecret", within=30)
    assert wait_secret(cluster, namespace, "second")["metadata"]["ownerReferences"][0]["name"] == "a"
    assert wait_secret(cluster, namespace, "first")["metadata"]["ownerReferences"][0]["name"] == "b"


def test_a_refresh_that_is_asked_for_at_once_is_not_lost(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    first = password_in(wait_secret(cluster, namespace))
    path = resource_path("secrets", namespace, "ecr")
    cluster.patch(path, {"metadata": {"annotations": {"ecr.mobb.redhat.com/refresh": "1"}}})
    wait_for(lambda: password_in(wait_secret(cluster, namespace)) != first, "the token is another one", within=20)
    wait_for(lambda: (get(cluster, namespace) or {})["status"].get("lastHandledRefresh") == "1", "it is marked as done")


def test_a_stop_that_comes_at_once_is_a_stop(operator_kubeconfig: Path, namespace: str, tmp_path: Path) -> None:
    for delay in (0.3, 0.6, 0.9, 1.2):
        operator = OperatorProcess(
            environment={"WATCH_NAMESPACE": namespace}, log=tmp_path / "log", kubeconfig=operator_kubeconfig
        )
        time.sleep(delay)  # any moment of the start will do
        code = operator.stop()
        assert code == 0 or (code == -signal.SIGTERM and not operator.output()), f"after {delay} s"
