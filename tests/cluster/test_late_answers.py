"""AWS answers when what it was asked for is no longer so: what comes too late is not stored, not for a moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ecr_secret_operator_lab.cluster import Cluster, resource_path, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.identities import KEYS, NEW_KEYS, keys_secret, token_of

from .replicas import Replica, replicas
from .resources import a_resource, apply, edit, wait_ready, wait_secret

SECRETS = r"^/api/v1/namespaces/[^/]+/secrets"


@pytest.fixture
def replica(operator_kubeconfig: Path, namespace: str, aws: FakeAws, tmp_path: Path) -> Iterator[Replica]:
    with replicas(operator_kubeconfig, namespace, aws, tmp_path) as start:
        yield start()


def secrets_written(replica: Replica) -> list[str]:
    return [one.method for one in replica.writes() if one.path.startswith("/api/v1/")]


def wait_told(replica: Replica, change: Callable[[], object], path: str) -> None:
    """Makes a change, and waits until a watch of the operator has told of it."""

    def told() -> int:
        return sum(watch.events for watch in replica.proxy.watches(path))

    before = told()
    change()
    wait_for(lambda: told() > before, "the operator is told")


def test_keys_that_are_rotated_while_aws_is_asked_with_the_old_ones(
    cluster: Cluster, namespace: str, replica: Replica, aws: FakeAws
) -> None:
    for keys in (KEYS, NEW_KEYS):
        aws.add_credentials(keys["aws_access_key_id"], keys["aws_secret_access_key"], user_name="team-a")
    aws.fail("hang", access_key_id=KEYS["aws_access_key_id"])
    cluster.create(secret_path(namespace), keys_secret(KEYS))
    apply(cluster, namespace, a_resource(aws={"credentials_secret": "aws-keys"}))
    aws.wait_for_calls(1)
    replica.proxy.wait_for_watches(2, SECRETS)
    wait_told(replica, lambda: cluster.patch(secret_path(namespace, "aws-keys"), keys_secret(NEW_KEYS)), SECRETS)
    aws.fix()
    wait_ready(cluster, namespace)
    assert token_of(cluster, aws, namespace).access_key_id == NEW_KEYS["aws_access_key_id"]
    assert [token.access_key_id for token in aws.tokens()] == [
        KEYS["aws_access_key_id"],
        NEW_KEYS["aws_access_key_id"],
    ], "the late answer was a good one"
    assert secrets_written(replica) == ["POST"], "of the old keys' token nothing was stored"


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_a_resource_that_is_deleted_and_made_anew_while_aws_is_asked(
    cluster: Cluster, namespace: str, replica: Replica, aws: FakeAws, policy: str
) -> None:
    body = a_resource(deletion_policy=policy)
    aws.fail("hang")
    first = apply(cluster, namespace, body)
    aws.wait_for_calls(1)

    def again() -> dict[str, Any]:
        cluster.delete(resource_path("secrets", namespace, "ecr"))
        return apply(cluster, namespace, {**body, "spec": {**body["spec"], "metadata": {"labels": {"made": "again"}}}})

    wait_told(replica, again, r"ecr\.mobb\.redhat\.com/.*/secrets$")
    aws.fix()
    second = wait_ready(cluster, namespace)
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    secret = wait_secret(cluster, namespace)
    assert secret["metadata"]["labels"]["made"] == "again"
    assert [owner["uid"] for owner in secret["metadata"].get("ownerReferences", [])] == (
        [second["metadata"]["uid"]] if policy == "Delete" else []
    )
    assert secrets_written(replica) == ["POST"], "nothing was stored for the one that is gone"
    statuses = [one for one in replica.writes() if one.path.endswith("/status")]
    assert len(statuses) == 1, "nothing of it is told of the new one"


@pytest.mark.parametrize("policy", ["Delete", "Retain"])
def test_a_resource_that_is_deleted_while_aws_is_asked_leaves_no_token_behind(
    cluster: Cluster, namespace: str, replica: Replica, aws: FakeAws, policy: str
) -> None:
    aws.fail("hang", times=1)
    apply(cluster, namespace, a_resource(deletion_policy=policy))
    aws.wait_for_calls(1)
    gone = resource_path("secrets", namespace, "ecr")
    wait_told(replica, lambda: cluster.delete(gone), r"ecr\.mobb\.redhat\.com/.*/secrets$")
    aws.fix()
    aws.wait_for_calls(1, result="ok")
    wait_for(lambda: replica.operator.metric("ecr_secret_operator_reconciles_total") >= 1, "the answer was taken in")
    apply(cluster, namespace, a_resource(name="next"))
    wait_ready(cluster, namespace, "next")
    assert secrets_written(replica) == ["POST"], "that of the other one alone"
    assert cluster.get(secret_path(namespace, "ecr-generated")) is None


def test_a_resource_that_is_renamed_while_aws_is_asked(
    cluster: Cluster, namespace: str, replica: Replica, aws: FakeAws
) -> None:
    aws.fail("hang", times=1)
    apply(cluster, namespace, a_resource())
    aws.wait_for_calls(1)
    change = {"generated_secret_name": "moved"}
    wait_told(replica, lambda: edit(cluster, namespace, **change), r"ecr\.mobb\.redhat\.com/.*/secrets$")
    aws.fix()
    wait_ready(cluster, namespace)
    wait_secret(cluster, namespace, "moved")
    assert secrets_written(replica) == ["POST"], "nothing was stored under the former name"
    assert len(aws.calls()) == 1, "the token is as good for the new one"
