"""AWS is away for longer than a token lives: a thousand resources say so, wait, and come back without a herd.

The lives of tokens are shortened from twelve hours to a minute.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Object, condition, resource_path, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import StartOperator
from .resources import a_resource, password_in

pytestmark = pytest.mark.timeout(600)

COUNT = 1_000
LIFE = 60.0
REGIONS = ("us-east-2", "eu-west-1")


def _create(kubeconfig: Path, namespace: str) -> None:
    def some(numbers: range) -> None:
        with Cluster(kubeconfig) as cluster:
            for number in numbers:
                host = f"123456789012.dkr.ecr.{REGIONS[number % 2]}.amazonaws.com"
                body = a_resource(name=f"ecr-{number}", ecr_registry=host, region=None)
                cluster.create(resource_path("secrets", namespace), body)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(some, (range(start, COUNT, 8) for start in range(8))))


def _passwords(cluster: Cluster, namespace: str) -> dict[str, str]:
    return {one["metadata"]["name"]: password_in(one) for one in cluster.items(secret_path(namespace))}


def test_a_thousand_outlive_an_outage_longer_than_a_tokens_life(
    cluster: Cluster, kubeconfig: Path, namespace: str, start_operator: StartOperator, aws: FakeAws
) -> None:
    """One call at a time and identity while it lasts, less and less often; one for each once it is over."""
    operator = start_operator(environment={"COVERAGE_PROCESS_CONFIG": ""})
    aws.settings(lifetime_seconds=LIFE)
    _create(kubeconfig, namespace)

    def all_are(status: str) -> list[Object]:
        found = cluster.items(resource_path("secrets", namespace))
        return found if all(condition(one, "Ready").get("status") == status for one in found) else []

    wait_for(lambda: all_are("True"), "all are served", within=LIFE)
    aws.fail("ServiceUnavailable")
    began = time.time()
    asked = len(aws.calls())
    stored = _passwords(cluster, namespace)
    wait_for(lambda: all_are("False"), "all have expired, and say so", within=3 * LIFE)
    kept = _passwords(cluster, namespace)
    assert kept.keys() == stored.keys(), "no Secret is removed"
    # Some may have got a token that another resource had already when the outage began.
    assert all(aws.find_token(token) for token in {*kept.values()}), "each keeps a token of AWS"
    # Back-off: half a second at least, and each attempt waits about twice as long as the one before, up to 30 s.
    spent = (time.time() - began) / 15
    for region in REGIONS:
        calls = [call for call in aws.calls()[asked:] if call.region == region]
        assert 1 <= len(calls) <= 8 + 2 * spent, "one back-off for the identity, not one for each resource"
    aws.settings(lifetime_seconds=12 * 3600.0)
    aws.clear_calls()
    aws.fix()
    wait_for(lambda: all_are("True"), "all are served again", within=120)
    assert sorted(call.region for call in aws.calls()) == sorted(REGIONS), "one call for each region served them all"
    assert operator.probe("/healthz")[0] == 200
