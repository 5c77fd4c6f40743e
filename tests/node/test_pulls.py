"""The kubelet pulls with what the operator generates, and is refused without it."""

from __future__ import annotations

import time

import pytest

from ecr_secret_operator_lab.cluster import ECR, Cluster, resource_path, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.registry import Refusal, Registry
from ecr_secret_operator_lab.waiting import wait_for

from ..cluster.resources import HOST, a_resource, apply, password_in, wait_ready, wait_secret
from ..e2e.accounts import wait_linked
from .installing import Installation
from .pods import LONG, a_pod, refusals, run, wait_done, wait_refused
from .publishing import GREETING, Publisher

pytestmark = [pytest.mark.usefixtures("installation"), pytest.mark.xdist_group("pulls")]

UNAUTHORIZED, FORBIDDEN = 401, 403
SECRET = "ecr-generated"
PULL = {"imagePullSecrets": [{"name": SECRET}]}
SHORT_LIFE = 20.0
ROLE = "arn:aws:iam::123456789012:role/short"
HALF_A_DAY = 12 * 3600.0


@pytest.fixture
def image(publisher: Publisher, namespace: str) -> str:
    """An image in a repository of the test's own, named after its namespace."""
    return publisher.push_busybox(namespace)


@pytest.fixture
def served(cluster: Cluster, namespace: str) -> str:
    """The name of a generated Secret in the test's namespace."""
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace, within=LONG)
    return SECRET


def test_a_pod_pulls_with_the_generated_secret(
    installation: Installation, cluster: Cluster, namespace: str, image: str, served: str
) -> None:
    name = run(cluster, namespace, a_pod(image, **PULL))
    wait_done(cluster, namespace, name)
    assert installation.node.plane.kubectl("logs", name, f"--namespace={namespace}").stdout == f"{GREETING}\n"


def test_a_pod_without_the_secret_is_refused_with_401(
    cluster: Cluster, namespace: str, image: str, served: str, registry: Registry
) -> None:
    before = registry.last_request()
    wait_refused(cluster, namespace, run(cluster, namespace, a_pod(image)))
    assert refusals(registry, namespace, after=before) == {(UNAUTHORIZED, Refusal.NO_CREDENTIALS)}


def test_a_pod_that_names_no_secret_pulls_through_the_default_service_account(
    cluster: Cluster, namespace: str, image: str
) -> None:
    """A ClusterPullSecret creates the Secret in the namespace and links it to ServiceAccount default."""
    everywhere = f"{ECR}/clusterpullsecrets"
    spec = {
        "generated_secret_name": "ecr-pull",
        "ecr_registry": HOST,
        "namespaces": {"include": [namespace]},
        "link": [{"service_account": "default", "for": ["pull"]}],
    }
    cluster.create(everywhere, {**_KIND, "metadata": {"name": namespace}, "spec": spec})
    wait_linked(cluster, namespace, "default", "ecr-pull", field="imagePullSecrets")
    wait_done(cluster, namespace, run(cluster, namespace, a_pod(image)))

    cluster.delete(f"{everywhere}/{namespace}")
    wait_for(lambda: cluster.get(secret_path(namespace, "ecr-pull")) is None, "the Secret is gone", within=LONG)
    wait_refused(cluster, namespace, run(cluster, namespace, a_pod(image)))


def test_an_init_container_and_a_job_pull(cluster: Cluster, namespace: str, image: str, served: str) -> None:
    pod = a_pod(image, **PULL)
    pod["spec"]["initContainers"] = [{**pod["spec"]["containers"][0], "name": "first"}]
    template = {"metadata": {}, "spec": pod["spec"]}
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "job"}, "spec": {"template": template}}
    cluster.create(jobs, job)

    def complete() -> bool:
        status = (cluster.get(f"{jobs}/job") or {}).get("status", {})
        return bool(status.get("succeeded") == 1)

    wait_for(complete, "the Job is complete", within=LONG)


def test_a_limited_token_pulls_from_its_own_repository_and_from_no_other(
    cluster: Cluster, namespace: str, image: str, publisher: Publisher, registry: Registry
) -> None:
    other = publisher.push_busybox(f"other-{namespace}")
    apply(cluster, namespace, a_resource(aws={"access": "pull", "repositories": [namespace]}))
    wait_ready(cluster, namespace, within=LONG)
    wait_done(cluster, namespace, run(cluster, namespace, a_pod(image, **PULL)))
    before = registry.last_request()
    message = wait_refused(cluster, namespace, run(cluster, namespace, a_pod(other, **PULL)))
    assert "403 Forbidden" in message
    found = refusals(registry, f"other-{namespace}", after=before)
    assert (FORBIDDEN, Refusal.NOT_ALLOWED) in found
    assert found <= {(FORBIDDEN, Refusal.NOT_ALLOWED), (UNAUTHORIZED, Refusal.NO_CREDENTIALS)}


def test_an_expired_token_is_refused_and_the_same_pod_runs_after_the_rotation(
    cluster: Cluster, namespace: str, image: str, registry: Registry, shared_aws: FakeAws
) -> None:
    """AWS refuses the role after its first token, so that this token expires."""
    shared_aws.settings(lifetime_seconds=SHORT_LIFE)
    try:
        apply(cluster, namespace, a_resource(aws={"role_arn": ROLE}))
        stored = password_in(wait_secret(cluster, namespace, within=LONG))
        shared_aws.fail("AccessDenied", role_arn=ROLE)
        shared_aws.fail("AccessDenied", action="AssumeRole")
    finally:
        shared_aws.settings(lifetime_seconds=HALF_A_DAY)
    try:
        wait_for(lambda: _expired(shared_aws, cluster, namespace), "the stored token has expired", within=LONG)
        before = registry.last_request()
        name = run(cluster, namespace, a_pod(image, **PULL))
        wait_refused(cluster, namespace, name)
        assert (UNAUTHORIZED, Refusal.EXPIRED) in refusals(registry, namespace, after=before)
    finally:
        shared_aws.fix()
    _refresh(cluster, namespace)
    wait_for(lambda: password_in(wait_secret(cluster, namespace)) != stored, "the token was replaced", within=LONG)
    wait_done(cluster, namespace, name)


_KIND = {"apiVersion": "ecr.mobb.redhat.com/v1alpha1", "kind": "ClusterPullSecret"}


def _expired(aws: FakeAws, cluster: Cluster, namespace: str) -> bool:
    token = aws.find_token(password_in(wait_secret(cluster, namespace)))
    assert token is not None
    return time.time() >= token.expires_at


def _refresh(cluster: Cluster, namespace: str) -> None:
    asked = {"metadata": {"annotations": {"ecr.mobb.redhat.com/refresh": "now"}}}
    cluster.patch(resource_path("secrets", namespace, "ecr"), asked)
