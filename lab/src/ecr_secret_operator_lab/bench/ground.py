"""What the benchmark stands on: a real control plane, a fake AWS at a real one's distance, and operators to start."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from ..cluster import Cluster, Object, secret_path
from ..controlplane import Binaries, ControlPlane
from ..fakeaws import FakeAws, start_fake_aws
from ..operator import OperatorProcess
from ..permissions import operator_kubeconfig, write_manifests
from ..runs import end_group
from ..tether import tethered
from .measured import Measured

PEER_VARIABLE = "PEER_CMD"
AWS_SECONDS = 0.06
"""What a call to ECR takes from the same region."""

_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
_GRACE_SECONDS = 30.0
_WRITE = re.compile(r'apiserver_request_total\{[^}]*resource="(?:secrets|events)"[^}]*verb="(\w+)"[^}]*\} (\S+)')
_READS = {"GET", "LIST", "WATCH", "CONNECT"}

Starter = Callable[[], AbstractContextManager[Measured]]
"""Starts an operator, and stops it at the end."""


class Ground:
    """A control plane of its own with a fake AWS. Use it as a context manager.

    Args:
        binaries: of the control plane.
        concurrency: reconciles at a time.

    Attributes:
        plane: etcd, kube-apiserver and kube-controller-manager.
        cluster: a client of the API server with the permissions of an administrator.
        aws: the fake AWS, with its record of calls.
        operator_kubeconfig: of the operator's ServiceAccount.
    """

    plane: ControlPlane
    cluster: Cluster
    aws: FakeAws
    operator_kubeconfig: Path

    def __init__(self, binaries: Binaries, *, concurrency: int) -> None:
        self.concurrency = concurrency
        self._binaries = binaries
        self._stack = ExitStack()
        self._scratch = Path()
        self._started = 0

    def __enter__(self) -> Ground:
        with self._stack:
            enter = self._stack.enter_context
            self._scratch = Path(enter(tempfile.TemporaryDirectory(prefix="ecr-secret-operator-bench-")))
            manifests = write_manifests(self._scratch)
            self.plane = enter(ControlPlane.start(self._binaries, manifests=manifests))
            self.cluster = enter(Cluster(self.plane.kubeconfig))
            self.aws = enter(start_fake_aws())
            self.aws.settings(latency_seconds=AWS_SECONDS)
            self.operator_kubeconfig = operator_kubeconfig(self.plane)
            self._stack = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @contextmanager
    def ours(self) -> Iterator[Measured]:
        """The installed operator, as its ServiceAccount."""
        log, started_at = self._log("operator"), time.perf_counter()
        args = ("--concurrency", str(self.concurrency))
        with OperatorProcess(
            environment=self.aws.environment(), log=log, kubeconfig=self.operator_kubeconfig, args=args
        ) as operator:
            yield Measured(operator.process, log, started_at=started_at, tells=True)

    @contextmanager
    def peer(self) -> Iterator[Measured]:
        """The operator that PEER_CMD names, as the administrator: what permissions it needs is its own affair."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        environment = {**inherited, **self.aws.environment(), "KUBECONFIG": str(self.plane.kubeconfig)}
        log, started_at = self._log("peer"), time.perf_counter()
        command = tethered(shlex.split(os.environ[PEER_VARIABLE]))
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0
            )
        try:
            yield Measured(process, log, started_at=started_at, tells=False)
        finally:
            end_group(process, _GRACE_SECONDS)

    def _log(self, name: str) -> Path:
        self._started += 1
        return self._scratch / f"{name}-{self._started}.log"

    def secret(self, namespace: str, name: str) -> Object | None:
        """A core/v1 Secret; None when there is none."""
        return self.cluster.get(secret_path(namespace, name))

    def last_call(self) -> int:
        """The number of the latest call to AWS; 0 when there was none."""
        calls = self.aws.calls()
        return calls[-1].number if calls else 0

    def writes(self) -> int:
        """How many writes of Secrets, resources, their status and events the API server has counted, from all."""
        text = self.plane.kubectl("get", "--raw", "/metrics").stdout
        return sum(int(float(count)) for verb, count in _WRITE.findall(text) if verb not in _READS)
