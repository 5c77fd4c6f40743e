"""A process, or the whole machine, that stood still for longer than a token lives."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecr_secret_operator_lab.cluster import Cluster
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.fakeaws.records import IssuedToken
from ecr_secret_operator_lab.waiting import wait_for

from .replicas import Replica, replicas
from .resources import a_resource, apply, password_in, wait_ready, wait_secret

LIFE = 15.0


@pytest.fixture
def replica(operator_kubeconfig: Path, namespace: str, aws: FakeAws, tmp_path: Path) -> Iterator[Replica]:
    with replicas(operator_kubeconfig, namespace, aws, tmp_path) as start:
        yield start()


def stored(cluster: Cluster, namespace: str, aws: FakeAws) -> IssuedToken:
    token = aws.find_token(password_in(wait_secret(cluster, namespace)))
    assert token
    return token


def test_after_a_standstill_longer_than_a_tokens_life_a_fresh_one_is_there_in_seconds(
    cluster: Cluster, namespace: str, replica: Replica, aws: FakeAws
) -> None:
    aws.settings(lifetime_seconds=LIFE)
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    replica.operator.process.send_signal(signal.SIGSTOP)
    old, before, asked = stored(cluster, namespace, aws), replica.proxy.last_request(), len(aws.calls())
    wait_for(lambda: time.time() > old.expires_at, "it has expired", within=2 * LIFE)
    aws.settings(lifetime_seconds=3600)
    replica.operator.process.send_signal(signal.SIGCONT)
    wait_for(lambda: stored(cluster, namespace, aws) != old, "another one is stored", within=30)
    assert stored(cluster, namespace, aws).expires_at > time.time()
    wait_ready(cluster, namespace)
    assert len(aws.calls()) == asked + 1
    writes = [one for one in replica.writes(after=before) if one.path.startswith("/api/v1/")]
    assert [one.method for one in writes] == ["PATCH"], "nothing stale was written first"


def test_a_token_that_died_while_its_answer_lay_there_is_not_stored(
    cluster: Cluster, namespace: str, replica: Replica, aws: FakeAws
) -> None:
    aws.settings(lifetime_seconds=5)
    aws.fail("hang")
    apply(cluster, namespace, a_resource())
    aws.wait_for_calls(1)
    replica.operator.process.send_signal(signal.SIGSTOP)
    aws.fix()
    aws.wait_for_calls(1, result="ok")
    (dead,) = aws.tokens()
    wait_for(lambda: time.time() > dead.expires_at + 1, "it has expired")
    aws.settings(lifetime_seconds=3600)
    replica.operator.process.send_signal(signal.SIGCONT)
    wait_ready(cluster, namespace, within=30)
    writes = [one for one in replica.writes() if one.path.startswith("/api/v1/")]
    assert [one.method for one in writes] == ["POST"]
    assert stored(cluster, namespace, aws) != dead
