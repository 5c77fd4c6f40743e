"""Starts Argo CD and ends it. It needs a control plane, which it does not start, 5 s, and 200 MiB of memory."""

from __future__ import annotations

import socket
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..cluster import Cluster
from ..controlplane import Command
from ..controlplane.components import free_ports
from ..controlplane.pki import LOOPBACK
from ..controlplane.processes import Supervisor
from ..runs import tail
from . import commands
from .objects import install
from .parts import Parts

NAMESPACE = "openshift-gitops"
START_SECONDS = 120.0
ANSWER_SECONDS = 5.0
POLL_SECONDS = 0.1
PORT_ATTEMPTS = 5
PORT_TAKEN = ("address already in use", "bind: Address already in use")

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ArgoCdError(Exception):
    """A part of Argo CD did not start; the text is the end of its log."""


class _PortTaken(Exception):
    """Another process took a port; try other ports."""


@dataclass(frozen=True, slots=True)
class ArgoCd:
    """A running Argo CD.

    Attributes:
        namespace: its own: where its repository Secrets and Applications are.
        directory: a log of each process, `NAME.log`, and all that they write.
    """

    namespace: str
    directory: Path

    def log(self, name: str) -> str:
        """Everything that one of its processes wrote."""
        return (self.directory / f"{name}.log").read_text(errors="replace")


@contextmanager
def start_argocd(
    kubeconfig: Path,
    parts: Parts,
    *,
    registry: Mapping[str, str],
    namespace: str = NAMESPACE,
) -> Iterator[ArgoCd]:
    """Starts Argo CD, gives it when its parts answer, and ends it with all that it wrote on this machine.

    What it made in the cluster stays there.

    Args:
        kubeconfig: of an administrator. Argo CD is one too, as its own installation makes it.
        parts: what it consists of, from `ensure_argocd`.
        registry: environment variables by which a Go program reaches the registry: HTTPS_PROXY, SSL_CERT_FILE.
        namespace: its own; OpenShift GitOps has `openshift-gitops`, others `argocd`.

    Raises:
        ArgoCdError: a part did not start.
        Refused: the cluster does not take its objects.
    """
    with Cluster(kubeconfig) as cluster:
        install(cluster, namespace, parts.definitions)
    supervisor = Supervisor.start()
    try:
        _start(supervisor, kubeconfig, parts, registry, namespace)
        yield ArgoCd(namespace, supervisor.directory)
    finally:
        supervisor.stop()


def _start(supervisor: Supervisor, kubeconfig: Path, parts: Parts, registry: Mapping[str, str], namespace: str) -> None:
    directory, deadline = supervisor.directory, time.monotonic() + START_SECONDS

    def redis(port: int, _: int) -> None:
        _run_until(supervisor, commands.redis(parts, port=port), lambda: _listens(port), deadline)

    def repo_server(port: int, metrics_port: int) -> None:
        command = commands.repo_server(
            parts, directory, registry, port=port, metrics_port=metrics_port, redis_port=redis_port
        )
        _run_until(supervisor, command, lambda: _answers(metrics_port, "/healthz?full=true"), deadline)

    def controller(metrics_port: int, _: int) -> None:
        command = commands.controller(
            parts,
            directory,
            kubeconfig,
            namespace=namespace,
            repo_server_port=repo_server_port,
            metrics_port=metrics_port,
            redis_port=redis_port,
        )
        _run_until(supervisor, command, lambda: _answers(metrics_port, "/healthz"), deadline)

    redis_port = _on_free_ports(redis)
    repo_server_port = _on_free_ports(repo_server)
    _on_free_ports(controller)


def _run_until(supervisor: Supervisor, command: Command, ready: Callable[[], bool], deadline: float) -> None:
    supervisor.run(command)
    log = supervisor.log(command.name)
    while not ready():
        code = supervisor.exits()[command.name]
        if code is not None:
            supervisor.end(command.name)
            said = tail(log)
            if any(words in said for words in PORT_TAKEN):
                raise _PortTaken
            raise ArgoCdError(f"{command.name} ended with {code}:\n{said}")
        if time.monotonic() > deadline:
            raise ArgoCdError(f"{command.name} was not ready within {START_SECONDS:.0f} s:\n{tail(log)}")
        time.sleep(POLL_SECONDS)


def _on_free_ports(start: Callable[[int, int], None]) -> int:
    for _ in range(PORT_ATTEMPTS):
        port, other = free_ports(2)
        try:
            start(port, other)
        except _PortTaken:
            continue
        return port
    raise ArgoCdError("each port that was free was taken by another process before it could be used")


def _listens(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=ANSWER_SECONDS).close()
    except OSError:
        return False
    return True


def _answers(port: int, path: str) -> bool:
    try:
        with _opener.open(f"http://{LOOPBACK}:{port}{path}", timeout=ANSWER_SECONDS) as response:
            return bool(response.status == 200)  # noqa: PLR2004 - OK
    except OSError:
        return False
