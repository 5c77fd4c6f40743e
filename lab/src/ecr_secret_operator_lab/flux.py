"""A real Flux source-controller on this machine, against any cluster of the lab: what pulls for Flux, and by itself."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import yaml

from .cluster import Cluster, Refused, condition
from .controlplane import Command
from .controlplane.components import free_ports
from .controlplane.pki import LOOPBACK
from .controlplane.processes import Supervisor
from .programs import ensure_programs
from .programs.sources import ensure_files
from .programs.table import RECIPES
from .reporting import Reporter
from .runs import tail
from .waiting import wait_for

PROGRAM = "source-controller"
GROUP = "source.toolkit.fluxcd.io"
KINDS = ("buckets", "externalartifacts", "gitrepositories", "helmcharts", "helmrepositories", "ocirepositories")
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
START_SECONDS, ANSWER_SECONDS = 90.0, 5.0
PORT_ATTEMPTS = 5
CONFLICT = 409


class FluxError(Exception):
    """Flux did not start; the text is the end of its log."""


class _PortTaken(Exception):
    """Another process took a port; try other ports."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What Flux consists of on this machine.

    Attributes:
        program: the source-controller.
        definitions: files with one CustomResourceDefinition each.
    """

    program: Path
    definitions: Sequence[Path]


def ensure_flux(report: Reporter) -> Parts:
    """Gives the parts; obtains those that this machine does not have yet, which takes minutes, once.

    Raises:
        BinariesError: a part can be had in none of the ways.
    """
    program = ensure_programs([PROGRAM], report)[PROGRAM]
    files = [f"config/crd/bases/{GROUP}_{kind}.yaml" for kind in KINDS]
    return Parts(program, ensure_files(RECIPES[PROGRAM], files, report))


def install(cluster: Cluster, parts: Parts) -> None:
    """Makes the definitions, unless they are there. Raises Refused."""
    for file in parts.definitions:
        definition = yaml.safe_load(file.read_text())
        try:
            cluster.create(DEFINITIONS, definition)
        except Refused as refusal:
            if refusal.status != CONFLICT:
                raise
        path = f"{DEFINITIONS}/{definition['metadata']['name']}"
        wait_for(partial(_established, cluster, path), f"{file.name} is served", within=START_SECONDS)


def _established(cluster: Cluster, path: str) -> bool:
    return condition(cluster.get(path), "Established").get("status") == "True"


@contextmanager
def start_flux(kubeconfig: Path, parts: Parts, *, registry: Mapping[str, str], namespace: str) -> Iterator[Path]:
    """Starts the source-controller, gives its log, and ends it with all that it wrote on this machine.

    Args:
        kubeconfig: of an administrator. The definitions have to be there, see `install`.
        parts: from `ensure_flux`.
        registry: environment variables by which a Go program reaches the registry: HTTPS_PROXY, SSL_CERT_FILE.
        namespace: the only one that it reconciles.

    Raises:
        FluxError: it did not start.
    """
    supervisor = _started(kubeconfig, parts, registry, namespace)
    try:
        yield supervisor.log(PROGRAM)
    finally:
        supervisor.stop()


def _started(kubeconfig: Path, parts: Parts, registry: Mapping[str, str], namespace: str) -> Supervisor:
    for _ in range(PORT_ATTEMPTS):
        supervisor = Supervisor.start()
        try:
            _run(supervisor, kubeconfig, parts, registry, namespace)
        except _PortTaken:
            supervisor.stop()
        except BaseException:
            supervisor.stop()
            raise
        else:
            return supervisor
    raise FluxError("each port that was free was taken by another process before it could be used")


def _run(supervisor: Supervisor, kubeconfig: Path, parts: Parts, registry: Mapping[str, str], namespace: str) -> None:
    health, storage = free_ports(2)
    log = supervisor.log(PROGRAM)
    arguments = {
        "storage-path": str(supervisor.directory),
        "storage-addr": f"{LOOPBACK}:{storage}",
        "storage-adv-addr": f"{LOOPBACK}:{storage}",
        "health-addr": f"{LOOPBACK}:{health}",
        "metrics-addr": "0",
        "watch-all-namespaces": "false",
    }
    surroundings = {
        "KUBECONFIG": str(kubeconfig),
        "RUNTIME_NAMESPACE": namespace,
        "HOME": str(supervisor.directory),
    }
    argv = [str(parts.program), *(f"--{name}={value}" for name, value in arguments.items())]
    supervisor.run(Command(name=PROGRAM, argv=argv, env={**registry, **surroundings}))

    def ready() -> bool:
        if supervisor.exits()[PROGRAM] is not None:
            said = tail(log)
            if "address already in use" in said:
                raise _PortTaken
            raise FluxError(f"{PROGRAM} ended:\n{said}")
        return _answers(health) and _answers(storage)

    wait_for(ready, f"{PROGRAM} answers; its log: {log}", within=START_SECONDS)


def _answers(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), timeout=ANSWER_SECONDS).close()
    except OSError:
        return False
    return True
