"""What the operator's ServiceAccount may do, tried from outside with its own credentials, as a thief of them would."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecr_secret_operator.rbac import RoleScope
from ecr_secret_operator_lab.cluster import ECR, Cluster, Object, Refused, condition, resource_path, secret_path
from ecr_secret_operator_lab.controlplane import ControlPlane, LineReporter, ensure_binaries
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.permissions import NAMESPACE, SERVICE_ACCOUNT
from ecr_secret_operator_lab.permissions import operator_kubeconfig as kubeconfig_of
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.accounts import wait_listed
from tests.cluster.granted import granted, permissions_in
from tests.cluster.resources import (
    API_VERSION,
    HOST,
    a_resource,
    apply,
    edit,
    events_of,
    wait_condition,
    wait_ready,
    wait_secret,
)
from tests.laboratory import DEPLOY, Install, Kubectl, StartOperator
from tests.laboratory import PERMISSIONS as MANIFESTS


@pytest.fixture(scope="session")
def kubectl_of_thief(operator_kubeconfig: Path) -> Kubectl:
    def run(*args: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        command = [os.environ["ECR_LAB_KUBECTL"], "--kubeconfig", str(operator_kubeconfig), *args]
        return subprocess.run(command, input=stdin or "", capture_output=True, text=True, check=False)

    return run


# What RBAC refuses

FORBIDDEN = [
    "create pods",
    "create deployments.apps",
    "create roles.rbac.authorization.k8s.io",
    "create clusterrolebindings.rbac.authorization.k8s.io",
    "get configmaps",
    "list configmaps",
    "get pods",
    "create serviceaccounts",
    "get serviceaccounts",
    "update serviceaccounts",
    "delete serviceaccounts",
    "deletecollection serviceaccounts",
    "update secrets",
    "deletecollection secrets",
    "list events",
    "delete events",
    "get secrets.ecr.mobb.redhat.com",
    "create secrets.ecr.mobb.redhat.com",
    "patch secrets.ecr.mobb.redhat.com",
    "delete secrets.ecr.mobb.redhat.com",
    "patch argohelmreposecrets.ecr.mobb.redhat.com",
    "get clusterpullsecrets.ecr.mobb.redhat.com",
    "create clusterpullsecrets.ecr.mobb.redhat.com",
    "patch clusterpullsecrets.ecr.mobb.redhat.com",
    "delete clusterpullsecrets.ecr.mobb.redhat.com",
    "patch accesspolicies.ecr.mobb.redhat.com",
    "patch namespaces",
    "get nodes",
    "list leases.coordination.k8s.io",
    "delete leases.coordination.k8s.io",
    "delete validatingadmissionpolicies.admissionregistration.k8s.io",
    "delete validatingadmissionpolicybindings.admissionregistration.k8s.io",
    "impersonate serviceaccounts",
    "impersonate users",
    "create tokenreviews.authentication.k8s.io",
]


@pytest.mark.parametrize("attempt", FORBIDDEN)
def test_it_has_no_right_to(kubectl_of_thief: Kubectl, attempt: str) -> None:
    for place in (NAMESPACE, "kube-system"):
        assert kubectl_of_thief("auth", "can-i", *attempt.split(), "-n", place).stdout.strip() == "no"


def test_its_rights_are_those_of_the_table_and_no_others(thief: Cluster, namespace: str) -> None:
    assert permissions_in(thief, namespace) == granted(RoleScope.WATCHED, RoleScope.CLUSTER, RoleScope.ALL)
    assert permissions_in(thief, NAMESPACE) == granted(*RoleScope)


def test_it_cannot_write_a_resource_by_way_of_its_status(cluster: Cluster, thief: Cluster, namespace: str) -> None:
    before = apply(cluster, namespace, a_resource(suspend=True))
    path = resource_path("secrets", namespace, "ecr")
    with pytest.raises(Refused, match="cannot patch"):
        thief.patch(path, {"spec": {"suspend": False}})
    change = {"spec": {"suspend": False}, "metadata": {"labels": {"x": "y"}}, "status": {"phase": "Error"}}
    after = thief.patch(f"{path}/status", change)
    assert after["spec"] == before["spec"]
    assert "labels" not in after["metadata"]


# One namespace only


def test_a_confined_operator_works_and_sees_nothing_else(
    cluster: Cluster, namespace: str, install: Install, start_operator: StartOperator
) -> None:
    confined = install()
    start_operator("--kubeconfig", str(confined), "--leader-elect")
    apply(cluster, namespace, a_resource())
    apply(cluster, namespace, a_resource("ArgoHelmRepoSecret", name="argo"))
    wait_ready(cluster, namespace)
    wait_ready(cluster, namespace, "argo", "ArgoHelmRepoSecret")
    edit(cluster, namespace, generated_secret_name="moved")
    wait_secret(cluster, namespace, "moved")
    wait_for(lambda: cluster.get(secret_path(namespace, "ecr-generated")) is None, "the old Secret is gone")
    assert cluster.get(f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/bc9c1120.mobb.redhat.com")
    with Cluster(confined) as thief:
        assert permissions_in(thief, namespace) == granted(RoleScope.WATCHED, RoleScope.CLUSTER, RoleScope.OWN)
        for place in ("default", NAMESPACE, "kube-system"):
            assert permissions_in(thief, place) == granted(RoleScope.CLUSTER)
            with pytest.raises(Refused, match="cannot list"):
                thief.items(secret_path(place))
        with pytest.raises(Refused, match="ValidatingAdmissionPolicy"):
            thief.create(secret_path(namespace), {"metadata": {"name": "x"}})


# Every permission is used

ROLE = "arn:aws:iam::123456789012:role/ecr-pull"

USER = f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}"


@pytest.fixture
def audited_plane() -> Iterator[ControlPlane]:
    """A control plane that writes down what the operator asks for."""
    binaries = ensure_binaries(LineReporter())
    with ControlPlane.start(binaries, manifests=[DEPLOY / "crds", *MANIFESTS], audited=[USER]) as plane:
        yield plane


def everything_happens(cluster: Cluster, namespace: str) -> None:
    """All that the operator does in a cluster: one thing of each kind."""
    anybody = {"namespaces": {"selector": {"matchExpressions": [{"key": "banned", "operator": "DoesNotExist"}]}}}
    policy = {
        "apiVersion": "ecr.mobb.redhat.com/v1alpha1",
        "kind": "AccessPolicy",
        "metadata": {"name": "anybody"},
        "spec": {**anybody, "ambient_identity": True, "role_arns": ["*"]},
    }
    cluster.create(f"{ECR}/accesspolicies", policy)
    metadata = {"name": "builder", "annotations": {"eks.amazonaws.com/role-arn": ROLE}}
    cluster.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": metadata})
    apply(cluster, namespace, a_resource(name="account", aws={"service_account": "builder"}))
    wait_ready(cluster, namespace, "account")
    cluster.create(secret_path(namespace), {"metadata": {"name": "taken"}, "data": {"precious": "eWVz"}})
    for kind, name, target in (
        ("Secret", "ecr", "generated"),
        ("ArgoHelmRepoSecret", "argo", "argo"),
        ("Secret", "conflict", "taken"),
    ):
        apply(cluster, namespace, a_resource(kind, name, generated_secret_name=target))
    wait_ready(cluster, namespace)
    wait_ready(cluster, namespace, "argo", "ArgoHelmRepoSecret")
    wait_condition(cluster, namespace, "conflict", type="Ready", status="False", reason="SecretConflict")
    for _ in range(2):
        cluster.patch(secret_path(namespace, "generated"), {"data": {"more": "eA=="}})
        wait_for(lambda: "more" not in wait_secret(cluster, namespace, "generated")["data"], "the key is gone again")
    wait_for(lambda: [event["count"] for event in events_of(cluster, namespace)] == [2], "told as one event, twice")
    edit(cluster, namespace, generated_secret_name="moved", link=[{"service_account": "builder"}])
    wait_for(lambda: cluster.get(secret_path(namespace, "generated")) is None, "the old Secret is gone")
    wait_listed(cluster, namespace, "builder", pull=["moved"], mount=["moved"])
    spec = {"generated_secret_name": "shared", "ecr_registry": HOST, "namespaces": {"include": [namespace]}}
    shared = {"apiVersion": API_VERSION, "kind": "ClusterPullSecret", "metadata": {"name": "shared"}, "spec": spec}
    cluster.create(f"{ECR}/clusterpullsecrets", shared)
    wait_secret(cluster, namespace, "shared")
    wait_for(lambda: condition(cluster.get(f"{ECR}/clusterpullsecrets/shared"), "Ready"), "it says how it stands")
    path = f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/bc9c1120.mobb.redhat.com"
    lease = cluster.get(path) or {}
    wait_for(lambda: (cluster.get(path) or {})["spec"] != lease["spec"], "the Lease is renewed")


def requests_of_the_operator(log: Path) -> Iterator[Object]:
    """What the audit log says of the operator's own requests, not of others with its credentials."""
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        if entry.get("userAgent", "").startswith("ecr-secret-operator/") and "objectRef" in entry:
            yield entry


def test_every_right_is_used_and_none_is_missed(audited_plane: ControlPlane, aws: FakeAws, tmp_path: Path) -> None:
    with (
        Cluster(audited_plane.kubeconfig) as cluster,
        OperatorProcess(
            environment=aws.environment(),
            log=tmp_path / "log",
            kubeconfig=kubeconfig_of(audited_plane),
            args=("--leader-elect",),
        ).ready(),
    ):
        everything_happens(cluster, cluster.namespace("busy"))
    used: set[tuple[str, str, str]] = set()
    missed: set[tuple[str, str, str]] = set()
    for entry in requests_of_the_operator(audited_plane.audit_log):
        what = entry["objectRef"]
        resource = "/".join(filter(None, (what["resource"], what.get("subresource"))))
        allowed = entry["annotations"]["authorization.k8s.io/decision"] == "allow"
        (used if allowed else missed).add((what.get("apiGroup", ""), resource, entry["verb"]))
    assert not missed
    assert used == granted(*RoleScope)
