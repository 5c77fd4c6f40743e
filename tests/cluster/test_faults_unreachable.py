"""An API server that cannot be reached, or refuses the operator's credentials, for long: what the probes say."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from ecr_secret_operator_lab.cluster import Cluster, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.faultproxy import FaultProxy
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import StartOperator
from .faults import A_BUG, damage, wait_password
from .resources import a_resource, apply, password_in, wait_ready, wait_secret

SILENT, LONG_SILENT = 8.0, 20.0
"""In place of the three minutes that it ships, which would be the length of each test.

Refusals come every 15 s at the latest: if they counted as a word of the API server, 20 s would not pass without one.
"""

HEARD = "nothing has been heard from the API server"
REFUSED = "the API server refuses the operator's credentials"

AWAY: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "connections are closed": ({"do": "drop"}, HEARD),
    "nothing is answered": ({"do": "blackhole"}, HEARD),
    "it answers 503": ({"do": "answer", "status": 503}, HEARD),
    "the token has expired": ({"do": "answer", "status": 401}, REFUSED),
}


@pytest.mark.parametrize(("rule", "words"), AWAY.values(), ids=AWAY.keys())
def test_the_probes_tell_the_truth_and_all_is_well_once_it_is_back(
    cluster: Cluster,
    namespace: str,
    proxy: FaultProxy,
    start_operator: StartOperator,
    aws: FakeAws,
    rule: Mapping[str, Any],
    words: str,
) -> None:
    silent = LONG_SILENT if words == REFUSED else SILENT
    operator = start_operator(kubeconfig=proxy.kubeconfig, impatient={"silent": silent, "silence": 3, "request": 3})
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    before = password_in(wait_secret(cluster, namespace))
    away = time.monotonic()
    proxy.fail(**rule)
    proxy.silence() if rule["do"] == "blackhole" else proxy.cut()
    damage(cluster, namespace)
    apply(cluster, namespace, a_resource(name="later"))
    status, said = wait_for(lambda: _not_ready(operator), "it is not ready", within=60)
    assert time.monotonic() - away >= silent - 5, "a moment is nothing to tell of; what was heard last was before"
    assert (status, words in said) == (503, True), said
    assert operator.metric("ecr_secret_operator_ready") == 0
    assert operator.metric("ecr_secret_operator_watch_silence_seconds") >= silent
    assert operator.probe("/healthz") == (200, "ok"), "to start again would not help"
    assert operator.process.poll() is None
    proxy.fix()
    wait_for(lambda: operator.probe("/readyz")[0] == 200, "it is ready again", within=60)
    wait_for(lambda: operator.metric("ecr_secret_operator_ready") == 1, "its metrics say so")
    assert operator.metric("ecr_secret_operator_watch_silence_seconds") < silent
    wait_password(cluster, namespace, lambda password: password == before, "it is restored")
    wait_ready(cluster, namespace, "later")
    assert len(aws.calls()) == 1, "the one token serves both"
    assert operator.probe("/healthz") == (200, "ok")
    output = operator.output()
    assert A_BUG not in output
    warned = [line for line in output.splitlines() if '"level": "warning"' in line or '"level":"warning"' in line]
    if words == REFUSED:
        assert any(REFUSED in line for line in warned)
    assert len(warned) <= 30, "what lasts is logged loud once"


def _not_ready(operator: OperatorProcess) -> tuple[int, str] | None:
    assert operator.probe("/healthz")[0] == 200
    answer = operator.probe("/readyz")
    return answer if answer[0] == 503 else None


def test_a_moment_without_an_api_server_is_not_told(
    cluster: Cluster, namespace: str, proxy: FaultProxy, start_operator: StartOperator
) -> None:
    operator = start_operator(kubeconfig=proxy.kubeconfig)
    proxy.fail("answer", status=401)
    proxy.cut()
    wait_for(lambda: REFUSED in operator.output(), "it says so in its log")
    assert operator.probe("/readyz")[0] == 200
    proxy.fix()
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace, within=45)
    assert cluster.get(secret_path(namespace, "ecr-generated"))


@pytest.mark.parametrize("rule", [{"do": "drop"}, {"do": "blackhole"}, {"do": "answer", "status": 503}], ids=str)
def test_it_stops_at_once_while_the_api_server_is_away(
    cluster: Cluster, namespace: str, proxy: FaultProxy, start_operator: StartOperator, rule: Mapping[str, Any]
) -> None:
    operator = start_operator(kubeconfig=proxy.kubeconfig)
    apply(cluster, namespace, a_resource())
    wait_ready(cluster, namespace)
    proxy.fail(**rule)
    damage(cluster, namespace)
    proxy.wait_for_requests(1, method="PATCH", fault=rule["do"])
    proxy.silence() if rule["do"] == "blackhole" else proxy.cut()
    assert operator.stop() == 0, "stop() gives it 10 s, and kills it then"
