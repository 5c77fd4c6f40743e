"""The operator as a process: how it starts, hands over, ends, and what it says when it cannot start."""

from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest
import yaml

from ecr_secret_operator_lab import operator as lab_operator
from ecr_secret_operator_lab.cluster import Cluster
from ecr_secret_operator_lab.controlplane import ControlPlane, LineReporter, ensure_binaries
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.operator import OperatorProcess, free_port
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import DEPLOY, StartOperator
from .resources import a_resource, apply, wait_ready

LEADER = "ecr_secret_operator_leader"
LEASE = "bc9c1120.mobb.redhat.com"


def _ends_with_one_line(operator: OperatorProcess) -> str:
    assert operator.process.wait(120) == 1
    (line,) = operator.output().splitlines()
    assert line.startswith("Error: ")
    return line


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "does not exist"),
        ("", "cannot be used"),
        ("{", "cannot be used"),
        ("[1, 2]", "cannot be used"),
        ("apiVersion: v1\nkind: Config\ncurrent-context: nowhere\n", "cannot be used"),
    ],
    ids=["missing", "empty", "not yaml", "not a mapping", "no such context"],
)
def test_a_bad_kubeconfig_is_one_line(tmp_path: Path, content: str | None, words: str) -> None:
    file = tmp_path / "kubeconfig"
    if content is not None:
        file.write_text(content)
    operator = OperatorProcess(environment={}, log=tmp_path / "log", kubeconfig=file)
    line = _ends_with_one_line(operator)
    assert words in line
    assert str(file) in line


def test_an_api_server_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: x\n"
        "contexts: [{name: x, context: {cluster: x, user: x}}]\nusers: [{name: x, user: {token: t}}]\n"
        f"clusters: [{{name: x, cluster: {{server: 'https://127.0.0.1:{free_port()}'}}}}]\n"
    )
    line = _ends_with_one_line(OperatorProcess(environment={}, log=tmp_path / "log", kubeconfig=file))
    assert "cannot be reached" in line


def test_credentials_that_the_api_server_refuses_are_one_line(operator_kubeconfig: Path, tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    with Cluster(operator_kubeconfig) as cluster:
        token = cluster._headers["Authorization"].removeprefix("Bearer ")  # noqa: SLF001 - to spoil it
    file.write_text(operator_kubeconfig.read_text().replace(token, "wrong"))
    line = _ends_with_one_line(OperatorProcess(environment={}, log=tmp_path / "log", kubeconfig=file))
    assert "refused the operator's credentials" in line


def test_missing_definitions_are_one_line_with_the_command_that_mends_it(tmp_path: Path) -> None:
    with ControlPlane.start(ensure_binaries(LineReporter())) as plane:
        line = _ends_with_one_line(OperatorProcess(environment={}, log=tmp_path / "log", kubeconfig=plane.kubeconfig))
    assert "secrets.ecr.mobb.redhat.com" in line
    assert "ecr-secret-operator crds | kubectl apply" in line


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_and_well(operator: OperatorProcess, number: signal.Signals) -> None:
    assert operator.stop(number) == 0, "stop() gives it 10 s, and kills it then"


def test_it_stops_while_aws_hangs(cluster: Cluster, namespace: str, operator: OperatorProcess, aws: FakeAws) -> None:
    aws.fail("hang")
    apply(cluster, namespace, a_resource())
    aws.wait_for_calls(1)
    assert operator.stop() == 0, "though botocore waits in a thread for longer"


@pytest.fixture
def lease_namespace(cluster: Cluster, namespace: str) -> str:
    """The test's namespace, with the operator's permissions for Leases: each test needs a Lease of its own."""
    for manifest in yaml.safe_load_all((DEPLOY / "rbac" / "cluster" / "3-leader-election.yaml").read_text()):
        manifest["metadata"]["namespace"] = namespace
        plural = f"{manifest['kind'].lower()}s"
        cluster.create(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/{plural}", manifest)
    return namespace


def _lead(start: StartOperator, namespace: str) -> OperatorProcess:
    return start("--leader-elect", "--leader-election-namespace", namespace)


def test_the_second_takes_over_when_the_first_is_stopped(
    cluster: Cluster, lease_namespace: str, start_operator: StartOperator
) -> None:
    first = _lead(start_operator, lease_namespace)
    wait_for(lambda: first.metric(LEADER) == 1, "the first leads")
    second = _lead(start_operator, lease_namespace)
    apply(cluster, lease_namespace, a_resource(name="one"))
    wait_ready(cluster, lease_namespace, "one")
    assert second.metric(LEADER) == 0
    assert second.metric("ecr_secret_operator_reconciles_total") == 0
    assert first.stop() == 0
    apply(cluster, lease_namespace, a_resource(name="two"))
    wait_ready(cluster, lease_namespace, "two", within=8)
    assert second.metric(LEADER) == 1
    lease = cluster.get(f"/apis/coordination.k8s.io/v1/namespaces/{lease_namespace}/leases/{LEASE}")
    assert lease
    assert lease["spec"]["leaseTransitions"] >= 1


def test_the_second_takes_over_when_the_first_is_killed(
    cluster: Cluster, lease_namespace: str, start_operator: StartOperator
) -> None:
    first = _lead(start_operator, lease_namespace)
    wait_for(lambda: first.metric(LEADER) == 1, "the first leads")
    second = _lead(start_operator, lease_namespace)
    first.kill()
    apply(cluster, lease_namespace, a_resource())
    wait_ready(cluster, lease_namespace, within=30)
    assert second.metric(LEADER) == 1


def test_a_leader_whose_lease_is_taken_ends_with_one_line(
    cluster: Cluster, lease_namespace: str, start_operator: StartOperator
) -> None:
    leader = _lead(start_operator, lease_namespace)
    wait_for(lambda: leader.metric(LEADER) == 1, "it leads")
    path = f"/apis/coordination.k8s.io/v1/namespaces/{lease_namespace}/leases/{LEASE}"
    now = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())
    cluster.patch(path, {"spec": {"holderIdentity": "somebody-else", "renewTime": now, "leaseDurationSeconds": 60}})
    assert leader.process.wait(20) == 1
    assert leader.output().splitlines()[-1].startswith("Error: leadership was lost")


def test_the_laboratory_starts_an_operator_anew_whose_port_was_taken(
    start_operator: StartOperator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = [free_port(), taken.getsockname()[1]]
        monkeypatch.setattr(lab_operator, "free_port", ports.pop)
        operator = start_operator()
    assert not ports
    assert operator.probe("/readyz")[0] == 200
