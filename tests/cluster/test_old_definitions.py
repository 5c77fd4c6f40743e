"""A cluster that still has the Go operator's definitions: failures, and a namespace that may not be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from ecr_secret_operator_lab.cluster import Cluster
from ecr_secret_operator_lab.controlplane import ControlPlane, LineReporter, ensure_binaries
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.permissions import operator_kubeconfig as kubeconfig_of
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import PERMISSIONS
from .resources import (
    a_resource,
    apply,
    events_of,
    get,
    wait_secret,
)


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
