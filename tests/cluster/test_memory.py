"""What a Secret holds that the operator did not make does not stay in the operator's memory."""

from __future__ import annotations

import json
import uuid
from base64 import b64encode

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Object, resource_path, secret_path
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.foreign import DOCKER, a_secret, docker, encoded
from tests.cluster.identities import keys_secret
from tests.laboratory import StartOperator

from .memory import CLEAN_MEMORY, found_in_memory
from .resources import HOST, a_resource, apply, docker_config, password_in, wait_condition, wait_ready, wait_secret

OURS = {"app.kubernetes.io/managed-by": "ecr-secret-operator"}


def opaque(value: str) -> Object:
    return a_secret(encoded(precious=value))


def of_another_registry(value: str) -> Object:
    return a_secret(docker(docker_config("registry.example.com", value)), DOCKER)


def like_upstream(value: str) -> Object:
    """Its data are compared with what the Go operator would have written with the same password."""
    auths = json.loads(docker_config(HOST, value))["auths"]
    return a_secret(docker(json.dumps({"auths": {**auths, "quay.io": {}}})), DOCKER)


def with_our_label(value: str) -> Object:
    """A person applied it, with the label of the operator: so it is watched."""
    secret = a_secret(docker(docker_config(HOST, value)), DOCKER, **OURS)
    secret["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps(secret)}
    return secret


def refill_buffers(cluster: Cluster, namespace: str) -> None:
    """Has the watch of Secrets deliver more than its connection's buffers hold: they are only ever written over."""
    for number in range(8):
        note = {"annotations": {"example.com/note": f"{number}" * 200_000}}
        cluster.patch(secret_path(namespace, "ours-generated"), {"metadata": note})


@pytest.mark.parametrize("foreign", [opaque, of_another_registry, like_upstream, with_our_label])
def test_what_a_foreign_secret_holds_does_not_stay_in_memory(
    cluster: Cluster, namespace: str, start_operator: StartOperator, foreign: object
) -> None:
    operator = start_operator(environment=CLEAN_MEMORY, impatient={"collect": 1})
    apply(cluster, namespace, a_resource(name="ours"))
    wait_ready(cluster, namespace, "ours")
    ours = password_in(wait_secret(cluster, namespace, "ours-generated"))
    value = uuid.uuid4().hex * 4
    assert callable(foreign)
    secret = foreign(value)
    cluster.create(secret_path(namespace), secret)
    apply(cluster, namespace, a_resource())
    wait_condition(cluster, namespace, type="Ready", status="False", reason="SecretConflict")
    cluster.delete(resource_path("secrets", namespace, "ecr"))
    texts = [value, *secret["data"].values()]
    refill_buffers(cluster, namespace)
    assert found_in_memory(operator.process.pid, [ours]) == {ours}, "what is in memory is found"
    wait_for(
        lambda: not found_in_memory(operator.process.pid, texts),
        "nothing of the foreign Secret is in memory",
        within=60,
    )


def test_keys_that_no_resource_names_any_more_do_not_stay_in_memory(
    cluster: Cluster, namespace: str, start_operator: StartOperator
) -> None:
    operator = start_operator(environment=CLEAN_MEMORY, impatient={"collect": 1})
    value = uuid.uuid4().hex * 2
    keys = {"aws_access_key_id": "AKIAUNKNOWNEXAMPLE01", "aws_secret_access_key": value}
    cluster.create(secret_path(namespace), keys_secret(keys))
    apply(cluster, namespace, a_resource(aws={"credentials_secret": "aws-keys"}))
    wait_condition(cluster, namespace, type="Ready", status="False", reason="IdentityUnavailable")
    assert found_in_memory(operator.process.pid, [value]) == {value}, "what is in memory is found"
    cluster.delete(resource_path("secrets", namespace, "ecr"))
    texts = [value, b64encode(value.encode()).decode()]
    wait_for(lambda: not found_in_memory(operator.process.pid, texts), "the keys are not in memory", within=60)
