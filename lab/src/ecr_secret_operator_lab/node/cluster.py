"""A cluster with a real node: Pods are scheduled, their images are pulled, and their containers run."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Self

from ..cluster import Cluster, condition
from ..controlplane import Binaries, ControlPlane, ControlPlaneError
from ..controlplane.components import CLIENT_CERTIFICATE, CLIENT_KEY
from ..controlplane.processes import Command
from ..controlplane.surroundings import Surroundings
from . import components
from .enclosure import PORTS_FILE, launcher
from .images import busybox, write_image
from .inside import ADDRESS, NAME, PLACE
from .parts import KUBELET, Parts

SERVICE_ADDRESS = "10.96.0.1"
REGISTRY_CA = "registry-ca.crt"
PUBLISHED = 5
"""Two ports each for etcd and the API server, and one for what the caller runs in the enclosure."""

API_SERVER_HOSTS = ("kubernetes", "kubernetes.default", "kubernetes.default.svc")
API_SERVER: Mapping[str, str | None] = {
    "bind-address": "0.0.0.0",  # noqa: S104 - all addresses of the enclosure, which no other machine reaches
    "advertise-address": ADDRESS,
    "endpoint-reconciler-type": None,
    "authorization-mode": "Node,RBAC",
    "disable-admission-plugins": None,
    "enable-admission-plugins": "NodeRestriction",
    "kubelet-client-certificate": f"{{directory}}/{CLIENT_CERTIFICATE}",
    "kubelet-client-key": f"{{directory}}/{CLIENT_KEY}",
    "kubelet-preferred-address-types": "InternalIP",
}
CONTROLLER_MANAGER: Mapping[str, str | None] = {"controllers": "*", "root-ca-file": "{directory}/ca.crt"}


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryAccess:
    """How containerd finds a registry that has a proxy on this machine.

    Attributes:
        proxy_port: of the proxy, on the loopback address.
        ca: file with the certificate of the authority that signed the registry's.
    """

    proxy_port: int
    ca: Path


class NodeCluster:
    """A control plane and a node in an enclosure of their own. Make one with `start`, and `stop` it.

    Attributes:
        plane: the control plane; it is used from outside as any other.
        parts: what the node consists of.
    """

    def __init__(self, plane: ControlPlane, parts: Parts) -> None:
        self.plane = plane
        self.parts = parts
        self._ready: dict[str, tuple[Command, Callable[[], bool]]] = {}

    @classmethod
    def start(
        cls,
        binaries: Binaries,
        parts: Parts,
        *,
        manifests: Sequence[Path] = (),
        reached: Sequence[int] = (),
        registry: RegistryAccess | None = None,
        audited: Sequence[str] = (),
    ) -> Self:
        """Starts a cluster and returns when its node is ready.

        Args:
            binaries: the control plane's programs.
            parts: the node's, from `ensure_node`.
            manifests: created before the controllers start.
            reached: ports of this machine's loopback address that are to be found at the same port of all addresses in
                the enclosure, so by Pods at `ADDRESS`.
            registry: from which Pods' images can be pulled, beside those that the node has.
            audited: users whose requests are written to the audit log, without their bodies; empty for none.

        Raises:
            ControlPlaneError: a process ended early, or something was not ready in time.
        """
        ports = [*reached, *([registry.proxy_port] if registry else [])]
        surroundings = _surroundings(parts, ports)
        plane = ControlPlane.start(binaries, manifests=manifests, audited=audited, surroundings=surroundings)
        try:
            cluster = cls(plane, parts)
            cluster._start_node(registry)
        except BaseException:
            plane.stop()
            raise
        return cluster

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends everything and removes what it made."""
        self.plane.stop()

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Ends the kubelet or containerd, and starts it again at the end. Containers go on.

        Args:
            name: `KUBELET` or `CONTAINERD`.

        Raises:
            ControlPlaneError: it was not ready again in time.
        """
        self.plane.end(name)
        try:
            yield
        finally:
            self.plane.run_until(*self._ready[name])

    def run(self, *argv: str) -> None:
        """Runs one of the programs of the node's root directory to its end, in the node's namespaces.

        Raises:
            ControlPlaneError: it failed, or did not end in time.
        """
        self.plane.run_once(components.on_the_node(self.plane.directory, argv[0], argv))

    def import_image(self, archive: Path) -> None:
        """Gives the node an image, by an archive in the cluster's directory.

        Raises:
            ControlPlaneError: containerd does not take it.
        """
        self.plane.run_once(components.ctr(self.plane.directory, "import", "images", "import", str(_seen(archive))))

    def start_dns(self) -> None:
        """Starts the cluster's DNS, which few tests need: names of Services lead to their addresses."""
        self.plane.run(components.dns(self.plane.kubeconfig))

    def _start_node(self, registry: RegistryAccess | None) -> None:
        directory, start = self.plane.directory, self.plane.run_until
        environment = {}
        if registry is not None:
            shutil.copyfile(registry.ca, directory / REGISTRY_CA)
            proxy = f"http://127.0.0.1:{registry.proxy_port}"
            environment = {"HTTPS_PROXY": proxy, "SSL_CERT_FILE": str(PLACE / REGISTRY_CA)}
        containerd = components.containerd(directory, registry=environment)
        self._ready[components.CONTAINERD] = containerd, self._containerd_answers
        start(containerd, self._containerd_answers)
        self._import_images()
        self.plane.run(components.kube_scheduler(self.parts, self.plane.kubeconfig))
        user = self.plane.kubeconfig_for("system:kube-proxy")
        self.plane.run(components.kube_proxy(directory, kubeconfig=user))
        user = self.plane.kubeconfig_for(f"system:node:{NAME}", ["system:nodes"])
        kubelet = components.kubelet(directory, kubeconfig=user)
        self._ready[KUBELET] = kubelet, self._is_ready
        start(kubelet, self._is_ready)

    def _containerd_answers(self) -> bool:
        with suppress(ControlPlaneError):
            self.plane.run_once(components.ctr(self.plane.directory, "version", "version"))
            return True
        return False

    def _is_ready(self) -> bool:
        with Cluster(self.plane.kubeconfig) as cluster:
            return condition(cluster.get(f"/api/v1/nodes/{NAME}"), "Ready").get("status") == "True"

    def _import_images(self) -> None:
        program = self.parts.busybox
        pause = busybox(program, command=("/bin/tail", "-f", "/dev/null"))
        for name, contents in ((components.PAUSE, pause), (components.BUSYBOX, busybox(program))):
            self.import_image(write_image(self.plane.directory / "image.tar", name, contents))


def has_node(directory: Path) -> bool:
    """Whether a control plane's directory is that of a cluster with a node."""
    return (directory / PORTS_FILE).is_file()


def free_port(directory: Path) -> int:
    """A port of this machine's loopback address that leads to the same port in the enclosure, where nothing listens."""
    return int(json.loads((directory / PORTS_FILE).read_text())[-1])


def _seen(path: Path) -> Path:
    """A file of the supervisor's directory, as the node's programs have it."""
    return Path(PLACE / path.name)


def _surroundings(parts: Parts, reached: Sequence[int]) -> Surroundings:
    return Surroundings(
        launcher=launcher(parts.system, list(parts.programs.values()), published=PUBLISHED, reached=reached),
        ports=_published,
        hosts=API_SERVER_HOSTS,
        addresses=(ADDRESS, SERVICE_ADDRESS),
        api_server=API_SERVER,
        controller_manager=CONTROLLER_MANAGER,
    )


def _published(directory: Path) -> Callable[[int], Sequence[int]]:
    """The published ports, some at a time. In the enclosure, no other process can take them."""
    numbers = iter(json.loads((directory / PORTS_FILE).read_text()))
    return lambda count: list(islice(numbers, count))
