"""A Secret that can only be replaced, as an immutable one, is not removed for a successor that is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Object, Refused, condition, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.faultproxy import FaultProxy
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for
from tests.laboratory import StartOperator

from .faults import ask_for_a_refresh, wait_handled
from .resources import a_resource, apply, get, wait_condition, wait_ready, wait_secret

ADMISSION = "/apis/admissionregistration.k8s.io/v1"
POLICIES, BINDINGS = f"{ADMISSION}/validatingadmissionpolicies", f"{ADMISSION}/validatingadmissionpolicybindings"


@pytest.fixture
def refused(cluster: Cluster, namespace: str) -> Iterator[str]:
    """Creations of Secrets with the operator's label are refused in the namespace, by an admission policy."""
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["secrets"], "operations": ["CREATE"]}
    here = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    spec = {
        "matchConstraints": {"resourceRules": [rule], "namespaceSelector": here},
        "validations": [{"expression": "!has(object.metadata.labels)", "message": "no Secrets with labels here"}],
    }
    cluster.create(POLICIES, {"metadata": {"name": namespace}, "spec": spec})
    binding = {"policyName": namespace, "validationActions": ["Deny"]}
    cluster.create(BINDINGS, {"metadata": {"name": namespace}, "spec": binding})
    wait_for(lambda: not _may_create(cluster, namespace), "the policy is in force")
    yield "no Secrets with labels here"
    _lift(cluster, namespace)


def _may_create(cluster: Cluster, namespace: str) -> bool:
    body = {"metadata": {"name": "probe", "labels": {"a": "b"}}}
    try:
        cluster.create(f"{secret_path(namespace)}?dryRun=All", body)
    except Refused:
        return False
    return True


def _lift(cluster: Cluster, namespace: str) -> None:
    for path in (POLICIES, BINDINGS):
        if cluster.get(f"{path}/{namespace}"):
            cluster.delete(f"{path}/{namespace}")
    wait_for(lambda: _may_create(cluster, namespace), "the policy is no longer in force")


def make_immutable(cluster: Cluster, namespace: str) -> Object:
    wait_ready(cluster, namespace)
    cluster.patch(secret_path(namespace, "ecr-generated"), {"immutable": True})
    return wait_secret(cluster, namespace)


def identity(secret: Object) -> tuple[Any, ...]:
    return secret["metadata"]["uid"], secret["data"], secret.get("immutable")


def assert_kept(cluster: Cluster, namespace: str, before: Object, words: str) -> None:
    resource = wait_condition(cluster, namespace, type="Refreshing", status="False", reason="KubernetesError")
    assert words in condition(resource, "Refreshing")["message"]
    assert condition(resource, "Ready")["status"] == "True", "the stored token is valid"
    assert identity(wait_secret(cluster, namespace)) == identity(before)


def test_it_stays_while_admission_refuses_its_successor(
    cluster: Cluster, namespace: str, operator: OperatorProcess, request: pytest.FixtureRequest, aws: FakeAws
) -> None:
    apply(cluster, namespace, a_resource())
    before = make_immutable(cluster, namespace)
    words = request.getfixturevalue("refused")
    ask_for_a_refresh(cluster, namespace, "1")
    assert_kept(cluster, namespace, before, words)
    _lift(cluster, namespace)
    wait_handled(cluster, namespace, "1")
    assert identity(wait_secret(cluster, namespace)) != identity(before)
    assert len(aws.calls()) <= 3, "no call for each attempt"


def test_it_stays_while_a_quota_refuses_its_successor(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    apply(cluster, namespace, a_resource())
    before = make_immutable(cluster, namespace)
    quotas, one = f"/api/v1/namespaces/{namespace}/resourcequotas", {"hard": {"count/secrets": "1"}}
    cluster.create(quotas, {"metadata": {"name": "one"}, "spec": one})
    used = {"status": {**one, "used": {"count/secrets": "1"}}}  # in place of a controller that is not here
    cluster.patch(f"{quotas}/one/status", used)
    wait_for(lambda: not _may_create(cluster, namespace), "the quota is in force")
    ask_for_a_refresh(cluster, namespace, "1")
    assert_kept(cluster, namespace, before, "exceeded quota")
    cluster.delete(f"{quotas}/one")
    wait_handled(cluster, namespace, "1")
    assert identity(wait_secret(cluster, namespace)) != identity(before)


def test_it_is_restored_when_its_successor_is_refused_nevertheless(
    cluster: Cluster, namespace: str, start_operator: StartOperator, proxy: FaultProxy
) -> None:
    start_operator(kubeconfig=proxy.kubeconfig)
    apply(cluster, namespace, a_resource())
    before = make_immutable(cluster, namespace)
    posts = f"^{secret_path(namespace)}$"
    proxy.fail("answer", method="POST", path=posts, status=403, skip=1, times=1)  # after the question whether it may
    deletes = f"^{secret_path(namespace, 'ecr-generated')}$"
    ask_for_a_refresh(cluster, namespace, "1")
    proxy.wait_for_requests(1, method="DELETE", path=deletes)
    wait_handled(cluster, namespace, "1")
    sent = [(one.method, one.status) for one in proxy.requests(path=f"{posts}|{deletes}") if one.method != "GET"]
    dry, gone, refusal, restored, *again = sent[1:]  # after the first service
    assert [dry, gone, refusal, restored] == [("POST", 409), ("DELETE", 200), ("POST", 403), ("POST", 201)]
    assert again == [("POST", 409), ("DELETE", 200), ("POST", 201)], "and then it was replaced"
    after = wait_secret(cluster, namespace)
    assert after["data"] != before["data"]
    assert get(cluster, namespace)


def test_what_has_expired_is_not_kept(
    cluster: Cluster, namespace: str, operator: OperatorProcess, request: pytest.FixtureRequest, aws: FakeAws
) -> None:
    """A full quota would let nothing be created beside it; once it is removed, there is room."""
    aws.settings(lifetime_seconds=15)
    apply(cluster, namespace, a_resource())
    before = make_immutable(cluster, namespace)
    request.getfixturevalue("refused")
    wait_condition(cluster, namespace, type="Ready", status="False", within=40)
    wait_for(lambda: cluster.get(secret_path(namespace, "ecr-generated")) is None, "it is removed", within=30)
    _lift(cluster, namespace)
    aws.settings(lifetime_seconds=3600)
    assert wait_secret(cluster, namespace, within=60)["data"] != before["data"]
