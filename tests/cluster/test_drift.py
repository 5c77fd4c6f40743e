"""Whatever becomes of a generated Secret, it is back within seconds, and AWS is not asked for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Object, Refused, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import StartOperator
from .resources import a_resource, apply, events_of, wait_ready, wait_secret

pytestmark = pytest.mark.xdist_group("drift")  # its operator is started once, by one worker

KINDS = pytest.mark.parametrize("kind", ["Secret", "ArgoHelmRepoSecret"])
BACK_WITHIN = 5.0

Damage = Callable[[Cluster, str], object]


def _patch(**change: object) -> Damage:
    return lambda cluster, path: cluster.patch(path, change)


def _recreate_with_another_type(cluster: Cluster, path: str) -> None:
    before = cluster.get(path)
    assert before
    cluster.delete(path)
    kept = {key: before["metadata"][key] for key in ("name", "labels", "annotations", "ownerReferences")}
    try:
        cluster.create(path.rpartition("/")[0], {"metadata": kept, "type": "example.com/other"})
    except Refused as refusal:
        assert refusal.status == 409, "the operator was quicker"  # noqa: PT017 - any other refusal is a failure


DAMAGES: dict[str, Damage] = {
    "deleted": lambda cluster, path: cluster.delete(path),
    "data changed": _patch(data={".dockerconfigjson": "e30=", "password": "eA=="}),
    "key added": _patch(data={"more": "eA=="}),
    "label removed": _patch(metadata={"labels": {"app.kubernetes.io/managed-by": None}}),
    "label changed": _patch(metadata={"labels": {"app.kubernetes.io/managed-by": "me"}}),
    "expiry forged": _patch(metadata={"annotations": {"ecr.mobb.redhat.com/expires-at": "2099-01-01T00:00:00Z"}}),
    "digest removed": _patch(metadata={"annotations": {"ecr.mobb.redhat.com/digest": None}}),
    "all annotations removed": _patch(metadata={"annotations": None}),
    "owner removed": _patch(metadata={"ownerReferences": []}),
    "made immutable and changed": _patch(immutable=True, data={".dockerconfigjson": "e30="}),
    "another type": _recreate_with_another_type,
}


def _essence(secret: Object | None) -> Object:
    if secret is None:
        return {}
    metadata = secret["metadata"]
    return {
        "data": secret.get("data"),
        "type": secret["type"],
        "labels": metadata.get("labels"),
        "annotations": metadata.get("annotations"),
        "owners": metadata.get("ownerReferences"),
    }


@KINDS
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_secret_is_back_without_a_call_to_aws(
    cluster: Cluster, lasting: str, name: str, aws: FakeAws, kind: str, damage: Damage
) -> None:
    apply(cluster, lasting, a_resource(kind, name))
    wait_ready(cluster, lasting, name, kind)
    path = secret_path(lasting, f"{name}-generated")
    before = _essence(wait_secret(cluster, lasting, f"{name}-generated"))
    calls = len(aws.calls())
    damage(cluster, path)
    wait_for(lambda: _essence(cluster.get(path)) == before, "the Secret is as it was", within=BACK_WITHIN)
    assert len(aws.calls()) == calls


def test_a_repair_is_told_as_an_event(cluster: Cluster, namespace: str, operator: OperatorProcess) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    for _ in range(2):
        cluster.patch(secret_path(namespace, "ecr-generated"), {"data": {"more": "eA=="}})
        wait_for(lambda: "more" not in wait_secret(cluster, namespace)["data"], "the key is gone again")

    def told_twice() -> bool:
        return [(event["reason"], event["count"]) for event in events_of(cluster, namespace)] == [("Repaired", 2)]

    wait_for(told_twice, "one event, counted twice")


def test_drift_while_nobody_looked_is_repaired_at_start(
    cluster: Cluster, namespace: str, start_operator: StartOperator
) -> None:
    first = start_operator()
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    before = wait_secret(cluster, namespace)
    first.stop()
    cluster.patch(secret_path(namespace, "ecr-generated"), {"data": {"more": "eA=="}})
    start_operator()
    wait_for(
        lambda: set(wait_secret(cluster, namespace)["data"]) == set(before["data"]), "the Secret has its keys again"
    )


def test_after_a_restart_a_deleted_secret_is_back_without_a_call_to_aws(
    cluster: Cluster, namespace: str, start_operator: StartOperator, aws: FakeAws
) -> None:
    first = start_operator()
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    before = _essence(wait_secret(cluster, namespace))
    first.stop()
    aws.clear_calls()
    second = start_operator()
    wait_for(lambda: second.metric("ecr_secret_operator_reconciles_total") >= 1, "the resource was looked at")
    cluster.delete(secret_path(namespace, "ecr-generated"))
    wait_for(
        lambda: _essence(cluster.get(secret_path(namespace, "ecr-generated"))) == before, "the Secret is as it was"
    )
    assert aws.calls() == []
