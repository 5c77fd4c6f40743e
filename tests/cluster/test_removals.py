"""Every Secret and every link that the operator removes leaves an event and a log line that say why."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Object, secret_path
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.accounts import account_path, an_account, wait_listed
from tests.cluster.engines import refusing
from tests.cluster.linking import link, remove, wait_linked
from tests.cluster.removals import reported
from tests.cluster.resources import a_resource, apply, edit, events_of, wait_ready, wait_secret


def logged(operator: OperatorProcess, reason: str) -> list[tuple[str, str, str]]:
    """Kind, name and cause of the log lines that have this reason."""
    lines = [json.loads(line) for line in operator.output().splitlines() if line.startswith("{")]
    return [(one["kind"], one["name"], one.get("cause", "")) for one in lines if one.get("reason") == reason]


def wait_gone(cluster: Cluster, namespace: str, name: str) -> None:
    wait_for(lambda: cluster.get(secret_path(namespace, name)) is None, f"Secret {name} is gone")


def test_a_secret_that_is_renamed(cluster: Cluster, namespace: str, operator: OperatorProcess) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    edit(cluster, namespace, generated_secret_name="another")
    wait_gone(cluster, namespace, "ecr-generated")
    said = wait_for(lambda: reported(cluster, namespace, "ecr", "SecretRemoved"), "the removal is reported")
    assert said == ["Secret ecr-generated was removed: spec.generated_secret_name is another name now"]
    assert logged(operator, "SecretRemoved") == [("Secret", "ecr", "Renamed")]


def test_a_secret_that_has_to_be_replaced(cluster: Cluster, namespace: str, operator: OperatorProcess) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    before = wait_secret(cluster, namespace)["metadata"]["uid"]
    path = secret_path(namespace, "ecr-generated")
    cluster.patch(path, {"data": {".dockerconfigjson": "e30="}, "immutable": True})
    wait_for(lambda: (cluster.get(path) or {"metadata": {"uid": before}})["metadata"]["uid"] != before, "it is new")
    said = wait_for(lambda: reported(cluster, namespace, "ecr", "SecretRemoved"), "the removal is reported")
    assert said == [
        "Secret ecr-generated was removed: it cannot be updated to what the spec asks for, and is created again"
    ]
    assert logged(operator, "SecretRemoved") == [("Secret", "ecr", "Replaced")]


def test_a_removal_that_fails_is_not_reported_and_one_that_succeeds_is_once(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    old = secret_path(namespace, "ecr-generated")
    with refusing(cluster, namespace, "secrets", old, "nothing is deleted here", "DELETE"):
        edit(cluster, namespace, generated_secret_name="another")
        wait_secret(cluster, namespace, "another")
        wait_for(lambda: "nothing is deleted here" in operator.output(), "the removal was tried")
        assert cluster.get(old)
        assert reported(cluster, namespace, "ecr", "SecretRemoved") == []
        assert logged(operator, "SecretRemoved") == []
    wait_for(lambda: cluster.get(old) is None, "it is removed", within=90)
    wait_for(lambda: reported(cluster, namespace, "ecr", "SecretRemoved"), "the removal is reported")
    assert logged(operator, "SecretRemoved") == [("Secret", "ecr", "Renamed")]


Change = Callable[[Cluster, str], Any]

ENDS: dict[str, tuple[Change, set[str]]] = {
    "the link is dropped": (lambda cluster, namespace: edit(cluster, namespace, link=None), {"LinkDropped"}),
    "another ServiceAccount": (
        lambda cluster, namespace: edit(cluster, namespace, link=link("other")),
        {"LinkDropped"},
    ),
    "the resource is deleted": (
        lambda cluster, namespace: remove(cluster, namespace, "ecr"),
        {"ResourceGone", "NotAsked"},  # Kubernetes may have removed the Secret by then
    ),
}

SAYS = {
    "LinkDropped": "spec.link of Secret ecr does not ask for it",
    "ResourceGone": "Secret ecr is deleted",
    "NotAsked": "no resource asks for it",
}


@pytest.mark.parametrize("end", ENDS)
def test_a_link_that_is_removed(cluster: Cluster, namespace: str, operator: OperatorProcess, end: str) -> None:
    change, causes = ENDS[end]
    for account in ("builder", "other"):
        an_account(cluster, namespace, account, pull=["mine"])
    apply(cluster, namespace, a_resource(link=link("builder")))
    wait_linked(cluster, namespace, "ecr")
    change(cluster, namespace)
    wait_listed(cluster, namespace, "builder", pull=["mine"])
    said = wait_for(
        lambda: (found := reported(cluster, namespace, "builder", "Unlinked"))[1:] and found, "both are told"
    )
    ((kind, name, cause), again) = logged(operator, "Unlinked")
    assert (kind, name, cause in causes, again) == ("ServiceAccount", "builder", True, (kind, name, cause))
    assert said == [
        f"Secret ecr-generated was removed from {where}: {SAYS[cause]}" for where in ("imagePullSecrets", "secrets")
    ]
    (event, *_) = events_of(cluster, namespace, "builder")
    uid = (cluster.get(account_path(namespace, "builder")) or {})["metadata"]["uid"]
    involved: Object = event["involvedObject"]
    assert (involved["apiVersion"], involved["kind"], involved["uid"]) == ("v1", "ServiceAccount", uid)


def test_a_link_whose_removal_is_refused_is_not_reported(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    an_account(cluster, namespace, "builder")
    apply(cluster, namespace, a_resource(link=link("builder", "pull")))
    wait_linked(cluster, namespace, "ecr")
    with refusing(cluster, namespace, "serviceaccounts", account_path(namespace, "builder"), "nobody links here"):
        edit(cluster, namespace, link=None)
        wait_for(
            lambda: operator.metric("ecr_secret_operator_reconciles_total", kind="ServiceAccount", result="failed"),
            "the removal was tried",
        )
        assert logged(operator, "Unlinked") == []
    wait_listed(cluster, namespace, "builder", within=90)
    wait_for(lambda: reported(cluster, namespace, "builder", "Unlinked"), "the removal is reported")
    assert logged(operator, "Unlinked") == [("ServiceAccount", "builder", "LinkDropped")]
