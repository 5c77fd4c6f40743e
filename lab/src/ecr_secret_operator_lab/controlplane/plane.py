"""A real control plane on this machine: etcd, kube-apiserver, kube-controller-manager, for tests, the demo and `dev`.

What runs against it runs against Kubernetes: nothing here imitates anything. It starts in about three seconds, lives in
a scratch directory, listens on loopback only, and never outlives its starter unless told to.
"""

import os
import secrets
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from ..runs import tail
from . import components
from .binaries import Binaries
from .errors import ControlPlaneError
from .kubeconfig import certificate_user, token_user, write_kubeconfig
from .pki import LOOPBACK, Authority
from .probes import ApiServerProbe, etcd_is, etcd_request
from .processes import Command, Supervisor
from .surroundings import THIS_MACHINE, Surroundings

START_SECONDS = 60.0
POLL_SECONDS = 0.02
PORT_ATTEMPTS = 5
ADMIN = "admin"
DAY = "24h"
DEFAULT_NAMESPACE = "/api/v1/namespaces/default"
DEFAULT_SERVICE_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"
PORT_TAKEN = "address already in use"


class _PortTaken(Exception):
    """Another process took the port; try another port."""


class ControlPlane:
    """A running control plane. Make one with `ControlPlane.start`, use it as a context manager or `stop` it.

    Attributes:
        binaries: the programs that it consists of.
        directory: keys, kubeconfig files, and a log of each process.
        kubeconfig: of an administrator.
        server: the API server's URL.
        ca_file: the certificate of the CA that the API server's is signed by.
        admin_token: the administrator's bearer token.
        etcd_port: of etcd's HTTP API, without authentication.
        audit_log: where the API server writes a JSON object a line for each request of the users in `audited`.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        binaries: Binaries,
        audited: Sequence[str] = (),
        surroundings: Surroundings = THIS_MACHINE,
    ) -> None:
        self._supervisor = supervisor
        self._surroundings = surroundings
        self._ports = surroundings.ports(supervisor.directory)
        self._deadline = time.monotonic() + START_SECONDS
        self._authority = Authority.create()
        self.binaries = binaries
        self.directory = supervisor.directory
        self.admin_token = secrets.token_urlsafe(32)
        self._files = components.write_files(
            self.directory,
            self._authority,
            admin=ADMIN,
            token=self.admin_token,
            hosts=surroundings.hosts,
            addresses=surroundings.addresses,
        )
        self.ca_file = self._files.ca
        self.audit_log = self.directory / "audit.log"
        self._audited = audited
        self.etcd_port = self._start_etcd()
        self._port = self._start_api_server()
        self.server = f"https://{LOOPBACK}:{self._port}"
        self.kubeconfig = self._write_kubeconfig(ADMIN, token_user(self.admin_token))

    @classmethod
    def start(
        cls,
        binaries: Binaries,
        directory: Path | None = None,
        *,
        manifests: Sequence[Path] = (),
        audited: Sequence[str] = (),
        surroundings: Surroundings = THIS_MACHINE,
    ) -> Self:
        """Starts a control plane and returns when it is ready.

        Args:
            binaries: the programs, from `ensure_binaries`.
            directory: for its files, kept at the end; None for a scratch directory that goes away with it.
            manifests: files or directories to create before the controllers start. CustomResourceDefinitions belong
                here: the garbage collector notices kinds that appear later only after up to 30 seconds.
            audited: users whose requests are written to the audit log, without their bodies; empty for none.
            surroundings: where it runs.

        Raises:
            ControlPlaneError: a process ended early, or it was not ready in time.
        """
        supervisor = Supervisor.start(directory, launcher=surroundings.launcher)
        try:
            plane = cls(supervisor, binaries, audited, surroundings)
            plane._create(manifests)
            plane._start_controllers()
        except BaseException:
            supervisor.stop()
            raise
        return plane

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The supervisor's process id; on SIGTERM it ends everything."""
        return self._supervisor.pid

    def stop(self) -> None:
        """Ends every process; removes the scratch directory. Does nothing after `detach`, nor the second time."""
        self._supervisor.stop()

    def detach(self) -> None:
        """Lets everything outlive this process. See the module `detached`."""
        self._supervisor.detach()

    def run(self, command: Command) -> int:
        """Runs one more program under the same supervision and returns its process id."""
        return self._supervisor.run(command)

    def run_once(self, command: Command) -> None:
        """Runs a program to its end.

        Raises:
            ControlPlaneError: it failed, or did not end in time.
        """
        self._supervisor.run(command)
        deadline = time.monotonic() + START_SECONDS
        while (code := self._supervisor.exits()[command.name]) is None:
            if time.monotonic() > deadline:
                raise ControlPlaneError(f"{command.name} did not end within {START_SECONDS:.0f} s")
            time.sleep(POLL_SECONDS)
        self._supervisor.end(command.name)
        if code != 0:
            raise self._ended(command.name, code)

    def end(self, name: str) -> None:
        """Ends one of the programs that `run` or `run_until` started, by the name of its command."""
        self._supervisor.end(name)

    def restart_api_server(self) -> None:
        """Ends the API server as a crash would, has it come back under its address, and waits until it is ready."""
        with self.without_api_server():
            pass

    @contextmanager
    def without_api_server(self) -> Iterator[None]:
        """Ends the API server, and starts it again at the end: on the same port, with the same keys and store.

        Raises:
            ControlPlaneError: it was not ready again in time.
        """
        self._supervisor.end(components.API_SERVER)
        try:
            yield
        finally:
            self._deadline = time.monotonic() + START_SECONDS
            self._run_api_server(self._port)

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Stops one of the programs where it is, as a machine without a processor to spare does; it then goes on.

        Args:
            name: `etcd` or `kube-apiserver`.
        """
        self._supervisor.signal(name, signal.SIGSTOP)
        try:
            yield
        finally:
            self._supervisor.signal(name, signal.SIGCONT)

    def compact(self) -> int:
        """Has etcd forget all but the present, and gives its revision: what was before cannot be watched any more.

        The API server remembers some of it by itself, until it is started again.
        """
        revision: int = etcd_request(self.etcd_port, "kv/range", {"key": "AA=="})["header"]["revision"]
        etcd_request(self.etcd_port, "kv/compaction", {"revision": revision, "physical": True})
        return int(revision)

    def kubectl(
        self,
        *args: str,
        input: str | None = None,  # noqa: A002 - as subprocess.run names it
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Runs kubectl as the administrator; nothing of the user's own kubectl set-up has a say.

        Raises:
            ControlPlaneError: kubectl failed, and `check` is set. The text is what it said.
        """
        own = [f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.directory / 'kubectl-cache'}"]
        done = subprocess.run(
            [str(self.binaries.kubectl), *own, *args],
            env=os.environ | {"KUBERC": "off"},
            input=input or "",
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode != 0:
            raise ControlPlaneError(f"kubectl {' '.join(args)}: {done.stderr.strip()}")
        return done

    def kubeconfig_for(self, user: str, groups: Iterable[str] = ()) -> Path:
        """Writes a kubeconfig that makes its user someone else, with the permissions that RBAC gives that one."""
        return self._write_kubeconfig(user, certificate_user(self._authority.client(user, groups)))

    def service_account_kubeconfig(self, namespace: str, name: str, directory: Path | None = None) -> Path:
        """Writes a kubeconfig with a token of a ServiceAccount, good for a day, and its namespace as the default.

        Raises:
            ControlPlaneError: there is no such ServiceAccount.
        """
        done = self.kubectl("create", "token", name, f"--namespace={namespace}", f"--duration={DAY}")
        user = f"system:serviceaccount:{namespace}:{name}"
        return self._write_kubeconfig(user, token_user(done.stdout.strip()), directory=directory, namespace=namespace)

    def _write_kubeconfig(
        self, user: str, credentials: dict[str, str], *, directory: Path | None = None, namespace: str = ""
    ) -> Path:
        file_name = user.replace("/", "-").replace(":", "-") + ".kubeconfig"
        return write_kubeconfig(
            (directory or self.directory) / file_name,
            server=self.server,
            ca=self._authority.pem,
            user=user,
            credentials=credentials,
            namespace=namespace,
        )

    def _start_etcd(self) -> int:
        member = f"member-{secrets.token_hex(8)}"

        def start(port: int, peer_port: int) -> None:
            command = components.etcd(self.binaries, self.directory, member=member, port=port, peer_port=peer_port)
            self.run_until(command, lambda: etcd_is(member, port))

        return _on_ports(self._ports, start)

    def _start_api_server(self) -> int:
        return _on_ports(self._ports, lambda port, _: self._run_api_server(port))

    def _run_api_server(self, port: int) -> None:
        command = components.api_server(
            self.binaries,
            self._files,
            self.directory,
            port=port,
            etcd_port=self.etcd_port,
            changes=self._surroundings.api_server,
        )
        if self._audited:
            command = components.audited(command, self.directory, self._audited, self.audit_log)
        probe = ApiServerProbe(port, ca=self.ca_file, token=self.admin_token)
        self.run_until(command, lambda: probe.has("/readyz") and probe.has(DEFAULT_NAMESPACE))

    def _create(self, manifests: Sequence[Path]) -> None:
        if manifests:
            self.kubectl("create", *(f"--filename={path}" for path in manifests))
            self.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")

    def _start_controllers(self) -> None:
        """The default ServiceAccount is the controllers' own work: once it is there, they are."""
        changes = self._surroundings.controller_manager
        command = components.controller_manager(self.binaries, self.kubeconfig, changes=changes)
        probe = ApiServerProbe(self._port, ca=self.ca_file, token=self.admin_token)
        self.run_until(command, lambda: probe.has(DEFAULT_SERVICE_ACCOUNT))

    def run_until(self, command: Command, ready: Callable[[], object]) -> None:
        """Runs one more program, and waits until it is ready.

        Raises:
            ControlPlaneError: a program ended, or this one was not ready in time.
        """
        self._deadline = time.monotonic() + START_SECONDS
        self._supervisor.run(command)
        while not ready():
            for name, code in self._supervisor.exits().items():
                if code is not None:
                    raise self._ended(name, code)
            if time.monotonic() > self._deadline:
                log = tail(self._supervisor.log(command.name))
                raise ControlPlaneError(f"{command.name} was not ready within {START_SECONDS:.0f} s:\n{log}")
            time.sleep(POLL_SECONDS)

    def _ended(self, name: str, code: int) -> Exception:
        log = tail(self._supervisor.log(name))
        if PORT_TAKEN in log:
            return _PortTaken()
        return ControlPlaneError(f"{name} ended with {code}:\n{log}")


def _on_ports(ports: Callable[[int], Sequence[int]], start: Callable[[int, int], None]) -> int:
    for _ in range(PORT_ATTEMPTS):
        port, other = ports(2)
        try:
            start(port, other)
        except _PortTaken:
            continue
        return port
    raise ControlPlaneError("each port that was free was taken by another process before it could be used")
