"""Requests that hang in one namespace do not delay the resources of another one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ecr_secret_operator.api.fields import GROUP
from ecr_secret_operator_lab.cluster import Cluster, Object, condition, resource_path, secret_path
from ecr_secret_operator_lab.operator import OperatorProcess, installed_command
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.linking import link

from ..laboratory import StartOperator
from .accounts import an_account
from .resources import a_resource, apply, events_of, wait_ready, wait_secret
from .webhooks import LONGEST_SECONDS, slow_webhook

COUNT = 60
"""More than twice as many as there are workers."""


def wait_restored(cluster: Cluster, namespace: str, before: Object) -> None:
    def is_restored() -> bool:
        found = cluster.get(secret_path(namespace, "ecr-generated"))
        return found is not None and found["metadata"]["uid"] != before["metadata"]["uid"]

    wait_for(is_restored, "the deleted Secret is restored", within=LONGEST_SECONDS / 3)


def wait_slow(operator: OperatorProcess, namespace: str) -> None:
    wait_for(
        lambda: operator.metric("ecr_secret_operator_namespace_slow", namespace=namespace) == 1,
        "the metric names the slow namespace",
        within=LONGEST_SECONDS,
    )


def check_not_delayed(cluster: Cluster, operator: OperatorProcess, namespace: str) -> None:
    """In the other namespace a deleted Secret is restored, and new resources are served, before any request ends."""
    before = wait_secret(cluster, namespace)
    for number in range(5):
        cluster.delete(secret_path(namespace, "ecr-generated"))
        wait_restored(cluster, namespace, before)
        before = wait_secret(cluster, namespace)
        apply(cluster, namespace, a_resource(name=f"new-{number}"))
        wait_ready(cluster, namespace, f"new-{number}", within=LONGEST_SECONDS / 3)
    assert operator.probe("/healthz")[0] == 200


def test_a_webhook_that_hangs_in_one_namespace_delays_no_other(
    cluster: Cluster, kubeconfig: Path, namespace: str, start_operator: StartOperator, tmp_path: Path
) -> None:
    slow = cluster.namespace(f"{namespace}-slow")
    operator = start_operator(namespaces=f"{namespace},{slow}")
    apply(cluster, namespace, a_resource())
    with slow_webhook(cluster, slow, tmp_path, seconds=3600):
        for number in range(COUNT):
            apply(cluster, slow, a_resource(name=f"slow-{number}"))
        wait_slow(operator, slow)
        check_not_delayed(cluster, operator, namespace)
        found = cluster.items(resource_path("secrets", slow))
        assert [one for one in found if condition(one, "Ready").get("status") == "True"] == [], "they hang still"
        wait_for(
            lambda: any(
                event["reason"] == "NamespaceSlow"
                for number in range(COUNT)
                for event in events_of(cluster, slow, f"slow-{number}")
            ),
            "an event reports the slow namespace",
            within=2 * LONGEST_SECONDS,
        )
    command = [installed_command(), "doctor", "--kubeconfig", str(kubeconfig), "--namespace", slow]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    assert f"namespace {slow}" in said


@pytest.mark.parametrize("resource", ["serviceaccounts", f"{GROUP}/secrets/status"], ids=["links", "statuses"])
def test_nor_do_links_and_statuses_that_hang(
    cluster: Cluster, namespace: str, start_operator: StartOperator, tmp_path: Path, resource: str
) -> None:
    slow = cluster.namespace(f"{namespace}-slow")
    for number in range(COUNT):
        an_account(cluster, slow, f"account-{number}")
    operator = start_operator(namespaces=f"{namespace},{slow}")
    apply(cluster, namespace, a_resource())
    with slow_webhook(cluster, slow, tmp_path, seconds=3600, resource=resource):
        for number in range(COUNT):
            apply(cluster, slow, a_resource(name=f"slow-{number}", link=link(f"account-{number}")))
        wait_slow(operator, slow)
        check_not_delayed(cluster, operator, namespace)
