"""A link that cannot be made is reported everywhere where a resource that cannot be served is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from ecr_secret_operator_lab.cluster import Cluster, condition
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.linking import link

from .accounts import account_path, an_account
from .commands import run
from .engines import refusing
from .resources import a_resource, apply, events_of, wait_condition

Cause = Callable[[Cluster, str], AbstractContextManager[None]]
METRIC = "ecr_secret_operator_link_failing"


@contextmanager
def _refused(cluster: Cluster, namespace: str) -> Iterator[None]:
    an_account(cluster, namespace, "builder")
    with refusing(cluster, namespace, "serviceaccounts", account_path(namespace, "builder"), "nobody links here"):
        yield


@contextmanager
def _missing(cluster: Cluster, namespace: str) -> Iterator[None]:
    yield
    an_account(cluster, namespace, "builder")


@pytest.mark.parametrize(
    ("cause", "reason", "says", "finding"),
    [
        (_refused, "KubernetesError", "nobody links here", "not-linked"),
        (_missing, "ServiceAccountMissing", "builder", "linked-account-missing"),
    ],
    ids=["refused", "missing"],
)
def test_it_counts_as_a_failure_of_the_resource_does(
    cluster: Cluster,
    namespace: str,
    operator: OperatorProcess,
    kubeconfig: Path,
    cause: Cause,
    reason: str,
    says: str,
    finding: str,
) -> None:
    labels = {"namespace": namespace, "name": "ecr", "kind": "Secret"}
    with cause(cluster, namespace):
        apply(cluster, namespace, a_resource(link=link("builder")))
        resource = wait_condition(cluster, namespace, type="Linked", status="False", reason=reason)
        assert condition(resource, "Ready")["status"] == "True"
        (event,) = wait_for(lambda: events_of(cluster, namespace), "an event reports it")
        assert (event["type"], event["reason"], event["involvedObject"]["kind"]) == ("Warning", reason, "Secret")
        assert says in event["message"]
        assert operator.metric(METRIC, **labels, reason=reason) == 1
        lines = [json.loads(line) for line in operator.output().splitlines() if line.startswith("{")]
        (told,) = [line for line in lines if line.get("reason") == reason]
        assert (told["level"], told["name"], told["event"]) == ("warning", "ecr", event["message"])
        status = run(kubeconfig, "status", "-n", namespace)
        assert (status.returncode, "NotLinked" in status.stdout, says in status.stdout) == (1, True, True)
        doctor = run(kubeconfig, "doctor", "Secret/ecr", "-n", namespace, "-o", "json")
        assert doctor.returncode == 1
        assert finding in {one["cause"] for one in json.loads(doctor.stdout)["findings"] if one["level"] == "error"}
    wait_condition(cluster, namespace, type="Linked", status="True", within=90)
    (again,) = wait_for(
        lambda: [one for one in events_of(cluster, namespace) if one["reason"] == "Recovered"], "its end is reported"
    )
    assert again["message"] == f"{reason} is over: Secret ecr-generated is linked to builder"
    (event,) = [one for one in events_of(cluster, namespace) if one["reason"] == reason]
    assert event["count"] == 1, "it is reported once"
    wait_for(lambda: operator.metric(METRIC, **labels) == 0, "the metric is gone")
    assert run(kubeconfig, "status", "-n", namespace).returncode == 0
