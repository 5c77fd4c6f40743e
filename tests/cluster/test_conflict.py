"""A Secret that the operator did not make is never changed; upstream's are taken over."""

from __future__ import annotations

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Object, condition, resource_path, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.foreign import ARGO, ARGO_DATA, DOCKER, a_secret, docker, encoded
from tests.cluster.resources import (
    HOST,
    PLURALS,
    a_resource,
    apply,
    docker_config,
    events_of,
    get,
    older_than_now,
    password_in,
    wait_condition,
    wait_ready,
    wait_secret,
)

FOREIGN = {
    "opaque": ("Secret", a_secret(encoded(precious="yes"))),
    "another registry": ("Secret", a_secret(docker(docker_config("registry.example.com", "x")), DOCKER)),
    "two registries": (
        "Secret",
        a_secret(docker(f'{{"auths":{{"{HOST}":{{"username":"AWS","password":"x"}},"quay.io":{{}}}}}}'), DOCKER),
    ),
    "another user": (
        "Secret",
        a_secret(docker(f'{{"auths":{{"{HOST}":{{"username":"me","password":"x"}}}}}}'), DOCKER),
    ),
    "another tool's": (
        "Secret",
        a_secret(encoded(x="y"), **{"app.kubernetes.io/managed-by": "Helm"}),
    ),
    "argo without label": ("ArgoHelmRepoSecret", a_secret(encoded(**ARGO_DATA))),
    "argo for another url": (
        "ArgoHelmRepoSecret",
        a_secret(encoded(**{**ARGO_DATA, "url": "charts.example.com"}), **ARGO),
    ),
    "argo of a person, with a project": (
        "ArgoHelmRepoSecret",
        a_secret(encoded(**ARGO_DATA, project="mine"), **ARGO),
    ),
    "argo with another user": (
        "ArgoHelmRepoSecret",
        a_secret(encoded(**{**ARGO_DATA, "username": "me"}), **ARGO),
    ),
}


@pytest.mark.parametrize(("kind", "secret"), FOREIGN.values(), ids=FOREIGN.keys())
def test_a_foreign_secret_is_left_to_the_byte_and_the_resource_says_so(
    cluster: Cluster, lasting: str, name: str, kind: str, secret: Object
) -> None:
    generated = f"{name}-generated"
    renamed = {**secret, "metadata": {**secret["metadata"], "name": generated}}
    if "name" in secret["data"]:
        renamed["data"] = {**secret["data"], **encoded(name=generated)}
    before = cluster.create(secret_path(lasting), renamed)
    apply(cluster, lasting, a_resource(kind, name))
    resource = wait_condition(cluster, lasting, name, kind, type="Ready", status="False", reason="SecretConflict")
    assert generated in condition(resource, "Ready")["message"]
    assert resource["status"]["phase"] == "Error"
    assert cluster.get(secret_path(lasting, generated)) == before
    cluster.delete(secret_path(lasting, generated))
    wait_ready(cluster, lasting, name, kind, within=20)
    assert wait_secret(cluster, lasting, generated)["metadata"]["uid"] != before["metadata"]["uid"]

    def told() -> bool:
        reasons = {event["reason"]: event["count"] for event in events_of(cluster, lasting, name)}
        return reasons == {"SecretConflict": 1, "Recovered": 1}

    wait_for(told, "the conflict and its end are told once each")


def test_a_conflict_costs_no_tokens(cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws) -> None:
    cluster.create(secret_path(namespace), a_secret(encoded(precious="yes")))
    aws.settings(lifetime_seconds=40)
    apply(cluster, namespace, a_resource())
    wait_condition(cluster, namespace, type="Ready", status="False", reason="SecretConflict")
    before = operator.metric("ecr_secret_operator_reconciles_total")
    wait_for(
        lambda: operator.metric("ecr_secret_operator_reconciles_total") > before + 1, "it was tried again", within=30
    )
    assert len(aws.calls()) <= 1


ADOPTED = {
    "pull": ("Secret", a_secret(docker(docker_config(HOST, "old-token")), DOCKER)),
    "argo": ("ArgoHelmRepoSecret", a_secret(encoded(**ARGO_DATA), **ARGO)),
}


@pytest.mark.parametrize(("kind", "secret"), ADOPTED.values(), ids=ADOPTED.keys())
def test_what_upstream_wrote_is_taken_over(
    cluster: Cluster, namespace: str, operator: OperatorProcess, kind: str, secret: Object
) -> None:
    before = cluster.create(secret_path(namespace), secret)
    resource = apply(cluster, namespace, a_resource(kind))
    wait_ready(cluster, namespace, kind=kind)
    after = wait_secret(cluster, namespace)
    assert after["metadata"]["uid"] == before["metadata"]["uid"], "updated in place: nothing that uses it is disturbed"
    assert password_in(after) != "old-token"
    assert after["metadata"]["ownerReferences"][0]["uid"] == resource["metadata"]["uid"]
    wait_for(
        lambda: {event["reason"] for event in events_of(cluster, namespace)} == {"Adopted"}, "the adoption is told"
    )


def test_two_resources_with_one_name_do_not_fight(cluster: Cluster, namespace: str, operator: OperatorProcess) -> None:
    older_than_now(apply(cluster, namespace, a_resource(name="first", generated_secret_name="shared")))
    wait_ready(cluster, namespace, "first")
    apply(cluster, namespace, a_resource("ArgoHelmRepoSecret", name="second", generated_secret_name="shared"))
    second = wait_condition(
        cluster, namespace, "second", "ArgoHelmRepoSecret", type="Ready", status="False", reason="SecretConflict"
    )
    assert f"Secret {namespace}/first" in condition(second, "Ready")["message"]
    version = wait_secret(cluster, namespace, "shared")["metadata"]["resourceVersion"]
    before = operator.metric("ecr_secret_operator_reconciles_total")
    wait_for(lambda: operator.metric("ecr_secret_operator_reconciles_total") > before, "tried again", within=30)
    assert wait_secret(cluster, namespace, "shared")["metadata"]["resourceVersion"] == version
    cluster.delete(resource_path(PLURALS["Secret"], namespace, "first"))
    wait_ready(cluster, namespace, "second", "ArgoHelmRepoSecret", within=40)
    assert (get(cluster, namespace, "second", "ArgoHelmRepoSecret") or {})["status"]["phase"] == "Updated"
