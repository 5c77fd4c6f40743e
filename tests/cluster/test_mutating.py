"""A policy engine that changes ServiceAccounts or Secrets in the operator's own requests.

The admission policies that hold the operator judge the result of a request, and so what others changed in it, too.
"""

from __future__ import annotations

from typing import Any

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Object, condition
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.linking import link, remove, wait_linked
from tests.cluster.removals import reported

from .accounts import PULL, an_account, listed, record, the_account, wait_listed
from .engines import applying, mutating, patching
from .resources import a_resource, apply, edit, events_of, get, wait_condition, wait_ready, wait_secret

PROBE: Object = {"metadata": {"name": "probe"}}


def noting(value: str) -> Object:
    return applying(f'Object{{metadata: Object.metadata{{annotations: {{"example.com/seen": {value}}}}}}}')


def listing(field: str, place: str) -> Object:
    """Puts `engine` into a list of a ServiceAccount, unless it is there."""
    entry = '{"name": "engine"}'
    one = f'JSONPatch{{op: "add", path: "/{field}/{place}", value: {entry}}}'
    new = f'JSONPatch{{op: "add", path: "/{field}", value: [{entry}]}}'
    return patching(
        f"object.?{field}.orValue([]).exists(one, one.name == 'engine') ? [] :"
        f" (object.?{field}.orValue([]).size() > 0 ? [{one}] : [{new}])"
    )


LABELLED = applying('Object{metadata: Object.metadata{labels: {"policy.example.com/seen": "yes"}}}')
NO_TOKEN = applying("Object{automountServiceAccountToken: false}")
VERSION = "object.metadata.?annotations[?'ecr.mobb.redhat.com/links'].orValue('none')"

ALLOWED: dict[str, tuple[Object, list[str], list[str]]] = {
    # (the mutation, what it puts before the entries of others, what behind)
    "an annotation": (noting('"yes"'), [], []),
    "an annotation that changes each time": (noting(VERSION), [], []),
    "a label": (LABELLED, [], []),
    "no token": (NO_TOKEN, [], []),
    "a pull secret behind": (listing(PULL, "-"), [], ["engine"]),
    "a pull secret before": (listing(PULL, "0"), ["engine"], []),
}


@pytest.mark.parametrize("case", ALLOWED)
def test_what_an_engine_adds_to_a_service_account_keeps_no_link_from_it(
    cluster: Cluster, namespace: str, operator: OperatorProcess, case: str
) -> None:
    mutation, before, behind = ALLOWED[case]
    an_account(cluster, namespace, "builder", pull=["b", "a"], mount=["token"], annotations={"example.com/seen": "no"})
    with mutating(cluster, namespace, "serviceaccounts", mutation, PROBE):
        apply(cluster, namespace, a_resource(link=link("builder")))
        wait_linked(cluster, namespace, "ecr")
        account = the_account(cluster, namespace, "builder")
        pull, mount = listed(account)
        assert [name for name in pull if name != "ecr-generated"] == [*before, "b", "a", *behind]
        assert ("ecr-generated" in pull, mount) == (True, ["token", "ecr-generated"])
        assert record(account) == {"pull:ecr-generated", "mount:ecr-generated"}
        edit(cluster, namespace, link=link("builder", "mount"))
        wait_linked(cluster, namespace, "ecr")
        wait_listed(cluster, namespace, "builder", pull=[*before, "b", "a", *behind], mount=["token", "ecr-generated"])
        remove(cluster, namespace, "ecr")
        wait_listed(cluster, namespace, "builder", pull=[*before, "b", "a", *behind], mount=["token"])
    assert "KubernetesError" not in operator.output()


REFUSED: dict[str, Object] = {
    "a role in AWS": applying(
        'Object{metadata: Object.metadata{annotations: {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/a"}}}'
    ),
    "a label that was there": applying('Object{metadata: Object.metadata{labels: {"team": "b"}}}'),
    "a token": applying("Object{automountServiceAccountToken: true}"),
    "a list of its own": patching(f'[JSONPatch{{op: "add", path: "/{PULL}", value: [{{"name": "engine"}}]}}]'),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_gives_or_takes_power_is_refused_and_the_message_names_the_cause(
    cluster: Cluster, namespace: str, operator: OperatorProcess, case: str
) -> None:
    fields: dict[str, Any] = {"pull": ["b"], "labels": {"team": "a"}}
    before = an_account(cluster, namespace, "builder", **fields)
    with mutating(cluster, namespace, "serviceaccounts", REFUSED[case], PROBE):
        apply(cluster, namespace, a_resource(link=link("builder")))
        resource = wait_condition(cluster, namespace, type="Linked", status="False", reason="KubernetesError")
        message = condition(resource, "Linked")["message"]
        assert "a mutating webhook or policy" in message
        assert "Exempt system:serviceaccount:ecr-secret-operator:" in message
        assert message.endswith("there.")
        assert condition(resource, "Ready")["status"] == "True"
        assert the_account(cluster, namespace, "builder") == before
        (event,) = wait_for(lambda: events_of(cluster, namespace), "an event reports it")
        assert event["reason"] == "KubernetesError"
    assert operator.process.poll() is None


@pytest.mark.parametrize("kind", ["Secret", "ArgoHelmRepoSecret"])
@pytest.mark.parametrize("case", ["an annotation", "an annotation that changes each time", "a label"])
def test_what_an_engine_adds_to_a_secret_is_left_there(
    cluster: Cluster, namespace: str, operator: OperatorProcess, case: str, kind: str
) -> None:
    mutation = ALLOWED[case][0]
    with mutating(cluster, namespace, "secrets", mutation, {**PROBE, "type": "Opaque"}):
        apply(cluster, namespace, a_resource(kind))
        wait_ready(cluster, namespace, kind=kind)
        first = wait_secret(cluster, namespace)
        added = {**first["metadata"]["labels"], **first["metadata"]["annotations"]}
        assert any(key.endswith("example.com/seen") for key in added)
        edit(cluster, namespace, kind=kind, metadata={"labels": {"mine": "yes"}})
        wait_condition(cluster, namespace, kind=kind, type="Ready", status="True")
        second = wait_secret(cluster, namespace)
        assert second["metadata"]["labels"]["mine"] == "yes"
        edit(cluster, namespace, kind=kind, generated_secret_name="another")
        wait_secret(cluster, namespace, "another")
        wait_condition(cluster, namespace, kind=kind, type="Ready", status="True")
    assert get(cluster, namespace, kind=kind)
    assert operator.metric("ecr_secret_operator_refreshes_total", result="Refreshed") == 3, "nobody fights over it"
    assert reported(cluster, namespace, "ecr", "Repaired") == []


REPLACED = {
    "the label of the operator": applying(
        'Object{metadata: Object.metadata{labels: {"app.kubernetes.io/managed-by": "engine"}}}'
    ),
}


@pytest.mark.parametrize("case", REPLACED)
def test_a_secret_that_the_operator_would_lose_sight_of_is_refused_with_the_cause(
    cluster: Cluster, namespace: str, operator: OperatorProcess, case: str
) -> None:
    with mutating(cluster, namespace, "secrets", REPLACED[case], {**PROBE, "type": "Opaque"}):
        apply(cluster, namespace, a_resource())
        resource = wait_condition(cluster, namespace, type="Ready", status="False", reason="KubernetesError")
        message = condition(resource, "Ready")["message"]
        assert "Keep the label app.kubernetes.io/managed-by=ecr-secret-operator" in message
        assert "a mutating webhook or policy" in message
    assert operator.process.poll() is None
