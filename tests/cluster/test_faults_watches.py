"""Watches that fall silent, lose events or break off, and lists that are old or no lists at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ecr_secret_operator_lab.cluster import Cluster, condition, resource_path, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.faultproxy import FaultProxy
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import StartOperator
from .faults import A_BUG, ask_for_a_refresh, damage, settled, wait_handled, wait_password
from .resources import a_resource, apply, edit, get, password_in, wait_ready, wait_secret

SILENCE_SECONDS = 75.0


@pytest.fixture
def operator(proxy: FaultProxy, start_operator: StartOperator) -> OperatorProcess:
    """A running operator for the test's namespace, behind the proxy."""
    return start_operator(kubeconfig=proxy.kubeconfig)


def test_a_watch_that_falls_silent_is_noticed_in_75_seconds(
    cluster: Cluster, namespace: str, operator: OperatorProcess, proxy: FaultProxy, aws: FakeAws
) -> None:
    """As it ships, in real time: this one is slow, and others run beside it."""
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    before = password_in(wait_secret(cluster, namespace))
    mark = proxy.last_request()
    assert proxy.silence(secret_path(namespace)) == 1
    damage(cluster, namespace)
    wait_password(
        cluster, namespace, lambda password: password == before, "it is restored", within=SILENCE_SECONDS + 45
    )
    (listed, *_) = proxy.requests(method="GET", path=f"^{secret_path(namespace)}$", watch=False, after=mark)
    (silent,) = (one for one in proxy.requests(path=f"^{secret_path(namespace)}$", watch=True) if one.number <= mark)
    assert listed.time - silent.time <= SILENCE_SECONDS + 60 + 15, "the last word before may have come a while ago"
    assert "nothing was heard on the watch" in operator.output()
    assert len(aws.calls()) == 1


def test_what_a_watch_did_not_tell_is_found_by_the_next_list(
    cluster: Cluster, namespace: str, proxy: FaultProxy, start_operator: StartOperator, aws: FakeAws
) -> None:
    """A relist after 10 s in place of 10 min."""
    operator = start_operator(kubeconfig=proxy.kubeconfig, impatient={"relist": 10})
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    before = password_in(wait_secret(cluster, namespace))
    proxy.fail("lose", watch=True)
    cluster.delete(secret_path(namespace, "ecr-generated"))
    apply(cluster, namespace, a_resource(name="unseen"))
    assert password_in(wait_secret(cluster, namespace, within=45)) == before
    wait_ready(cluster, namespace, "unseen", within=45)
    cluster.delete(resource_path("secrets", namespace, "unseen"))
    edit(cluster, namespace, generated_secret_name="moved")
    wait_secret(cluster, namespace, "moved", within=45)
    wait_for(lambda: cluster.get(secret_path(namespace, "ecr-generated")) is None, "the old one goes", within=45)
    assert proxy.requests(fault="lose"), "events were lost"
    assert len(aws.calls()) == 1
    assert A_BUG not in operator.output()


HTML = "<html><body>503 Service Temporarily Unavailable</body></html>\n"
BROKEN_LISTS: Mapping[str, Mapping[str, Any]] = {
    "no JSON": {"do": "answer", "status": 200, "body": '{"kind": "SecretList", "items": [{{'},
    "another shape": {"do": "answer", "status": 200, "body": '{"items": 7, "metadata": {}}'},
    "a broken object": {
        "do": "answer",
        "status": 200,
        "body": '{"metadata": {"resourceVersion": "1"}, "items": [{"metadata": {"name": 7}}]}',
    },
    "empty": {"do": "answer", "status": 200, "body": ""},
    "HTML": {"do": "answer", "status": 200, "body": HTML, "content_type": "text/html"},
    "HTML as an error": {"do": "answer", "status": 502, "body": HTML, "content_type": "text/html"},
    "half of it": {"do": "truncate", "after_bytes": 50},
    "dropped": {"do": "drop", "when": "after"},
}


@pytest.mark.parametrize("broken", BROKEN_LISTS.values(), ids=BROKEN_LISTS.keys())
def test_a_list_that_cannot_be_read_is_asked_for_again_and_takes_nothing_away(
    cluster: Cluster,
    namespace: str,
    operator: OperatorProcess,
    proxy: FaultProxy,
    aws: FakeAws,
    broken: Mapping[str, Any],
) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    before = wait_secret(cluster, namespace)
    details = {key: value for key, value in broken.items() if key != "do"}
    proxy.fail(broken["do"], **details, method="GET", watch=False, path="secrets$", times=3)
    damage(cluster, namespace)  # while nobody looks: the watches are cut, and lists are broken
    proxy.cut()
    wait_for(lambda: len(proxy.requests(fault=broken["do"])) == 3, "the lists were broken", within=60)
    wait_password(cluster, namespace, lambda password: password == password_in(before), "it is restored", within=60)
    apply(cluster, namespace, a_resource(name="later"))
    wait_ready(cluster, namespace, "later", within=45)
    assert operator.probe("/healthz")[0] == 200
    assert len(aws.calls()) == 1
    assert "watch ended, listing again" in operator.output()
    assert A_BUG not in operator.output()


BROKEN_WATCHES: Mapping[str, Mapping[str, Any]] = {
    "cut in an event": {"do": "truncate", "after_bytes": 30},
    "no JSON": {"do": "answer", "status": 200, "body": '{"type": "ADDED", "object": {{\n'},
    "another shape": {"do": "answer", "status": 200, "body": '{"type": "ADDED", "object": {"metadata": 7}}\n'},
    "no object": {"do": "answer", "status": 200, "body": '{"type": "MODIFIED"}\n'},
    "an unknown type": {"do": "answer", "status": 200, "body": '{"type": "NEWS", "object": 7}\n'},
    "HTML": {"do": "answer", "status": 200, "body": HTML, "content_type": "text/html"},
    "HTML as an error": {"do": "answer", "status": 502, "body": HTML, "content_type": "text/html"},
}


@pytest.mark.parametrize("broken", BROKEN_WATCHES.values(), ids=BROKEN_WATCHES.keys())
def test_a_watch_that_cannot_be_read_is_begun_again(
    cluster: Cluster,
    namespace: str,
    operator: OperatorProcess,
    proxy: FaultProxy,
    aws: FakeAws,
    broken: Mapping[str, Any],
) -> None:
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    before = password_in(wait_secret(cluster, namespace))
    details = {key: value for key, value in broken.items() if key != "do"}
    proxy.fail(broken["do"], **details, watch=True, path="secrets$", times=2)
    if broken["do"] == "answer":
        proxy.cut()
    for _ in range(2):
        damage(cluster, namespace)
        wait_password(cluster, namespace, lambda password: password == before, "it is restored", within=60)
    wait_for(lambda: not proxy.rules() or proxy.rules()[0].times != 2, "a watch was broken")
    proxy.fix()
    apply(cluster, namespace, a_resource(name="later"))
    wait_ready(cluster, namespace, "later", within=45)
    assert operator.probe("/healthz")[0] == 200
    assert len(aws.calls()) == 1
    assert "watch ended, listing again" in operator.output()
    assert A_BUG not in operator.output()


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("watch", [False, True], ids=["list", "watch"])
def test_a_list_and_a_watch_wait_as_long_as_the_server_asks(
    cluster: Cluster,
    namespace: str,
    operator: OperatorProcess,
    proxy: FaultProxy,
    status: int,
    *,
    watch: bool,
) -> None:
    path, seconds = f"^{secret_path(namespace)}$", 3
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    proxy.fail("answer", watch=watch, method="GET", path=path, status=status, retry_after=seconds, times=2)
    proxy.cut(path)
    damage(cluster, namespace)
    refused = wait_for(lambda: proxy.requests(path=path, fault="answer")[1:], "it was refused twice")
    wait_password(cluster, namespace, bool, "it is restored")
    for one in proxy.requests(path=path, fault="answer"):
        (following, *_) = proxy.wait_for_requests(1, method="GET", path=path, after=one.number)
        assert following.time - one.time >= seconds
    assert refused


def test_an_old_list_after_a_restart_takes_nothing_back(
    cluster: Cluster, namespace: str, proxy: FaultProxy, start_operator: StartOperator, aws: FakeAws
) -> None:
    """It sees the Secret as it was, with an older token, and hears nothing of what another one has written since."""
    first = start_operator(kubeconfig=proxy.kubeconfig)
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    first.stop()
    start_operator(kubeconfig=proxy.kubeconfig).stop()  # what it lists is what will be seen again
    old = password_in(wait_secret(cluster, namespace))
    as_of = proxy.last_request()
    second = start_operator()
    ask_for_a_refresh(cluster, namespace, "1")
    wait_for(lambda: password_in(wait_secret(cluster, namespace)) != old, "there is a newer token", within=30)
    wait_handled(cluster, namespace, "1")
    second.stop()
    newer = wait_secret(cluster, namespace)
    secrets = f"^{secret_path(namespace)}$"
    proxy.fail("replay", method="GET", watch=False, path=secrets, as_of=as_of)
    proxy.fail("hold", watch=True, path=secrets)
    start_operator(kubeconfig=proxy.kubeconfig)
    assert proxy.requests(fault="replay")
    edit(cluster, namespace, metadata={"labels": {"of": "mine"}})
    proxy.wait_for_requests(2, method="PATCH", path=secret_path(namespace, "ecr-generated"), status=409)
    assert wait_secret(cluster, namespace) == newer
    proxy.fix()
    wait_for(lambda: wait_secret(cluster, namespace)["metadata"]["labels"].get("of") == "mine", "it follows again")
    assert wait_secret(cluster, namespace)["data"] == newer["data"]
    assert len(aws.calls()) == 2


def test_an_old_view_deletes_and_overwrites_nothing(
    cluster: Cluster, namespace: str, proxy: FaultProxy, start_operator: StartOperator, aws: FakeAws
) -> None:
    """What was seen: the resource moved to another name, and its Secret of the old one. Both have changed since."""
    start_operator().stop()
    apply(cluster, namespace, a_resource())
    operator = start_operator()
    wait_ready(cluster, namespace)
    operator.stop()
    edit(cluster, namespace, generated_secret_name="two")
    proxy.fail("answer", method="POST", status=503, path="secrets$")
    start_operator(kubeconfig=proxy.kubeconfig).stop()  # what it lists is what will be seen again
    as_of = proxy.last_request()
    proxy.fix()
    edit(cluster, namespace, generated_secret_name="ecr-generated")
    kept = cluster.patch(secret_path(namespace, "ecr-generated"), {"metadata": {"annotations": {"note": "mine"}}})
    proxy.fail("replay", method="GET", watch=False, path="secrets$", as_of=as_of)
    proxy.fail("hold", watch=True)
    start_operator(kubeconfig=proxy.kubeconfig)
    proxy.wait_for_requests(2, method="DELETE", status=409, path=secret_path(namespace))
    found = wait_secret(cluster, namespace)
    assert found["metadata"]["uid"] == kept["metadata"]["uid"]
    assert found["data"] == kept["data"]
    proxy.fix()
    wait_for(
        lambda: cluster.get(secret_path(namespace, "two")) is None, "what only the old view wanted goes", within=30
    )
    assert wait_secret(cluster, namespace)["data"] == kept["data"]
    assert len(aws.calls()) == 1


def test_what_a_stale_watch_tells_late_undoes_nothing(
    cluster: Cluster, namespace: str, operator: OperatorProcess, proxy: FaultProxy, aws: FakeAws
) -> None:
    """Its own writes are older news by the time that they are told."""
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    first = password_in(wait_secret(cluster, namespace))
    held = proxy.fail("hold", watch=True, path=f"^{secret_path(namespace)}$")
    for number in range(1, 3):
        ask_for_a_refresh(cluster, namespace, str(number))
        wait_handled(cluster, namespace, str(number))
    last = wait_secret(cluster, namespace)
    assert password_in(last) != first
    proxy.fix(held)
    settled(operator)
    assert wait_secret(cluster, namespace)["metadata"]["resourceVersion"] == last["metadata"]["resourceVersion"]
    assert condition(get(cluster, namespace), "Ready")["status"] == "True"
    assert len(aws.calls()) == 3
