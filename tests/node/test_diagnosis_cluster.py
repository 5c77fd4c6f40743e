"""The operator's Pods run, and what they need of the cluster is missing: doctor names it, and its remedy fixes it."""

from __future__ import annotations

import copy
import uuid
from pathlib import Path

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Object, resource_path, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws

from ..cluster.resources import a_resource, apply, wait_condition, wait_ready
from ..e2e.installing import credentials_file, give_credentials
from .diagnosing import Administrator, a_shell, command_in, problems, wait_named, wait_well
from .installing import DEPLOYMENT, NAMESPACE, OPERATOR, PULL_SECRET, Installation
from .pods import LONG

pytestmark = pytest.mark.xdist_group("diagnosis-cluster")

RBAC = "/apis/rbac.authorization.k8s.io/v1"
GUARDS = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/secrets.ecr.mobb.redhat.com"
KEYS = secret_path(NAMESPACE, "aws-ecr-cloud-credentials")


@pytest.fixture
def shell(installation: Installation, tmp_path: Path) -> Administrator:
    installation.rolled_out()
    return a_shell(installation, tmp_path)


@pytest.fixture
def served(shell: Administrator, cluster: Cluster, namespace: str) -> str:
    """A namespace with a resource that is Ready."""
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace, within=LONG)
    return namespace


@pytest.mark.parametrize(
    ("path", "says"),
    [
        (f"{RBAC}/clusterrolebindings/{NAMESPACE}-manager-rolebinding", "It may not in the cluster: list secrets."),
        (
            f"{RBAC}/namespaces/{NAMESPACE}/rolebindings/{NAMESPACE}-leader-election-rolebinding",
            f"It may not in namespace {NAMESPACE}: get leases.coordination.k8s.io",
        ),
    ],
    ids=["all", "the Lease"],
)
def test_permissions_removed(shell: Administrator, cluster: Cluster, path: str, says: str) -> None:
    cluster.delete(path)
    one = wait_named(shell, "operator-permissions-lacking")
    assert one.message.startswith(says)
    shell.succeeds(one.remedy)
    wait_well(shell)


def test_an_admission_policy_is_missing(shell: Administrator, cluster: Cluster) -> None:
    cluster.delete(f"{GUARDS}/{NAMESPACE}-secrets")
    one = wait_named(shell, "admission-policies-missing")
    assert one.message == "Only RBAC limits the operator's access to secrets"
    shell.succeeds(one.remedy)
    wait_well(shell)


def test_old_custom_resource_definitions(shell: Administrator, cluster: Cluster) -> None:
    found = cluster.get(CRD)
    assert found
    spec = found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    del spec["properties"]["suspend"]
    cluster.request("PUT", CRD, found)
    one = wait_named(shell, "definition-outdated")
    assert one.message == "It is older than this version: the API server drops spec.suspend"
    shell.succeeds(one.remedy)
    wait_well(shell)


def test_no_identity(
    installation: Installation, shell: Administrator, cluster: Cluster, namespace: str, shared_aws: FakeAws
) -> None:
    keys = cluster.get(KEYS)
    assert keys
    cluster.delete(KEYS)
    try:
        with installation.at_once():
            installation.kubectl("rollout", "restart", f"deployment/{DEPLOYMENT}")
            installation.rolled_out()
        apply(cluster, namespace, a_resource())
        wait_condition(cluster, namespace, type="Ready", reason="IdentityUnavailable", within=LONG)
        assert shell.status(namespace)["reason"] == "IdentityUnavailable"
        one = wait_named(shell, "aws-identity-missing")
        assert "There is no Secret aws-ecr-cloud-credentials" in one.message
        (shell.home / "credentials").write_text(credentials_file(shared_aws))
        shell.succeeds(command_in(one.remedy, "kubectl create secret"))
    finally:
        if cluster.get(KEYS) is None:
            give_credentials(cluster, shared_aws)
    installation.kubectl("annotate", "pods", "--all", f"test={uuid.uuid4().hex}")
    cluster.patch(resource_path("secrets", namespace, "ecr"), REFRESH)
    wait_ready(cluster, namespace, within=LONG)
    wait_well(shell)


REFRESH = {"metadata": {"annotations": {"ecr.mobb.redhat.com/refresh": "now"}}}


def test_a_namespace_that_is_not_watched(
    installation: Installation, shell: Administrator, cluster: Cluster, namespace: str
) -> None:
    with installation.at_once(), installation.restored():
        installation.kubectl("set", "env", f"deployment/{DEPLOYMENT}", f"WATCH_NAMESPACE={NAMESPACE}")
        installation.rolled_out()
        apply(cluster, namespace, a_resource())
        one = wait_named(shell, "not-watched", "secret/ecr", "-n", namespace)
        assert one.message == f"The operator watches only {NAMESPACE}, not namespace {namespace}"
        assert shell.status(namespace)["state"] == "Pending"
        shell.succeeds(command_in(one.remedy, "kubectl ecr rbac"))
        wait_ready(cluster, namespace, within=LONG)
        wait_well(shell, "secret/ecr", "-n", namespace)


def test_two_operators(installation: Installation, shell: Administrator, cluster: Cluster) -> None:
    other = cluster.namespace(f"other-{uuid.uuid4().hex[:6]}")
    cluster.create(f"/api/v1/namespaces/{other}/serviceaccounts", {"metadata": {"name": DEPLOYMENT}})
    pull = cluster.get(secret_path(NAMESPACE, PULL_SECRET))
    assert pull
    copied = {"metadata": {"name": PULL_SECRET}, "type": pull["type"], "data": pull["data"]}
    cluster.create(secret_path(other), copied)
    second = copy.deepcopy(installation.deployment())
    second["metadata"] = {"name": "second", "labels": second["metadata"]["labels"]}
    second.pop("status")
    cluster.create(f"/apis/apps/v1/namespaces/{other}/deployments", second)
    one = wait_named(shell, "operator-twice")
    assert one.message == f"Deployment {other}/second runs the operator too, and both watch all namespaces"
    shell.succeeds(command_in(one.remedy, "kubectl scale deployment second"))
    wait_well(shell)
    cluster.delete(f"/api/v1/namespaces/{other}")


def test_a_member_of_a_team_sees_what_may_be_seen(
    installation: Installation, cluster: Cluster, namespace: str, tmp_path: Path
) -> None:
    """Their own resource is judged. What they may not read of the operator has a question mark."""
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": namespace}
    binding: Object = {"metadata": {"name": "view"}, "roleRef": reference, "subjects": [subject]}
    cluster.create(f"{RBAC}/namespaces/{namespace}/rolebindings", binding)
    apply(cluster, namespace, a_resource(aws={"credentials_secret": "absent"}))
    wait_condition(cluster, namespace, type="Ready", reason="IdentityUnavailable", within=LONG)
    member = a_shell(installation, tmp_path, installation.node.plane.kubeconfig_for(namespace))
    findings = member.doctor("secret/ecr", "-n", namespace)
    unknown = {one.cause: one.message for one in findings if one.level == "unknown"}
    assert unknown["operator"] == "You may not read them"
    assert "operator-permissions" in unknown
    assert {one.subject for one in problems(findings)} == {f"Secret {namespace}/ecr"}
    assert member.status(namespace)["reason"] == "IdentityUnavailable"


def test_in_the_pod_the_command_has_the_permissions_of_the_operator(installation: Installation, served: str) -> None:
    """As the documentation describes it for people without the command."""
    inside = ("exec", f"deployment/{DEPLOYMENT}", "--", "ecr-secret-operator")
    shown = installation.kubectl(*inside, "status", "-n", served)
    assert "Ready" in shown
    assert "ecr-generated" in shown
    told = installation.kubectl(*inside, "doctor", "secret/ecr", "-n", served)
    assert f"Secret {served}/ecr: " in told
    assert "0 errors" in told
    assert OPERATOR.rpartition(":")[2] == DEPLOYMENT
