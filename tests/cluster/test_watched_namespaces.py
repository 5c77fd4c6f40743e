"""An operator for single namespaces: many of them, and one that it may not read."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecr_secret_operator_lab.cluster import Cluster
from ecr_secret_operator_lab.controlplane import ControlPlane
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.operator import OperatorProcess

from ..laboratory import StartOperator
from .resources import (
    a_resource,
    apply,
    wait_ready,
    wait_secret,
)

MANY = 60


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
