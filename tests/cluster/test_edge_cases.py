"""Edge cases: Secrets that finalizers hold, swapped names, many namespaces, forbidden ones, old CRDs."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ecr_secret_operator_lab.cluster import Cluster, condition, resource_path, secret_path
from ecr_secret_operator_lab.controlplane import ControlPlane, LineReporter, ensure_binaries
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.permissions import operator_kubeconfig as kubeconfig_of
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.foreign import a_secret, docker

from ..laboratory import PERMISSIONS, StartOperator
from .resources import (
    HOST,
    a_resource,
    apply,
    docker_config,
    edit,
    events_of,
    get,
    password_in,
    wait_condition,
    wait_ready,
    wait_secret,
)

MANY = 60
DOCKER = "kubernetes.io/dockerconfigjson"
WRITTEN: dict[str, Any] = json.loads(docker_config(HOST, "x"))
ENTRY: dict[str, Any] = WRITTEN["auths"][HOST]

NEARLY_UPSTREAMS: dict[str, dict[str, Any]] = {
    "credential helpers": {**WRITTEN, "credHelpers": {"public.ecr.aws": "ecr-login"}},
    "an e-mail address": {"auths": {HOST: {**ENTRY, "email": "me@example.com"}}},
    "an auth that contradicts": {"auths": {HOST: {**ENTRY, "auth": "QVdTOnk="}}},
    "no password": {"auths": {HOST: {"username": "AWS", "auth": ENTRY["auth"]}}},
}


@pytest.mark.parametrize("content", NEARLY_UPSTREAMS.values(), ids=NEARLY_UPSTREAMS.keys())
def test_what_upstream_did_not_write_is_foreign(
    cluster: Cluster, lasting: str, name: str, content: dict[str, Any]
) -> None:
    secret = a_secret(docker(json.dumps(content)), DOCKER, f"{name}-generated")
    before = cluster.create(secret_path(lasting), secret)
    apply(cluster, lasting, a_resource(name=name))
    wait_condition(cluster, lasting, name, type="Ready", status="False", reason="SecretConflict")
    assert cluster.get(secret_path(lasting, f"{name}-generated")) == before


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


def test_a_copy_that_somebody_made_is_theirs(cluster: Cluster, namespace: str, operator: OperatorProcess) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    original = wait_secret(cluster, namespace)
    kept = {key: original["metadata"][key] for key in ("labels", "annotations")}
    body = {"metadata": {"name": "copy", **kept}, "type": original["type"], "data": original["data"]}
    copy = cluster.create(secret_path(namespace), body)
    edit(cluster, namespace, generated_secret_name="moved")
    wait_secret(cluster, namespace, "moved")
    wait_for(lambda: cluster.get(secret_path(namespace, "ecr-generated")) is None, "the original is gone")
    assert cluster.get(secret_path(namespace, "copy")) == copy


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


def test_many_namespaces_are_watched_and_served(
    cluster: Cluster, namespace: str, start_operator: StartOperator
) -> None:
    names = [namespace, *(cluster.namespace(f"{namespace}-{number}") for number in range(MANY))]
    start_operator(namespaces=",".join(names))
    for name in (names[0], names[-1]):
        apply(cluster, name, a_resource())
        wait_ready(cluster, name)


def _may_see_policies(cluster: Cluster, user: str) -> None:
    """What an operator for single namespaces needs of the cluster: whether a policy limits it."""
    rules = [{"apiGroups": ["ecr.mobb.redhat.com"], "resources": ["accesspolicies"], "verbs": ["list", "watch"]}]
    subject = {"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}
    role = {"kind": "ClusterRole", "name": "policies", "apiGroup": "rbac.authorization.k8s.io"}
    path, name = "/apis/rbac.authorization.k8s.io/v1", {"metadata": {"name": "policies"}}
    cluster.create(f"{path}/clusterroles", {**name, "rules": rules})
    cluster.create(f"{path}/clusterrolebindings", {**name, "roleRef": role, "subjects": [subject]})


def _may_work_in(cluster: Cluster, namespace: str, user: str) -> None:
    rules = [
        {"apiGroups": ["ecr.mobb.redhat.com"], "resources": ["*"], "verbs": ["get", "list", "watch", "patch"]},
        {"apiGroups": [""], "resources": ["secrets", "events"], "verbs": ["*"]},
    ]
    roles = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    cluster.create(f"{roles}/roles", {"metadata": {"name": "operator"}, "rules": rules})
    subject = {"kind": "User", "name": user, "apiGroup": "rbac.authorization.k8s.io"}
    role = {"kind": "Role", "name": "operator", "apiGroup": "rbac.authorization.k8s.io"}
    cluster.create(f"{roles}/rolebindings", {"metadata": {"name": "operator"}, "roleRef": role, "subjects": [subject]})


@pytest.fixture(scope="module")
def old_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A cluster with definitions as the Go operator's: its status keeps two fields."""
    directory = tmp_path_factory.mktemp("old")
    for path in (Path(__file__).parents[2] / "deploy" / "crds").glob("*secrets.*.yaml"):
        definition = yaml.safe_load(path.read_text())
        schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
        fields = ("generated_secret_name", "ecr_registry", "url", "frequency", "region")
        schema["spec"] = {"type": "object", "properties": {field: {"type": "string"} for field in fields}}
        schema["status"] = {
            "type": "object",
            "properties": {"phase": {"type": "string"}, "lastUpdatedTime": {"type": "string"}},
        }
        (directory / path.name).write_text(yaml.safe_dump(definition))
    with ControlPlane.start(ensure_binaries(LineReporter()), manifests=[directory, *PERMISSIONS]) as plane:
        yield plane


@pytest.mark.xdist_group("old definitions")
def test_under_definitions_of_old_a_failure_is_told_once_too(
    old_plane: ControlPlane, aws: FakeAws, tmp_path: Path
) -> None:
    aws.fail("AccessDenied")
    environment = {**aws.environment(), "WATCH_NAMESPACE": ""}
    with (
        Cluster(old_plane.kubeconfig) as cluster,
        OperatorProcess(environment=environment, log=tmp_path / "log", kubeconfig=kubeconfig_of(old_plane)).ready(),
    ):
        namespace = cluster.namespace("old")
        apply(cluster, namespace, a_resource())
        apply(cluster, namespace, a_resource(name="poison", frequency="banana"))
        aws.wait_for_calls(4, timeout=60)
        told = {event["reason"]: event["count"] for event in events_of(cluster, namespace)}
        assert told == {"AWSAccessDenied": 1}
        (event,) = wait_for(lambda: events_of(cluster, namespace, "poison"), "an event reports it")
        assert (event["reason"], event["count"]) == ("InvalidSpec", 1)
        aws.fix()
        wait_for(lambda: (get(cluster, namespace) or {})["status"]["phase"] == "Updated", "it is served", within=60)


@pytest.mark.xdist_group("old definitions")
def test_a_namespace_that_may_not_be_looked_at_stops_no_other(
    old_plane: ControlPlane, aws: FakeAws, tmp_path: Path
) -> None:
    user = "confined-operator"
    kubeconfig = old_plane.kubeconfig_for(user)
    with Cluster(old_plane.kubeconfig) as cluster:
        cluster.namespace("allowed")
        _may_see_policies(cluster, user)
        _may_work_in(cluster, "allowed", user)
        environment = {**aws.environment(), "WATCH_NAMESPACE": "allowed,forbidden"}
        with OperatorProcess(environment=environment, log=tmp_path / "log", kubeconfig=kubeconfig).ready():
            apply(cluster, "allowed", a_resource())
            wait_secret(cluster, "allowed")
            cluster.namespace("forbidden")
            _may_work_in(cluster, "forbidden", user)
            apply(cluster, "forbidden", a_resource())
            wait_secret(cluster, "forbidden", within=40)


def test_a_stop_that_comes_at_once_is_a_stop(operator_kubeconfig: Path, namespace: str, tmp_path: Path) -> None:
    for delay in (0.3, 0.6, 0.9, 1.2):
        operator = OperatorProcess(
            environment={"WATCH_NAMESPACE": namespace}, log=tmp_path / "log", kubeconfig=operator_kubeconfig
        )
        time.sleep(delay)  # any moment of the start will do
        code = operator.stop()
        assert code == 0 or (code == -signal.SIGTERM and not operator.output()), f"after {delay} s"
