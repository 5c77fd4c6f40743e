"""Many resources, few calls, little at rest; and a restart that costs nothing."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ecr_secret_operator_lab.cluster import Cluster, Object, condition, resource_path, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import StartOperator
from .resources import a_resource, password_in, wait_ready, wait_secret

COUNT = 1_000
IDLE_SECONDS = 10.0


def _create(kubeconfig: Path, namespace: str) -> None:
    def some(numbers: range) -> None:
        with Cluster(kubeconfig) as cluster:
            for number in numbers:
                kind = "Secret" if number % 2 else "ArgoHelmRepoSecret"
                plural = "secrets" if number % 2 else "argohelmreposecrets"
                cluster.create(resource_path(plural, namespace), a_resource(kind, name=f"ecr-{number}"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(some, (range(start, COUNT, 8) for start in range(8))))


def _all(cluster: Cluster, namespace: str) -> list[Object]:
    return [
        resource
        for plural in ("secrets", "argohelmreposecrets")
        for resource in cluster.items(resource_path(plural, namespace))
    ]


def _versions(objects: list[Object]) -> dict[str, str]:
    return {entry["metadata"]["uid"]: entry["metadata"]["resourceVersion"] for entry in objects}


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100  # utime and stime, in USER_HZ (proc(5))


def _peak_mebibytes(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def _settled(operator: OperatorProcess) -> None:
    """Waits until nothing has been reconciled for a second."""
    last = [-1.0, 0.0]

    def quiet() -> bool:
        count = operator.metric("ecr_secret_operator_reconciles_total")
        if count != last[0]:
            last[:] = [count, time.monotonic()]
        return time.monotonic() - last[1] > 1.0

    wait_for(quiet, "the operator has nothing to do", within=60)


def test_a_thousand_resources(
    cluster: Cluster, kubeconfig: Path, namespace: str, start_operator: StartOperator, aws: FakeAws
) -> None:
    lean = {"COVERAGE_PROCESS_CONFIG": ""}  # what is measured here is the operator, not the measuring of coverage
    first = start_operator(environment=lean)
    _create(kubeconfig, namespace)

    def served() -> bool:
        return all(condition(resource, "Ready").get("status") == "True" for resource in _all(cluster, namespace))

    wait_for(served, "all are served", within=120)
    assert len(aws.calls()) <= 2, "AWS is asked once per identity and region, not once per resource"
    secrets = cluster.items(secret_path(namespace))
    assert len(secrets) == COUNT
    _settled(first)
    before, busy = time.monotonic(), _cpu_seconds(first.process.pid)
    # A measurement over a time needs the time: this is no wait for a state.
    time.sleep(IDLE_SECONDS)
    share = (_cpu_seconds(first.process.pid) - busy) / (time.monotonic() - before)
    assert share < 0.01, "nothing happens at rest"
    assert _peak_mebibytes(first.process.pid) < 150
    assert first.stop() == 0

    aws.clear_calls()
    stored, resources = _versions(secrets), _versions(_all(cluster, namespace))
    second = start_operator(environment=lean)
    wait_for(lambda: second.metric("ecr_secret_operator_reconciles_total") >= COUNT, "each was looked at", within=60)
    _settled(second)
    assert aws.calls() == [], "a restart asks AWS nothing"
    assert _versions(cluster.items(secret_path(namespace))) == stored, "and writes no Secret"
    assert _versions(_all(cluster, namespace)) == resources, "and no status"


def test_ecr_public_is_served_beside_the_private_registries(
    cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws
) -> None:
    private = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
    for name, host in (("public", "public.ecr.aws"), ("private", private)):
        body = a_resource(name=name, ecr_registry=host, region="us-east-1")
        cluster.create(resource_path("secrets", namespace), body)
        wait_ready(cluster, namespace, name)
        token = password_in(wait_secret(cluster, namespace, f"{name}-generated"))
        found = aws.find_token(token)
        assert found
        assert found.service == ("ecr-public" if name == "public" else "ecr")


def test_regions_have_a_call_each(cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws) -> None:
    for number in range(10):
        region = ("eu-west-1", "us-east-2")[number % 2]
        host = f"123456789012.dkr.ecr.{region}.amazonaws.com"
        cluster.create(
            resource_path("secrets", namespace),
            a_resource(name=f"ecr-{number}", ecr_registry=host, region=None, frequency="1h"),
        )
    for number in range(10):
        wait_ready(cluster, namespace, f"ecr-{number}")
    assert sorted(call.region for call in aws.calls()) == ["eu-west-1", "us-east-2"]


def test_those_who_wait_for_the_same_token_are_no_tasks(
    cluster: Cluster, kubeconfig: Path, namespace: str, start_operator: StartOperator, aws: FakeAws
) -> None:
    """A reconcile that waits holds some 10 KiB; of ten thousand, all but one come again when the token is there."""
    aws.settings(latency_seconds=8)
    for number in range(100):
        cluster.create(resource_path("secrets", namespace), a_resource(name=f"ecr-{number}"))
    operator = start_operator("--concurrency", "8")
    aws.wait_for_calls(1)
    _settled(operator)
    assert operator.metric("ecr_secret_operator_queue_depth") == 0
    assert operator.metric("ecr_secret_operator_tasks") < 60, "each of the hundred waits by itself"
    wait_ready(cluster, namespace, "ecr-99", within=60)
    wait_for(
        lambda: all(condition(one, "Ready").get("status") == "True" for one in _all(cluster, namespace)),
        "all are served",
    )
    assert len(aws.calls()) == 1
