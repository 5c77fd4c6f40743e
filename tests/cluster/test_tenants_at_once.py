"""All that a tenant can do to the operator at once, and a namespace that has nothing to do with it."""

from __future__ import annotations

import itertools
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Refused, condition, resource_path, secret_path
from ecr_secret_operator_lab.fakeaws import FaultKind
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for

from .private import World, private_world
from .resources import a_resource, apply, edit, wait_secret
from .weight import heavy_secrets, mebibytes

pytestmark = pytest.mark.xdist_group("tenants at once")

ROLE = "arn:aws:iam::123456789012:role/tenant"
HANGING_HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"
SAMPLES = 40
LONGEST_SECONDS = 10.0
"""That the longest sample may take: a busy machine takes seconds, and each attack alone took more before."""

MOST_MORE = 128.0
"""MiB that the operator may take more at its peak than without the attacks."""

Attack = Callable[[Cluster, OperatorProcess], Iterator[object]]
"""Yields after each step."""


def plain_secrets(cluster: Cluster, _operator: OperatorProcess) -> Iterator[object]:
    """Secrets of one MB each with the operator's label."""
    for secret in heavy_secrets(24, "memory", "many hosts"):
        yield cluster.create(secret_path("memory"), secret)


def hanging_roles(cluster: Cluster, _operator: OperatorProcess) -> Iterator[object]:
    """Roles in a region in which AWS does not answer."""
    for number in range(150):
        role = {"role_arn": f"{ROLE}-hanging-{number}"}
        resource = a_resource(name=f"hanging-{number}", ecr_registry=HANGING_HOST, region=None, aws=role)
        apply(cluster, "calls", resource)
        yield None


def edits(cluster: Cluster, _operator: OperatorProcess) -> Iterator[object]:
    """One resource that gets another external id each time."""
    apply(cluster, "edits", a_resource(aws={"role_arn": ROLE, "external_id": "first"}))
    for number in itertools.count():
        yield edit(cluster, "edits", aws={"role_arn": ROLE, "external_id": f"external-{number}"})


def scrapes(_cluster: Cluster, operator: OperatorProcess) -> Iterator[object]:
    """Requests for the metrics, as many as are answered."""
    while True:
        with suppress(OSError), urllib.request.urlopen(f"http://{operator.address}/metrics", timeout=30) as answer:
            yield answer.read()
        yield None


def half_open(_cluster: Cluster, operator: OperatorProcess) -> Iterator[object]:
    """Connections on which a request never ends."""
    host, _, port = operator.address.rpartition(":")
    with ExitStack() as kept:
        for _ in range(600):
            with suppress(OSError):
                connection = kept.enter_context(socket.create_connection((host, int(port)), timeout=5))
                connection.sendall(b"GET /healthz HTTP/1.1\r\nHo")
            yield None


def denied_names(cluster: Cluster, _operator: OperatorProcess) -> Iterator[object]:
    """ServiceAccounts that resources name in namespaces that policy denies."""
    for number in range(160):
        name = f"named-{number}"
        apply(cluster, f"denied-{number % 5}", a_resource(name=name, aws={"service_account": name}))
        yield None


ATTACKS: Sequence[Attack] = (plain_secrets, hanging_roles, edits, scrapes, half_open, denied_names)
PAUSE_SECONDS = 0.02
"""Between two steps of an attack: the machine is shared with those who attack."""


@contextmanager
def under_attack(world: World, operator: OperatorProcess) -> Iterator[list[Exception]]:
    """Runs all attacks, each in a thread; yields the errors that they should not have had."""
    stop, errors = threading.Event(), list[Exception]()

    def run(attack: Attack) -> None:
        try:
            with Cluster(world.plane.kubeconfig) as cluster:
                for _ in attack(cluster, operator):
                    if stop.wait(PAUSE_SECONDS):
                        return
        except (Refused, OSError) as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(attack,), name=attack.__name__) for attack in ATTACKS]
    with ExitStack() as stack:
        for thread in threads:
            thread.start()
            stack.callback(thread.join)
        stack.callback(stop.set)
        yield errors


def samples(world: World, cluster: Cluster, prefix: str) -> list[float]:
    """Seconds until a deleted Secret is restored, and until a new resource with a new role is served; in order."""
    found = []
    for number in range(SAMPLES // 2):
        name = f"{prefix}-{number}"
        began = time.monotonic()
        world.apply("uninvolved", name=name, generated_secret_name=name, aws={"role_arn": f"{ROLE}-{name}"})
        made = wait_secret(cluster, "uninvolved", name, within=60)
        found.append(time.monotonic() - began)
        began = time.monotonic()
        cluster.delete(secret_path("uninvolved", name))

        def restored(name: str = name, uid: str = made["metadata"]["uid"]) -> bool:
            secret = cluster.get(secret_path("uninvolved", name))
            return secret is not None and secret["metadata"]["uid"] != uid

        wait_for(restored, "the deleted Secret is restored", within=60)
        found.append(time.monotonic() - began)
    return sorted(found)


def words(found: list[float]) -> str:
    return f"p50 {found[len(found) // 2]:.2f} s, longest of {len(found)} {found[-1]:.2f} s"


def test_all_attacks_at_once_leave_an_uninvolved_namespace_its_latency(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with private_world(tmp_path) as world:
        denied = [f"denied-{number}" for number in range(5)]
        for place in ("uninvolved", "memory", "calls", "edits", *denied):
            world.cluster.namespace(place)
        world.policy("all-but-some", namespaces={"exclude": ["denied-*"]}, role_arns=[f"{ROLE}*"])
        operator = world.start()
        world.apply("uninvolved", name="first", generated_secret_name="first", aws={"role_arn": f"{ROLE}-first"})
        wait_secret(world.cluster, "uninvolved", "first")
        quiet, memory = samples(world, world.cluster, "quiet"), mebibytes(operator.process.pid, "VmHWM")
        world.aws.fail(FaultKind.HANG, region="eu-west-1")
        with under_attack(world, operator) as errors:
            wait_for(
                lambda: len(world.cluster.items(resource_path("secrets", "calls"))) >= 100,
                "the attacks are under way",
                within=120,
            )
            attacked = samples(world, world.cluster, "attacked")
            assert operator.probe("/healthz")[0] == 200
        assert errors == []
        more = mebibytes(operator.process.pid, "VmHWM") - memory
        record_property("quiet", words(quiet))
        record_property("attacked", words(attacked))
        record_property("memory", f"{memory:.0f} MiB, +{more:.0f} MiB under attack")
        assert attacked[-1] < LONGEST_SECONDS, words(attacked)
        assert more < MOST_MORE
        last = world.cluster.get(resource_path("secrets", "edits", "ecr"))
        assert condition(last, "Ready").get("reason") == "LimitExceeded", "the attack by edits was one"
