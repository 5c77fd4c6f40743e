"""The fault proxy before a real API server: it changes nothing but what it is told to, and says what passed."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Refused, secret_path
from ecr_secret_operator_lab.controlplane import ControlPlane, LineReporter, ensure_binaries
from ecr_secret_operator_lab.faultproxy import FaultProxy, FaultProxyError, start_fault_proxy
from ecr_secret_operator_lab.waiting import wait_for

pytestmark = pytest.mark.xdist_group("faultproxy")  # it is started once, by one worker

SECRET = "c2VjcmV0LXRoaW5nLWluLWEtc2VjcmV0"


@pytest.fixture(scope="module")
def shared_proxy(kubeconfig: Path) -> Iterator[FaultProxy]:
    with start_fault_proxy(kubeconfig) as proxy:
        yield proxy


@pytest.fixture
def proxy(shared_proxy: FaultProxy) -> Iterator[FaultProxy]:
    shared_proxy.reset()
    yield shared_proxy
    shared_proxy.reset()


@pytest.fixture
def through(proxy: FaultProxy) -> Iterator[Cluster]:
    """The API server, through the proxy."""
    with Cluster(proxy.kubeconfig) as cluster:
        yield cluster


def a_secret(name: str = "one") -> dict[str, Any]:
    return {"metadata": {"name": name}, "data": {"key": SECRET}}


class Watching:
    """A watch of a namespace's Secrets through the proxy, in a thread."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        version = cluster.request("GET", secret_path(namespace))["metadata"]["resourceVersion"]
        self.lines: list[str] = []
        self.ended = ""
        self._connection = http.client.HTTPSConnection(
            cluster._address.hostname or "",  # noqa: SLF001 - the same server, another connection
            cluster._address.port,  # noqa: SLF001
            context=cluster._tls,  # noqa: SLF001
            timeout=60,
        )
        path = f"{secret_path(namespace)}?watch=true&allowWatchBookmarks=true&resourceVersion={version}"
        self._connection.request("GET", path, headers=cluster._headers)  # noqa: SLF001
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            with self._connection.getresponse() as response:
                while line := response.readline():
                    self.lines.append(line.decode())
            self.ended = "ended"
        except (http.client.HTTPException, OSError) as error:
            self.ended = type(error).__name__

    def close(self) -> None:
        self._thread.join(10)
        self._connection.close()

    def names(self) -> list[str]:
        return [json.loads(line)["object"]["metadata"]["name"] for line in self.lines]


@pytest.fixture
def watch(through: Cluster, namespace: str, proxy: FaultProxy) -> Iterator[Callable[[], Watching]]:
    started: list[Watching] = []

    def start() -> Watching:
        started.append(Watching(through, namespace))
        proxy.wait_for_watches(1, namespace)
        return started[-1]

    yield start
    proxy.cut(namespace)
    for watching in started:
        watching.close()


def in_thread(do: Callable[[], object]) -> list[object]:
    """What it gave, once it did, or the error."""
    outcome: list[object] = []

    def run() -> None:
        try:
            outcome.append(do())
        except (Refused, OSError, http.client.HTTPException) as error:
            outcome.append(error)

    threading.Thread(target=run, daemon=True).start()
    return outcome


def test_what_passes_is_unchanged_and_remembered_without_secrets(
    cluster: Cluster, through: Cluster, namespace: str, proxy: FaultProxy
) -> None:
    assert through.create(secret_path(namespace), a_secret()) == cluster.get(secret_path(namespace, "one"))
    assert through.items(secret_path(namespace), labelSelector="a=b") == []
    with pytest.raises(Refused, match="404"):
        through.delete(secret_path(namespace, "two"))
    handled = proxy.requests(path=namespace)
    assert [(one.method, one.status, one.upstream_status, one.fault) for one in handled] == [
        ("POST", 201, 201, ""),
        ("GET", 200, 200, ""),
        ("DELETE", 404, 404, ""),
    ]
    assert handled[1].query == {"labelSelector": "a=b"}
    assert [one.number for one in handled] == sorted(one.number for one in handled)
    assert SECRET not in repr(handled)
    assert through._headers["Authorization"].removeprefix("Bearer ") not in repr(handled)  # noqa: SLF001


def test_a_rule_hits_what_it_is_about_and_no_more_often_than_it_says(
    through: Cluster, namespace: str, proxy: FaultProxy
) -> None:
    proxy.fail("answer", method="POST", path=f"{namespace}/secrets$", status=503, retry_after=7, skip=1, times=1)
    through.create(secret_path(namespace), a_secret("one"))
    through.items(secret_path(namespace))
    with pytest.raises(Refused, match="503"):
        through.create(secret_path(namespace), a_secret("two"))
    through.create(secret_path(namespace), a_secret("three"))
    (hit,) = proxy.requests(path=namespace, fault="answer")
    assert (hit.status, hit.upstream_status) == (503, 0)
    assert proxy.rules() == []


def test_the_laboratorys_client_waits_as_the_server_asks(through: Cluster, namespace: str, proxy: FaultProxy) -> None:
    """An API server answers 429 for about a second after a CustomResourceDefinition has changed."""
    proxy.fail("answer", method="POST", path=f"{namespace}/secrets$", status=429, retry_after=1, times=2)
    through.create(secret_path(namespace), a_secret("one"))
    assert [one.status for one in proxy.requests(method="POST", path=namespace)] == [429, 429, 201]


def test_an_unknown_outcome_is_carried_out_and_not_said(
    cluster: Cluster, through: Cluster, namespace: str, proxy: FaultProxy
) -> None:
    proxy.fail("answer", method="POST", status=504, when="after", times=1)
    with pytest.raises(Refused, match="504"):
        through.create(secret_path(namespace), a_secret())
    assert cluster.get(secret_path(namespace, "one"))
    (hit,) = proxy.requests(fault="answer")
    assert (hit.status, hit.upstream_status) == (504, 201)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_connection_is_dropped_before_or_after(
    cluster: Cluster, through: Cluster, namespace: str, proxy: FaultProxy, when: str
) -> None:
    proxy.fail("drop", method="POST", when=when)
    with pytest.raises((OSError, http.client.HTTPException)):
        through.create(secret_path(namespace), a_secret())
    assert (cluster.get(secret_path(namespace, "one")) is not None) is (when == "after")


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_request_is_held_until_its_rule_is_taken_back(
    cluster: Cluster, through: Cluster, namespace: str, proxy: FaultProxy, when: str
) -> None:
    number = proxy.fail("hold", method="POST", when=when)
    outcome = in_thread(partial(through.create, secret_path(namespace), a_secret()))
    (held,) = proxy.wait_for_requests(1, fault="hold")
    if when == "after":
        wait_for(lambda: cluster.get(secret_path(namespace, "one")), "it was carried out")
    assert held.ended is None
    assert not outcome
    assert (cluster.get(secret_path(namespace, "one")) is not None) is (when == "after")
    proxy.fix(number)
    wait_for(lambda: outcome, "it was let go")
    assert isinstance(outcome[0], dict)


def test_a_blackhole_never_answers_and_a_delay_does_late(through: Cluster, namespace: str, proxy: FaultProxy) -> None:
    proxy.fail("delay", method="GET", seconds=0.4, times=1)
    started = time.monotonic()
    through.items(secret_path(namespace))
    assert time.monotonic() - started >= 0.4
    proxy.fail("blackhole", method="GET")
    with Cluster(proxy.kubeconfig) as other:
        outcome = in_thread(partial(other.items, secret_path(namespace)))
        proxy.wait_for_requests(1, fault="blackhole")
        proxy.fix()
        through.items(secret_path(namespace))
        assert not outcome
    (hole,) = proxy.requests(fault="blackhole")
    assert hole.upstream_status == 0


def test_an_answer_is_truncated_or_made_up(through: Cluster, namespace: str, proxy: FaultProxy) -> None:
    proxy.fail("truncate", method="GET", after_bytes=10, times=2)  # the client asks twice
    with pytest.raises(http.client.IncompleteRead) as cut:
        through.items(secret_path(namespace))
    assert len(cut.value.partial) == 10
    proxy.fix()
    proxy.fail("answer", status=200, body="<html>", content_type="text/html")
    with pytest.raises(json.JSONDecodeError):
        through.items(secret_path(namespace))


def test_an_old_list_is_given_once_more(through: Cluster, namespace: str, proxy: FaultProxy) -> None:
    before = through.items(secret_path(namespace))
    through.create(secret_path(namespace), a_secret())
    proxy.fail("replay", method="GET")
    through.create(secret_path(namespace), a_secret("two"))
    assert through.items(secret_path(namespace)) == before == []
    assert through.get(secret_path(namespace, "two")), "what was not asked before is asked for"
    proxy.fix()
    assert len(through.items(secret_path(namespace))) == 2
    proxy.fail("replay", as_of=0)
    assert len(through.items(secret_path(namespace))) == 2, "at that time it had not been asked"


def test_a_watch_streams(through: Cluster, namespace: str, watch: Callable[[], Watching], proxy: FaultProxy) -> None:
    watching = watch()
    for name in ("one", "two"):
        through.create(secret_path(namespace), a_secret(name))
        wait_for(lambda: watching.lines, "an event came at once")
    wait_for(lambda: watching.names() == ["one", "two"], "both came")
    (one,) = proxy.watches(namespace)
    assert (one.events, one.silent) == (2, False)
    assert proxy.cut(namespace) == 1
    wait_for(lambda: watching.ended, "the watch was cut")
    wait_for(lambda: not proxy.watches(namespace), "it is known to be gone")
    other = watch()
    assert proxy.end(namespace) == 1
    wait_for(lambda: other.ended == "ended", "the other one ended well")


def test_a_watchs_events_are_held_lost_cut_and_silenced(
    through: Cluster, namespace: str, watch: Callable[[], Watching], proxy: FaultProxy
) -> None:
    watching = watch()
    create = partial(through.create, secret_path(namespace))
    held = proxy.fail("hold", watch=True)
    create(a_secret("held"))
    lost = proxy.fail("lose", path=namespace, skip=1, times=1)
    create(a_secret("lost"))
    assert watching.lines == []
    proxy.fix(held)
    wait_for(lambda: watching.names() == ["held"], "what was held came")
    create(a_secret("seen"))
    wait_for(lambda: watching.names() == ["held", "seen"], "one was lost")
    proxy.fix(lost)
    assert proxy.silence(namespace) == 1
    create(a_secret("unheard"))
    proxy.cut(namespace)
    wait_for(lambda: watching.ended, "the silent one can be cut")
    assert watching.names() == ["held", "seen"]
    other = watch()
    proxy.fail("truncate", watch=True, after_bytes=20)
    create(a_secret("half"))
    wait_for(lambda: other.ended, "it was cut in the middle of an event")
    assert "".join(other.lines) in ("", other.lines[0])
    assert all(len(line) <= 20 for line in other.lines)


@pytest.mark.parametrize("bad", [{"do": "explode"}, {"do": "drop", "path": "("}, {"do": "drop", "colour": 1}], ids=str)
def test_a_rule_that_makes_no_sense_is_refused(proxy: FaultProxy, bad: dict[str, Any]) -> None:
    with pytest.raises(FaultProxyError, match="400"):
        proxy._ask("POST", "rules", dict[str, object], body=bad)  # noqa: SLF001 - what no method would send


def test_another_clients_token_passes(
    operator_kubeconfig: Path, proxy: FaultProxy, namespace: str, tmp_path: Path
) -> None:
    with (
        Cluster(proxy.pointed(operator_kubeconfig, tmp_path / "pointed")) as operator,
        pytest.raises(Refused, match="403"),
    ):
        operator.create("/api/v1/namespaces", {"metadata": {"name": "not-allowed"}})


def test_a_client_certificate_stays_with_the_proxy(tmp_path: Path) -> None:
    with ControlPlane.start(ensure_binaries(LineReporter()), tmp_path / "plane") as plane:
        certified = plane.kubeconfig_for("someone", ["system:masters"])
        with start_fault_proxy(certified) as proxy:
            assert "client-key" not in proxy.kubeconfig.read_text()
            with Cluster(proxy.kubeconfig) as cluster:
                assert cluster.items("/api/v1/namespaces")
                cluster._headers["Authorization"] = "Bearer guess"  # noqa: SLF001
                with pytest.raises(Refused, match="401"):
                    cluster.items("/api/v1/namespaces")
                del cluster._headers["Authorization"]  # noqa: SLF001
                with pytest.raises(Refused, match="401"):
                    cluster.items("/api/v1/namespaces")


def test_its_certificate_is_its_own(proxy: FaultProxy, through: Cluster, kubeconfig: Path) -> None:
    with Cluster(kubeconfig) as other:
        other._address = through._address  # noqa: SLF001
        with pytest.raises(ssl.SSLCertVerificationError):
            other.items("/api/v1/namespaces")


def test_a_kubeconfig_that_is_none_is_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "kubeconfig").write_text("a: b\n")
    with pytest.raises(FaultProxyError), start_fault_proxy(tmp_path / "kubeconfig"):
        pass
    assert len(capfd.readouterr().err.splitlines()) == 1
