"""Fixtures for everything that touches Kubernetes: one real control plane for the run, a namespace for each test.

A plugin, since `cluster` and `e2e` share them. The control plane is started once, by the process that the workers of
pytest-xdist belong to, and found by them through the environment. The operator is the installed command, in a process
of its own, confined to the test's namespace, with the permissions that it ships: it is never an administrator here. The
tests themselves are.
"""

from __future__ import annotations

import os
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest
import yaml

from ecr_secret_operator_lab.cluster import Cluster
from ecr_secret_operator_lab.fakeaws import FakeAws, start_fake_aws
from ecr_secret_operator_lab.faultproxy import FaultProxy, start_fault_proxy
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.permissions import SERVICE_ACCOUNT, in_force, printed

from .impatient import impatient_command

KUBECONFIG_VARIABLE = "ECR_LAB_KUBECONFIG"
OPERATOR_VARIABLE = "ECR_LAB_OPERATOR_KUBECONFIG"
DEPLOY = Path(__file__).parents[1] / "deploy"
PERMISSIONS = (DEPLOY / "rbac" / "cluster", DEPLOY / "admission")


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """Of the administrator."""
    return Path(os.environ[KUBECONFIG_VARIABLE])


@pytest.fixture(scope="session")
def operator_kubeconfig() -> Path:
    """Of the operator's ServiceAccount."""
    return Path(os.environ[OPERATOR_VARIABLE])


class Kubectl(Protocol):
    def __call__(self, *args: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture(scope="session")
def kubectl(kubeconfig: Path) -> Kubectl:
    """Runs kubectl as the administrator; its failure is for the test to judge."""

    def run(*args: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        command = [os.environ["ECR_LAB_KUBECTL"], "--kubeconfig", str(kubeconfig), *args]
        return subprocess.run(command, input=stdin or "", capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="session")
def cluster(kubeconfig: Path) -> Iterator[Cluster]:
    with Cluster(kubeconfig) as found:
        yield found


@pytest.fixture(scope="session")
def thief(operator_kubeconfig: Path) -> Iterator[Cluster]:
    """The API server, as whoever has the operator's token sees it."""
    with Cluster(operator_kubeconfig) as cluster:
        yield cluster


def with_token(kubeconfig: Path, path: Path, token: str, namespace: str = "default") -> Path:
    """A kubeconfig for the same API server, with another token."""
    config = yaml.safe_load(kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    config["contexts"][0]["context"]["namespace"] = namespace
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture(scope="session")
def shared_aws() -> Iterator[FakeAws]:
    with start_fake_aws() as aws:
        yield aws


@pytest.fixture
def aws(shared_aws: FakeAws) -> Iterator[FakeAws]:
    """A fake AWS with nothing on its record; each worker has its own."""
    shared_aws.reset()
    yield shared_aws
    shared_aws.reset()


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    return cluster.namespace(f"test-{uuid.uuid4().hex[:10]}")


class Install(Protocol):
    def __call__(self, *options: str) -> Path: ...


@pytest.fixture
def install(kubectl: Kubectl, kubeconfig: Path, namespace: str, tmp_path: Path) -> Install:
    """Gives the kubeconfig of an operator that is installed in the test's namespace, for that alone."""

    def here(*options: str) -> Path:
        manifests = printed("rbac", "--namespace", namespace, "--watch-namespace", namespace, *options)
        done = kubectl("apply", "-f", "-", stdin=manifests)
        assert done.returncode == 0, done.stderr
        token = kubectl("create", "token", SERVICE_ACCOUNT, "-n", namespace).stdout.strip()
        installed = with_token(kubeconfig, tmp_path / "installed", token, namespace)
        return in_force(installed, namespace, tokens="--without-tokens" not in options)

    return here


class StartOperator(Protocol):
    def __call__(
        self,
        *args: str,
        environment: Mapping[str, str] | None = None,
        namespaces: str | None = None,
        wait: bool = True,
        kubeconfig: Path | None = None,
        impatient: Mapping[str, float] | None = None,
    ) -> OperatorProcess: ...


@pytest.fixture
def start_operator(operator_kubeconfig: Path, namespace: str, aws: FakeAws, tmp_path: Path) -> Iterator[StartOperator]:
    """Starts operators that look at the test's namespace only, and stops them at the end."""
    with ExitStack() as stack:

        def start(
            *args: str,
            environment: Mapping[str, str] | None = None,
            namespaces: str | None = None,
            wait: bool = True,
            kubeconfig: Path | None = None,
            impatient: Mapping[str, float] | None = None,
        ) -> OperatorProcess:
            process = OperatorProcess(
                environment={
                    **aws.environment(),
                    "WATCH_NAMESPACE": namespace if namespaces is None else namespaces,
                    **(environment or {}),
                },
                log=tmp_path / f"operator-{uuid.uuid4().hex[:6]}.log",
                kubeconfig=kubeconfig or operator_kubeconfig,
                args=("--log-level", "debug", *args),
                command=impatient_command(impatient) if impatient else (),
            )
            stack.callback(process.stop)
            return process.ready() if wait else process

        yield start


@pytest.fixture
def proxy(operator_kubeconfig: Path) -> Iterator[FaultProxy]:
    """A fault proxy for the test's operator."""
    with start_fault_proxy(operator_kubeconfig) as proxy:
        yield proxy


@pytest.fixture
def operator(start_operator: StartOperator) -> OperatorProcess:
    """A running operator for the test's namespace."""
    return start_operator()


@pytest.fixture(scope="module")
def lasting(
    kubeconfig: Path, operator_kubeconfig: Path, shared_aws: FakeAws, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A namespace whose operator serves all tests of a module: each has a resource of its own."""
    with Cluster(kubeconfig) as cluster:
        namespace = cluster.namespace(f"test-{uuid.uuid4().hex[:10]}")
    environment = {**shared_aws.environment(), "WATCH_NAMESPACE": namespace}
    log = tmp_path_factory.mktemp("lasting") / "log"
    with OperatorProcess(environment=environment, log=log, kubeconfig=operator_kubeconfig).ready():
        yield namespace


@pytest.fixture
def name() -> str:
    """A name for this test's resource, where others are beside it."""
    return f"ecr-{uuid.uuid4().hex[:8]}"
