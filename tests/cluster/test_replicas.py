"""Two replicas: whatever becomes of the one that leads, the other goes on, and the first writes no more."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecr_secret_operator_lab.cluster import Cluster, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.waiting import wait_for

from .replicas import WRITING, Replica, allow_leases, replicas
from .resources import a_resource, apply, get, wait_condition, wait_ready, wait_secret

LEASE_SECONDS = 15.0

Pair = tuple[Replica, Replica]


@pytest.fixture
def pair(cluster: Cluster, operator_kubeconfig: Path, namespace: str, aws: FakeAws, tmp_path: Path) -> Iterator[Pair]:
    """One that leads, and one that waits."""
    allow_leases(cluster, namespace)
    with replicas(operator_kubeconfig, namespace, aws, tmp_path) as start:
        options = ("--leader-elect", "--leader-election-namespace", namespace)
        first = start(*options)
        wait_for(lambda: first.leads, "the first leads")
        yield first, start(*options)


def test_one_that_may_not_use_the_lease_says_so_once(
    cluster: Cluster, operator_kubeconfig: Path, namespace: str, aws: FakeAws, tmp_path: Path
) -> None:
    """It is ready, and does nothing: the log is the only place to learn why."""
    with replicas(operator_kubeconfig, namespace, aws, tmp_path) as start:
        candidate = start("--leader-elect", "--leader-election-namespace", namespace)

        def said() -> list[str]:
            return [line for line in candidate.operator.output().splitlines() if "leases.coordination.k8s.io" in line]

        wait_for(lambda: len(said()) > 1, "it says so")
        assert ['"level":"warning"' in line for line in said()[:2]] == [True, False]
        allow_leases(cluster, namespace)
        wait_for(lambda: candidate.leads, "it leads")


def wait_lost(replica: Replica) -> None:
    assert replica.operator.process.wait(60) == 1
    assert replica.operator.output().splitlines()[-1].startswith("Error: leadership was lost")


def test_one_that_is_stopped_hands_over_in_a_moment_and_its_call_is_repeated_once(
    cluster: Cluster, namespace: str, pair: Pair, aws: FakeAws
) -> None:
    first, second = pair
    apply(cluster, namespace, a_resource(name="served"))
    wait_ready(cluster, namespace, "served")
    version = wait_secret(cluster, namespace, "served-generated")["metadata"]["resourceVersion"]
    aws.clear_calls()
    aws.fail("hang", times=1, region="eu-west-1")
    host = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
    apply(cluster, namespace, a_resource(ecr_registry=host, region=None))
    aws.wait_for_calls(1)
    stopped = time.monotonic()
    first.operator.process.send_signal(signal.SIGTERM)
    wait_ready(cluster, namespace, within=LEASE_SECONDS)
    assert time.monotonic() - stopped < LEASE_SECONDS, "the Lease was given up, not waited for"
    assert first.operator.process.wait(60) == 0
    assert second.leads
    assert len(aws.calls()) == 2
    assert wait_secret(cluster, namespace, "served-generated")["metadata"]["resourceVersion"] == version


def test_one_that_is_cut_off_writes_no_more_and_ends(
    cluster: Cluster, namespace: str, pair: Pair, aws: FakeAws
) -> None:
    first, second = pair
    aws.fail("hang", times=1)
    apply(cluster, namespace, a_resource())
    aws.wait_for_calls(1)  # it has something to write as soon as AWS answers
    cut_off = first.proxy.last_request()
    hole = first.proxy.fail("blackhole")
    first.proxy.silence()
    wait_lost(first)
    aws.fix()
    wait_ready(cluster, namespace, within=4 * LEASE_SECONDS)
    assert second.leads
    first.proxy.fix(hole)
    assert first.writes(after=cut_off) == []
    assert len(aws.calls()) <= 3


def test_one_that_was_frozen_past_its_lease_writes_no_more_and_ends(
    cluster: Cluster, namespace: str, pair: Pair, aws: FakeAws
) -> None:
    """It wakes with an answer at hand after which it would write at once, and the Lease has long been another one's."""
    first, second = pair
    apply(cluster, namespace, a_resource(name="served"))
    wait_ready(cluster, namespace, "served")  # so it has a token at hand
    foreign = cluster.create(secret_path(namespace), {"metadata": {"name": "ecr-generated"}})
    apply(cluster, namespace, a_resource())
    wait_condition(cluster, namespace, type="Ready", status="False", reason="SecretConflict")
    cluster.delete(secret_path(namespace, foreign["metadata"]["name"]))
    answer = first.proxy.fail("hold", method="GET", path="/secrets/ecr-generated$", when="after", times=1)
    first.proxy.wait_for_requests(1, fault="hold", timeout=45)
    frozen = first.proxy.last_request()
    first.operator.process.send_signal(signal.SIGSTOP)
    wait_for(lambda: second.leads, "the second takes over", within=4 * LEASE_SECONDS)
    wait_ready(cluster, namespace, within=45)
    before = get(cluster, namespace), wait_secret(cluster, namespace)
    first.proxy.fix(answer)
    first.operator.process.send_signal(signal.SIGCONT)
    wait_lost(first)
    asked = [one for one in first.proxy.requests(after=frozen) if one.method in WRITING and "/leases" not in one.path]
    assert asked == [], "it does not even ask"
    assert (get(cluster, namespace), wait_secret(cluster, namespace)) == before
