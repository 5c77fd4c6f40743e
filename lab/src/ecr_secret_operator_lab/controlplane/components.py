"""The command lines of the control plane's parts, and the files that they read. Loopback addresses only."""

import json
import socket
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from .binaries import Binaries
from .kubeconfig import write_private
from .pki import LOOPBACK, Authority, service_account_pair
from .processes import Command

ETCD, API_SERVER, CONTROLLER_MANAGER = "etcd", "kube-apiserver", "kube-controller-manager"
ADMIN_GROUP = "system:masters"
CONTROLLERS = ("garbage-collector-controller", "namespace-controller", "serviceaccount-controller")
SERVICE_RANGE = "10.96.0.0/16"
CLIENT_CERTIFICATE, CLIENT_KEY = "api-server-client.crt", "api-server-client.key"
"""With these files the API server can be a client of a kubelet."""


@dataclass(frozen=True, slots=True)
class Files:
    """What the API server reads at its start."""

    ca: Path
    server_certificate: Path
    server_key: Path
    service_account_key: Path
    service_account_public_key: Path
    tokens: Path


def write_files(
    directory: Path,
    authority: Authority,
    *,
    admin: str,
    token: str,
    hosts: Sequence[str] = (),
    addresses: Sequence[str] = (),
) -> Files:
    """Makes the keys and writes them where only this user can read them.

    The API server's certificate is for these hosts and addresses, beside those of this machine.
    """
    server, accounts = authority.server(hosts=hosts, addresses=addresses), service_account_pair()
    client = authority.client(API_SERVER, [ADMIN_GROUP])
    write_private(directory / CLIENT_CERTIFICATE, client.public)
    write_private(directory / CLIENT_KEY, client.private)
    row = f'{token},{admin},{admin},"{ADMIN_GROUP}"\n'
    return Files(
        ca=write_private(directory / "ca.crt", authority.pem),
        server_certificate=write_private(directory / "server.crt", server.public),
        server_key=write_private(directory / "server.key", server.private),
        service_account_key=write_private(directory / "service-account.key", accounts.private),
        service_account_public_key=write_private(directory / "service-account.pub", accounts.public),
        tokens=write_private(directory / "tokens.csv", row.encode()),
    )


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago; another process may have taken one since."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((LOOPBACK, 0))
        return [one.getsockname()[1] for one in sockets]


def etcd(binaries: Binaries, directory: Path, *, member: str, port: int, peer_port: int) -> Command:
    """A store of one member, in a scratch directory: it need not survive a power cut, so it does not wait for disks."""
    client, peer = f"http://{LOOPBACK}:{port}", f"http://{LOOPBACK}:{peer_port}"
    flags = {
        "name": member,
        "data-dir": str(directory / "etcd"),
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"{member}={peer}",
        "unsafe-no-fsync": "true",
        "log-level": "warn",
    }
    return Command(name=ETCD, argv=[str(binaries.etcd), *_flags(flags)])


def api_server(
    binaries: Binaries,
    files: Files,
    directory: Path,
    *,
    port: int,
    etcd_port: int,
    changes: Mapping[str, str | None],
) -> Command:
    """An API server with RBAC. Its issuer of ServiceAccount tokens is its own address, which serves the keys."""
    server = f"https://{LOOPBACK}:{port}"
    flags = {
        "etcd-servers": f"http://{LOOPBACK}:{etcd_port}",
        "secure-port": str(port),
        "bind-address": LOOPBACK,
        "advertise-address": LOOPBACK,
        "cert-dir": str(directory),
        "tls-cert-file": str(files.server_certificate),
        "tls-private-key-file": str(files.server_key),
        "client-ca-file": str(files.ca),
        "token-auth-file": str(files.tokens),
        "service-account-issuer": server,
        "service-account-jwks-uri": f"{server}/openid/v1/jwks",
        "service-account-key-file": str(files.service_account_public_key),
        "service-account-signing-key-file": str(files.service_account_key),
        "authorization-mode": "RBAC",
        "service-cluster-ip-range": SERVICE_RANGE,
        "endpoint-reconciler-type": "none",
        "disable-admission-plugins": "ServiceAccount",
    }
    return Command(name=API_SERVER, argv=[str(binaries.kube_apiserver), *_flags(_changed(flags, changes, directory))])


def audited(command: Command, directory: Path, users: Sequence[str], log: Path) -> Command:
    """The API server's command, told to log who did what, for these users: not what they sent or got."""
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata", "users": list(users)}, {"level": "None"}],
    }
    file = write_private(directory / "audit-policy.json", json.dumps(policy).encode())
    flags = {"audit-policy-file": str(file), "audit-log-path": str(log)}
    return replace(command, argv=[*command.argv, *_flags(flags)])


def controller_manager(binaries: Binaries, kubeconfig: Path, *, changes: Mapping[str, str | None]) -> Command:
    """Only what deletes and what makes ServiceAccounts, unless the changes say otherwise; it listens on no port."""
    flags = {
        "kubeconfig": str(kubeconfig),
        "controllers": ",".join(CONTROLLERS),
        "leader-elect": "false",
        "use-service-account-credentials": "false",
        "secure-port": "0",
        "kube-api-qps": "500",
        "kube-api-burst": "1000",
    }
    argv = [str(binaries.kube_controller_manager), *_flags(_changed(flags, changes, kubeconfig.parent))]
    return Command(name=CONTROLLER_MANAGER, argv=argv)


def _changed(flags: Mapping[str, str], changes: Mapping[str, str | None], directory: Path) -> dict[str, str]:
    """The flags with these changes; None removes a flag, and `{directory}` is replaced by the directory."""
    changed = {**flags, **changes}
    return {name: value.format(directory=directory) for name, value in changed.items() if value is not None}


def _flags(flags: dict[str, str]) -> list[str]:
    return [f"--{name}={value}" for name, value in flags.items()]
