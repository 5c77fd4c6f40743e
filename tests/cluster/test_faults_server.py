"""The API server and its store themselves: started again, frozen, and with a past that is gone."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from functools import partial

import pytest

from ecr_secret_operator_lab.cluster import Cluster, secret_path
from ecr_secret_operator_lab.faultproxy import FaultProxy, start_fault_proxy
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.permissions import operator_kubeconfig as kubeconfig_of
from ecr_secret_operator_lab.waiting import wait_for

from .faults import A_BUG, ask_for_a_refresh, damage, settled, wait_handled, wait_password
from .private import World, private_world
from .resources import a_resource, apply, get, password_in, wait_ready, wait_secret

pytestmark = pytest.mark.xdist_group("faults of the server")  # its control plane is started once, by one worker

FROZEN_SECONDS = 20.0
SLOW_SECONDS = 8.0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with private_world(tmp_path_factory.mktemp("faults")) as world:
        yield world


@pytest.fixture(scope="module")
def shared_proxy(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultProxy]:
    """A proxy for the operator."""
    with start_fault_proxy(kubeconfig_of(world.plane)) as proxy:
        yield proxy


@pytest.fixture
def proxy(shared_proxy: FaultProxy) -> Iterator[FaultProxy]:
    shared_proxy.reset()
    yield shared_proxy
    shared_proxy.reset()


@pytest.fixture
def namespace(world: World) -> str:
    world.aws.reset()
    return world.cluster.namespace(f"test-{uuid.uuid4().hex[:10]}")


@pytest.fixture
def operator(
    world: World, proxy: FaultProxy, namespace: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    operator = OperatorProcess(
        environment={**world.aws.environment(), "WATCH_NAMESPACE": namespace},
        log=tmp_path_factory.mktemp("operator") / "log",
        kubeconfig=proxy.kubeconfig,
        args=("--log-level", "debug"),
    )
    with operator:
        yield operator.ready()


def served(world: World, namespace: str) -> str:
    """A resource that is served, and its token."""
    apply(world.cluster, namespace, a_resource())
    wait_ready(world.cluster, namespace)
    return password_in(wait_secret(world.cluster, namespace))


def goes_on(world: World, namespace: str, operator: OperatorProcess, password: str) -> None:
    """All is as before, and what is damaged is repaired: without a call, a new Secret or a complaint."""
    damage(world.cluster, namespace)
    wait_password(world.cluster, namespace, lambda found: found == password, "it is restored", within=60)
    apply(world.cluster, namespace, a_resource(name="later"))
    wait_ready(world.cluster, namespace, "later", within=45)
    assert len(world.aws.calls()) == 1
    assert len(world.cluster.items(secret_path(namespace))) == 2
    assert [operator.probe(path)[0] for path in ("/healthz", "/readyz")] == [200, 200]
    assert A_BUG not in operator.output()


def test_an_api_server_that_is_started_anew(world: World, namespace: str, operator: OperatorProcess) -> None:
    password = served(world, namespace)
    with world.plane.without_api_server():
        wait_for(lambda: "cannot be reached" in operator.output(), "it is missed")
        assert [operator.probe(path)[0] for path in ("/healthz", "/readyz")] == [200, 200]
    assert password_in(wait_secret(world.cluster, namespace)) == password
    goes_on(world, namespace, operator, password)


def test_an_api_server_that_freezes_for_twenty_seconds(world: World, namespace: str, operator: OperatorProcess) -> None:
    password = served(world, namespace)
    damage(world.cluster, namespace)
    with world.plane.frozen("kube-apiserver"):
        end = time.monotonic() + FROZEN_SECONDS
        while time.monotonic() < end:
            assert operator.probe("/healthz")[0] == 200
            time.sleep(1)
        assert operator.process.poll() is None
    wait_password(world.cluster, namespace, lambda found: found == password, "it is restored", within=60)
    goes_on(world, namespace, operator, password)


def test_a_store_that_is_slow_while_a_secret_is_made(
    world: World, namespace: str, operator: OperatorProcess, proxy: FaultProxy
) -> None:
    """The API server waits for its store, and the operator for the API server: what is sent is sent once."""
    world.aws.settings(latency_seconds=2)
    apply(world.cluster, namespace, a_resource())
    world.aws.wait_for_calls(1)
    with world.plane.frozen("etcd"):
        wait_for(lambda: world.aws.calls(result="ok"), "there is a token")
        time.sleep(SLOW_SECONDS)
        assert operator.probe("/healthz")[0] == 200
    wait_ready(world.cluster, namespace, within=60)
    assert [one.status for one in proxy.requests(method="POST", path=secret_path(namespace))] == [201]
    password = password_in(wait_secret(world.cluster, namespace))
    goes_on(world, namespace, operator, password)


def test_a_store_that_is_slow_while_a_token_is_replaced(
    world: World, namespace: str, operator: OperatorProcess, proxy: FaultProxy
) -> None:
    first = served(world, namespace)
    settled(operator)
    mark = proxy.last_request()
    world.aws.settings(latency_seconds=2)
    ask_for_a_refresh(world.cluster, namespace, "now")
    world.aws.wait_for_calls(2)
    with world.plane.frozen("etcd"):
        wait_for(lambda: len(world.aws.calls(result="ok")) > 1, "there is a new token")
        time.sleep(SLOW_SECONDS)
        assert operator.probe("/healthz")[0] == 200
    wait_password(world.cluster, namespace, lambda found: found != first, "it is replaced", within=60)
    wait_handled(world.cluster, namespace, "now")
    sent = proxy.requests(method="PATCH", path=secret_path(namespace, "ecr-generated"), after=mark)
    assert [one.status for one in sent] == [200]


def test_a_change_that_is_slow_to_be_stored(world: World, namespace: str, operator: OperatorProcess) -> None:
    password = served(world, namespace)
    with Cluster(world.plane.kubeconfig) as other:
        delete = threading.Thread(target=partial(other.delete, secret_path(namespace, "ecr-generated")))
        with world.plane.frozen("etcd"):
            delete.start()
            time.sleep(SLOW_SECONDS)
        delete.join(60)
    assert password_in(wait_secret(world.cluster, namespace, within=60)) == password
    goes_on(world, namespace, operator, password)


def test_a_watch_whose_past_etcd_has_forgotten(
    world: World, namespace: str, operator: OperatorProcess, proxy: FaultProxy
) -> None:
    password = served(world, namespace)
    settled(operator)
    mark = proxy.last_request()
    path = f"^{secret_path(namespace)}$"
    held = proxy.fail("hold", watch=True)
    proxy.end(path)
    proxy.wait_for_requests(1, watch=True, path=path, after=mark)
    world.cluster.delete(secret_path(namespace, "ecr-generated"))
    for number in range(3):
        world.cluster.create(f"/api/v1/namespaces/{namespace}/configmaps", {"metadata": {"name": f"filler-{number}"}})
    world.plane.compact()
    with world.plane.without_api_server():
        pass
    proxy.fix(held)
    wait_for(lambda: "its resource version had expired" in operator.output(), "the server said that it is too old")
    assert password_in(wait_secret(world.cluster, namespace, within=45)) == password
    assert get(world.cluster, namespace)
    goes_on(world, namespace, operator, password)
