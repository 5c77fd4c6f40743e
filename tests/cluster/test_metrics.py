"""What the metrics say of a resource is what its status says, and what they say of the process is so."""

from __future__ import annotations

from datetime import datetime

from ecr_secret_operator_lab.cluster import Cluster, resource_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import StartOperator
from .resources import a_resource, apply, edit, wait_condition, wait_ready

PREFIX = "ecr_secret_operator_"
DUE, FAILING = f"{PREFIX}next_refresh_timestamp_seconds", f"{PREFIX}refresh_failing"


def test_the_next_refresh_is_told_until_the_resource_is_suspended(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    apply(cluster, namespace, a_resource())
    status = wait_ready(cluster, namespace)["status"]
    due = datetime.fromisoformat(status["nextRefreshTime"]).timestamp()
    wait_for(
        lambda: operator.metric(DUE, namespace=namespace, name="ecr") == due, "the metric says what the status does"
    )
    edit(cluster, namespace, suspend=True)
    wait_for(lambda: operator.metric(DUE, namespace=namespace) == 0, "nothing is due")
    assert operator.metric(FAILING, namespace=namespace) == 0, "that is no failure"
    assert operator.metric(f"{PREFIX}token_expiry_timestamp_seconds", namespace=namespace) > 0


def test_a_refresh_that_fails_is_told_with_its_reason_while_it_does(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    aws.fail("AccessDenied")
    annotations = {"ecr.mobb.redhat.com/refresh": "now"}
    cluster.patch(resource_path("secrets", namespace, "ecr"), {"metadata": {"annotations": annotations}})
    wait_condition(cluster, namespace, type="Refreshing", status="False", reason="AWSAccessDenied", within=60)
    denied = {"namespace": namespace, "name": "ecr", "reason": "AWSAccessDenied"}
    wait_for(lambda: operator.metric(FAILING, **denied) == 1, "it is told with its reason")
    assert operator.metric(f"{PREFIX}resource_ready", namespace=namespace) == 1
    aws.fix()
    wait_for(lambda: operator.metric(FAILING, namespace=namespace) == 0, "it is over", within=60)


def test_a_process_that_hears_the_api_server_is_ready(operator: OperatorProcess) -> None:
    wait_for(lambda: operator.metric(f"{PREFIX}ready") == 1, "it is ready")
    assert operator.probe("/readyz")[0] == 200
    silence = f"{PREFIX}watch_silence_seconds"
    assert 0 <= operator.metric(silence) < 180


def test_series_for_each_resource_can_be_left_out(
    cluster: Cluster, namespace: str, start_operator: StartOperator
) -> None:
    operator = start_operator("--metrics-per-resource=false")
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    status, text = operator.probe("/metrics")
    assert status == 200
    assert f"{PREFIX}refreshes_total" in text
    assert namespace not in text
