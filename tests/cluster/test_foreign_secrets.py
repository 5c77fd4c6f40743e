"""A Secret that the operator did not make stays as it is: similar to its own, or a copy of one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ecr_secret_operator_lab.cluster import Cluster, secret_path
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for
from tests.cluster.foreign import a_secret, docker

from .resources import (
    HOST,
    a_resource,
    apply,
    docker_config,
    edit,
    wait_condition,
    wait_ready,
    wait_secret,
)

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
