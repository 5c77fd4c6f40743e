"""The seed document's two resources, applied with kubectl, served by the installed command."""

from __future__ import annotations

import re
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Object, secret_data, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import Kubectl, StartOperator
from .resources import HOST, a_resource, apply, docker_config, edit, get, password_in, wait_ready, wait_secret

SEED = Path(__file__).parents[2] / "docs" / "examples" / "seed.yaml"


def succeeds(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def seed(namespace: str) -> str:
    """The seed document's resources in the namespaces of this test."""
    text = SEED.read_text().replace("${AWS_ACCOUNT_ID}", "123456789012")
    return re.sub(r"namespace: (test-ecr-secret-operator|openshift-gitops)", f"namespace: {namespace}", text)


def test_the_seed_documents_resources_are_served(
    kubectl: Kubectl, cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws, seed: str
) -> None:
    succeeds(kubectl("apply", "-f", "-", stdin=seed))
    for resource in ("ecrsecret/ecr-secret", "ecrargo/helm-repo"):
        succeeds(kubectl("-n", namespace, "wait", "--for=condition=Ready", resource, "--timeout=120s"))
    pull = cluster.get(secret_path(namespace, "ecr-docker-secret"))
    argo = cluster.get(secret_path(namespace, "ecr-argo-helm-secret"))
    assert pull
    assert argo
    token = password_in(pull)
    assert aws.find_token(token)
    assert pull["type"] == "kubernetes.io/dockerconfigjson"
    assert secret_data(pull) == {".dockerconfigjson": docker_config(HOST, token)}
    assert argo["metadata"]["labels"]["argocd.argoproj.io/secret-type"] == "repository"
    assert secret_data(argo) == {
        "username": "AWS",
        "password": token,
        "url": HOST,
        "type": "helm",
        "enableOCI": "true",
        "name": "ecr-argo-helm-secret",
    }
    assert len(aws.calls("GetAuthorizationToken")) == 1, "one token serves both"


def test_the_status_says_what_upstreams_says_and_more(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    apply(cluster, namespace, a_resource())
    resource = wait_ready(cluster, namespace)
    status = resource["status"]
    assert status["phase"] == "Updated"
    updated = datetime.fromisoformat(status["lastUpdatedTime"])
    assert abs((datetime.now(UTC) - updated).total_seconds()) < 60
    (token,) = aws.tokens()
    assert datetime.fromisoformat(status["expiresAt"]).timestamp() == pytest.approx(token.expires_at, abs=1)
    assert status["lastUpdatedTime"] < status["nextRefreshTime"] < status["expiresAt"]
    assert status["observedGeneration"] == resource["metadata"]["generation"]


def test_the_secret_belongs_to_its_resource_and_goes_with_it(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    resource = apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    secret = wait_secret(cluster, namespace)
    (owner,) = secret["metadata"]["ownerReferences"]
    assert owner["uid"] == resource["metadata"]["uid"]
    assert not owner.get("blockOwnerDeletion"), "OpenShift would ask for permissions for finalizers"
    cluster.delete(f"/apis/ecr.mobb.redhat.com/v1alpha1/namespaces/{namespace}/secrets/ecr")
    wait_for(lambda: cluster.get(secret_path(namespace, "ecr-generated")) is None, "the Secret is gone", within=30)


def test_region_and_frequency_are_optional(cluster: Cluster, namespace: str, operator: OperatorProcess) -> None:
    apply(cluster, namespace, a_resource(region=None, frequency=None))
    assert wait_ready(cluster, namespace)["spec"]["frequency"] == "6h"


def test_a_retained_secret_outlives_its_resource_and_is_found_again(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    apply(cluster, namespace, a_resource(deletion_policy="Retain"))
    wait_ready(cluster, namespace)
    before = wait_secret(cluster, namespace)
    assert "ownerReferences" not in before["metadata"]
    cluster.delete(f"/apis/ecr.mobb.redhat.com/v1alpha1/namespaces/{namespace}/secrets/ecr")
    wait_for(lambda: get(cluster, namespace) is None, "the resource is gone")
    apply(cluster, namespace, a_resource(deletion_policy="Delete"))
    wait_ready(cluster, namespace)
    after = wait_secret(cluster, namespace)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["metadata"]["ownerReferences"]


def test_a_new_name_moves_the_secret(cluster: Cluster, namespace: str, operator: OperatorProcess) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    edit(cluster, namespace, generated_secret_name="moved")
    wait_ready(cluster, namespace)
    wait_secret(cluster, namespace, "moved")
    wait_for(lambda: cluster.get(secret_path(namespace, "ecr-generated")) is None, "the old Secret is gone")


def test_metadata_is_copied_and_follows_the_spec(cluster: Cluster, namespace: str, operator: OperatorProcess) -> None:
    metadata = {"labels": {"team": "web", "tier": "1"}, "annotations": {"example.com/note": "hello"}}
    apply(cluster, namespace, a_resource(metadata=metadata))
    wait_ready(cluster, namespace)
    path = secret_path(namespace, "ecr-generated")
    cluster.patch(path, {"metadata": {"labels": {"others": "stay"}, "annotations": {"others.com/x": "stay"}}})
    found = wait_secret(cluster, namespace)["metadata"]
    assert {"team": "web", "tier": "1"}.items() <= found["labels"].items()
    assert found["annotations"]["example.com/note"] == "hello"
    edit(cluster, namespace, metadata={"labels": {"team": "api", "tier": None}, "annotations": None})

    def followed() -> Object | None:
        metadata: Object = wait_secret(cluster, namespace)["metadata"]
        return metadata if metadata["labels"].get("team") == "api" else None

    found = wait_for(followed, "the labels follow the spec")
    assert "tier" not in found["labels"]
    assert "example.com/note" not in found["annotations"]
    assert found["labels"]["others"] == "stay"
    assert found["annotations"]["others.com/x"] == "stay"


def test_suspended_keeps_what_is_stored_and_resumes(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    edit(cluster, namespace, suspend=True)
    wait_for(lambda: (get(cluster, namespace) or {})["status"]["phase"] == "Suspended", "the resource is suspended")
    wait_secret(cluster, namespace)
    cluster.delete(secret_path(namespace, "ecr-generated"))
    wait_for(
        lambda: operator.metric("ecr_secret_operator_resource_ready", namespace=namespace) == 0,
        "a suspended resource without a Secret is not ready",
    )
    assert cluster.get(secret_path(namespace, "ecr-generated")) is None
    edit(cluster, namespace, suspend=False)
    wait_ready(cluster, namespace)
    wait_secret(cluster, namespace)


def test_the_refresh_annotation_gets_a_new_token_once(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    first = password_in(wait_secret(cluster, namespace))
    wait_for(lambda: aws.tokens()[0].issued_at < datetime.now(UTC).timestamp() - 5.5, "the token is not brand new")
    path = f"/apis/ecr.mobb.redhat.com/v1alpha1/namespaces/{namespace}/secrets/ecr"
    cluster.patch(path, {"metadata": {"annotations": {"ecr.mobb.redhat.com/refresh": "now-please"}}})
    wait_for(lambda: password_in(wait_secret(cluster, namespace)) != first, "the token is another one")
    wait_for(
        lambda: (get(cluster, namespace) or {})["status"].get("lastHandledRefresh") == "now-please",
        "the request is marked as handled",
    )
    assert len(aws.calls("GetAuthorizationToken")) == 2


@pytest.mark.parametrize("namespaces", ["{own}", "{own},{other}"])
def test_watch_namespace_confines_the_operator(
    cluster: Cluster, namespace: str, start_operator: StartOperator, namespaces: str
) -> None:
    other = cluster.namespace(f"{namespace}-other")
    start_operator(namespaces=namespaces.format(own=namespace, other=other))
    apply(cluster, other, a_resource())
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    if namespaces == "{own}":
        assert get(cluster, other).get("status") is None  # type: ignore[union-attr]
    else:
        wait_ready(cluster, other)


def test_what_the_operator_writes_itself_is_no_news_to_it(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    def reconciles() -> float:
        return operator.metric("ecr_secret_operator_reconciles_total")

    apply(cluster, namespace, a_resource(name="first", generated_secret_name="first"))
    wait_ready(cluster, namespace, "first")  # now the token is at hand, and nobody has to come again for it
    for number in range(20):
        apply(cluster, namespace, a_resource(name=f"one-{number}", generated_secret_name=f"made-{number}"))
    for number in range(20):
        wait_ready(cluster, namespace, f"one-{number}")
    time.sleep(1)
    assert reconciles() == 21
    cluster.patch(secret_path(namespace, "made-7"), {"data": {"more": "eA=="}})
    wait_for(lambda: "more" not in (cluster.get(secret_path(namespace, "made-7")) or {})["data"], "it is repaired")
    time.sleep(1)
    assert reconciles() == 22
