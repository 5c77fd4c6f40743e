"""Single writes that the API server refuses, puts off, or answers without saying what became of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise

import pytest

from ecr_secret_operator_lab.cluster import Cluster, resource_path, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.faultproxy import FaultProxy, Handled
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import StartOperator
from .faults import A_BUG, ask_for_a_refresh, damage, settled, touch, wait_handled, wait_password
from .resources import a_resource, apply, password_in, wait_condition, wait_ready, wait_secret

WAIT_SECONDS = 3


@pytest.fixture
def operator(proxy: FaultProxy, start_operator: StartOperator) -> OperatorProcess:
    """A running operator for the test's namespace, behind the proxy."""
    return start_operator(kubeconfig=proxy.kubeconfig)


def generated(namespace: str) -> str:
    return f"^{secret_path(namespace, 'ecr-generated')}$"


def status_of(namespace: str) -> str:
    return f"^{resource_path('secrets', namespace, 'ecr')}/status$"


def test_a_conflict_on_an_update_is_looked_at_again(
    cluster: Cluster, namespace: str, operator: OperatorProcess, proxy: FaultProxy, aws: FakeAws
) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    before = password_in(wait_secret(cluster, namespace))
    proxy.fail("answer", method="PATCH", path=generated(namespace), status=409, times=3)
    damage(cluster, namespace)
    wait_password(cluster, namespace, lambda password: password == before, "it is restored")
    tried = proxy.requests(method="PATCH", path=generated(namespace))
    assert [one.status for one in tried] == [409, 409, 409, 200]
    assert len(aws.calls()) == 1
    assert A_BUG not in operator.output()


def test_a_conflict_on_the_status_is_looked_at_again(
    cluster: Cluster, namespace: str, operator: OperatorProcess, proxy: FaultProxy, aws: FakeAws
) -> None:
    proxy.fail("answer", method="PATCH", path=status_of(namespace), status=409, times=3)
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    assert [one.status for one in proxy.requests(path=status_of(namespace))][:4] == [409, 409, 409, 200]
    assert len(proxy.requests(method="POST", path=f"^{secret_path(namespace)}$")) == 1
    assert len(aws.calls()) == 1


def test_a_conflict_that_lasts_is_no_hot_loop(
    cluster: Cluster, namespace: str, operator: OperatorProcess, proxy: FaultProxy, aws: FakeAws
) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    rule = proxy.fail("answer", method="PATCH", path=generated(namespace), status=409)
    damage(cluster, namespace)
    tried = proxy.wait_for_requests(8, method="PATCH", path=generated(namespace), timeout=60)
    assert tried[-1].time - tried[0].time > 1, "each time it waits longer, as a rule"
    proxy.fix(rule)
    wait_password(cluster, namespace, bool, "it is restored")
    assert len(aws.calls()) == 1


WRITES: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "creating": ("POST", lambda place: f"^{secret_path(place)}$"),
    "updating": ("PATCH", generated),
    "the status": ("PATCH", status_of),
}


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("what", WRITES)
def test_a_write_is_not_tried_again_before_the_time_that_the_server_names(
    cluster: Cluster, namespace: str, operator: OperatorProcess, proxy: FaultProxy, what: str, status: int
) -> None:
    method, path_in = WRITES[what]
    path = path_in(namespace)
    if what == "updating":
        apply(cluster, namespace, a_resource())
        wait_ready(cluster, namespace)
    proxy.fail("answer", method=method, path=path, status=status, retry_after=WAIT_SECONDS, times=2)
    apply(cluster, namespace, a_resource()) if what != "updating" else damage(cluster, namespace)
    proxy.wait_for_requests(1, method=method, path=path, status=status)
    touch(cluster, namespace, hurry="1")  # something new is no reason to come sooner
    wait_for(lambda: len(proxy.requests(method=method, path=path, fault="answer")) == 2, "it was tried again")
    touch(cluster, namespace, hurry="2")

    def good() -> Handled | None:
        found = proxy.requests(method=method, path=path, after=proxy.requests(fault="answer")[-1].number)
        return next((one for one in found if one.status in {200, 201}), None)

    wait_for(good, "it went well in the end")
    tried = [one.time for one in proxy.requests(method=method, path=path, after=_before(proxy))][:3]
    assert all(later - earlier >= WAIT_SECONDS for earlier, later in pairwise(tried)), tried
    wait_ready(cluster, namespace)
    assert A_BUG not in operator.output()


def _before(proxy: FaultProxy) -> int:
    return proxy.requests(fault="answer")[0].number - 1


def test_a_creation_of_unknown_outcome_makes_one_secret_with_one_call(
    cluster: Cluster, namespace: str, operator: OperatorProcess, proxy: FaultProxy, aws: FakeAws
) -> None:
    proxy.fail("answer", method="POST", path=f"^{secret_path(namespace)}$", status=504, when="after", times=1)
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    (hit,) = proxy.requests(fault="answer")
    assert hit.upstream_status == 201
    (secret,) = cluster.items(secret_path(namespace))
    assert aws.find_token(password_in(secret))
    assert len(aws.calls()) == 1


def test_a_creation_of_unknown_outcome_that_no_watch_tells_of(
    cluster: Cluster, namespace: str, operator: OperatorProcess, proxy: FaultProxy, aws: FakeAws
) -> None:
    proxy.fail("hold", path=f"^{secret_path(namespace)}$", watch=True)
    proxy.fail("answer", method="POST", path=f"^{secret_path(namespace)}$", status=504, when="after", times=1)
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    (secret,) = cluster.items(secret_path(namespace))
    assert [one.upstream_status for one in proxy.requests(method="POST", path=f"^{secret_path(namespace)}$")] == [
        201,
        409,
    ]
    assert len(aws.calls()) == 1
    assert secret["metadata"]["resourceVersion"] == _version(cluster, namespace), (
        "it was good, and is not written again"
    )


def _version(cluster: Cluster, namespace: str) -> str:
    return str(wait_secret(cluster, namespace)["metadata"]["resourceVersion"])


def test_what_is_deleted_before_its_creation_is_answered_is_made_again(
    cluster: Cluster, namespace: str, operator: OperatorProcess, proxy: FaultProxy, aws: FakeAws
) -> None:
    """The watch tells of both, and of the first as of its own: only the second is news."""
    held = proxy.fail("hold", method="POST", path=f"^{secret_path(namespace)}$", when="after")
    apply(cluster, namespace, a_resource())
    first = wait_secret(cluster, namespace)
    cluster.delete(secret_path(namespace, "ecr-generated"))
    apply(cluster, namespace, a_resource(name="later", generated_secret_name="later", suspend=True))
    wait_condition(cluster, namespace, "later", type="Ready", status="False")  # so the watches were heard since
    proxy.fix(held)
    again = wait_secret(cluster, namespace)
    assert again["metadata"]["uid"] != first["metadata"]["uid"]
    assert password_in(again) == password_in(first)
    wait_ready(cluster, namespace)
    assert len(aws.calls()) == 1
    assert A_BUG not in operator.output()


def test_an_update_of_unknown_outcome_is_read_and_not_made_again(
    cluster: Cluster, namespace: str, operator: OperatorProcess, proxy: FaultProxy, aws: FakeAws
) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    before = password_in(wait_secret(cluster, namespace))
    proxy.fail("answer", method="PATCH", path=generated(namespace), status=504, when="after", times=1)
    damage(cluster, namespace)
    wait_password(cluster, namespace, lambda password: password == before, "it is restored")
    wait_for(lambda: proxy.requests(fault="answer"), "the outcome was unknown")
    settled(operator)
    assert len(aws.calls()) == 1
    assert len(proxy.requests(method="PATCH", path=generated(namespace))) <= 2


def test_a_refresh_of_unknown_outcome_costs_one_call(
    cluster: Cluster, namespace: str, operator: OperatorProcess, proxy: FaultProxy, aws: FakeAws
) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    before = password_in(wait_secret(cluster, namespace))
    proxy.fail("answer", method="PATCH", path=generated(namespace), status=504, when="after", times=1)
    ask_for_a_refresh(cluster, namespace, "now")
    wait_handled(cluster, namespace, "now")
    assert password_in(wait_secret(cluster, namespace)) != before
    assert len(aws.calls()) == 2
    assert len(cluster.items(secret_path(namespace))) == 1


def test_a_namespace_that_terminates_is_asked_for_little(
    cluster: Cluster, namespace: str, operator: OperatorProcess, proxy: FaultProxy, aws: FakeAws
) -> None:
    """The Secret has gone, and that the resource has gone too is not heard of yet."""
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    config_maps = f"/api/v1/namespaces/{namespace}/configmaps"
    cluster.create(config_maps, {"metadata": {"name": "held", "finalizers": ["example.com/hold"]}})
    proxy.fail("hold", watch=True, path=f"^{resource_path('secrets', namespace)}$")
    cluster.delete(f"/api/v1/namespaces/{namespace}")
    tried = proxy.wait_for_requests(5, method="POST", path=f"^{secret_path(namespace)}$", status=403, timeout=60)
    assert tried[-1].time - tried[0].time > 0.3, "it is asked more and more seldom"
    assert cluster.items(secret_path(namespace)) == []
    assert len(aws.calls()) == 1
    proxy.fix()
    settled(operator)
    count = len(proxy.requests(method="POST", path=f"^{secret_path(namespace)}$"))
    cluster.patch(f"{config_maps}/held", {"metadata": {"finalizers": None}})
    wait_for(lambda: cluster.get(f"/api/v1/namespaces/{namespace}") is None, "the namespace is gone", within=60)
    assert len(proxy.requests(method="POST", path=f"^{secret_path(namespace)}$")) == count
    assert operator.probe("/healthz")[0] == 200
    assert A_BUG not in operator.output()
