"""A failure that lasts is reported by one event, although the API server's words for it are others each time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Object, Refused, condition, resource_path
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.linking import link

from ..laboratory import StartOperator
from .accounts import an_account
from .resources import a_resource, apply, events_of, get, wait_condition
from .webhooks import NAME, refusing_webhook

ATTEMPTS = 10


def _attempt(cluster: Cluster, namespace: str, count: Callable[[], int], number: int) -> None:
    """Asks for an attempt, and waits for it. To ask for a refresh leaves the generation as it is."""
    before = count()
    annotations = {"ecr.mobb.redhat.com/refresh": str(number)}
    cluster.patch(resource_path("secrets", namespace, "ecr"), {"metadata": {"annotations": annotations}})
    wait_for(lambda: count() > before, "another attempt", within=90)


def _is_refused(cluster: Cluster, path: str) -> bool:
    try:
        cluster.create(f"{path}?dryRun=All", {"metadata": {"generateName": "probe-"}})
    except Refused as refusal:
        return NAME in refusal.message
    return False


def _wait_other_words(cluster: Cluster, namespace: str, where: str, before: Object) -> Object:
    def found() -> Object | None:
        now = get(cluster, namespace)
        return now if condition(now, where)["message"] != condition(before, where)["message"] else None

    return wait_for(found, "the condition has the latest words", within=90)


@pytest.mark.parametrize(("refused", "where"), [("secrets", "Ready"), ("serviceaccounts", "Linked")])
def test_words_that_vary_are_one_failure(
    cluster: Cluster, namespace: str, start_operator: StartOperator, tmp_path: Path, refused: str, where: str
) -> None:
    def warning() -> Object:
        (event,) = [one for one in events_of(cluster, namespace) if one["type"] == "Warning"]
        return event

    an_account(cluster, namespace, "builder")
    with refusing_webhook(cluster, namespace, refused, tmp_path) as count:
        wait_for(lambda: _is_refused(cluster, f"/api/v1/namespaces/{namespace}/{refused}"), "the webhook refuses")
        operator = start_operator()
        apply(cluster, namespace, a_resource(link=link("builder")))
        first = wait_condition(cluster, namespace, type=where, status="False", reason="KubernetesError")
        for number in range(ATTEMPTS):
            _attempt(cluster, namespace, count, number)
        last = _wait_other_words(cluster, namespace, where, first)
        assert (warning()["reason"], warning()["count"]) == ("KubernetesError", 1)
        assert NAME in warning()["message"]
        lines = [json.loads(line) for line in operator.output().splitlines() if line.startswith("{")]
        assert len([line for line in lines if line.get("reason") == "KubernetesError"]) == 1
        operator.stop()
        last = get(cluster, namespace) or last
        start_operator()
        _wait_other_words(cluster, namespace, where, last)
        assert warning()["count"] == 1, "after a restart it is the same failure"
    wait_condition(cluster, namespace, type=where, status="True", within=90)
