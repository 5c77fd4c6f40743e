"""Finds the API server and the credentials for it, in controller-runtime's order."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..domain.proxies import proxy_for
from ..errors import InvalidField
from .connection import Connection
from .kubeconfig import ConfigError, choose
from .login import CredentialsUnusable, File, Fixed, bearer
from .users import connection_of

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_DEFAULT = "~/.kube/config"

__all__ = ["ClusterConfig", "ConfigError", "load_config"]


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """Where the API server is, how to authenticate, and which namespace is ours.

    Attributes:
        connection: leads to the API server.
        namespace: the namespace that the operator runs in.
    """

    connection: Connection
    namespace: str


def load_config(kubeconfig: str | None, context: str | None = None) -> ClusterConfig:
    """Loads the configuration: the given file, else KUBECONFIG, else in-cluster if usable, else ~/.kube/config.

    Args:
        kubeconfig: the file.
        context: of the file; None for its current one. With one, only files count.

    Raises:
        ConfigError: there is none, or it cannot be used. Names the field and the remedy.
    """
    listed = kubeconfig or os.environ.get("KUBECONFIG")
    if not listed and not context and os.environ.get("KUBERNETES_SERVICE_HOST"):
        try:
            return _in_cluster(os.environ)
        except ConfigError:
            if not _is_there(_expanded(_DEFAULT)):
                raise
    paths = [_expanded(part) for part in (listed or _DEFAULT).split(os.pathsep) if part]
    there = [path for path in paths if _is_there(path)]
    if not there:
        hint = "Check --kubeconfig and KUBECONFIG" if listed else "Set KUBECONFIG or --kubeconfig to your kubeconfig"
        raise ConfigError(f"kubeconfig {listed or _DEFAULT} does not exist. {hint}")
    chosen = choose(there, context)
    try:
        return ClusterConfig(connection_of(chosen, os.environ), _own_namespace(chosen.namespace))
    except (InvalidField, CredentialsUnusable) as error:
        raise chosen.refused(str(error)) from None


def _expanded(path: str) -> Path:
    """The path with its `~` replaced, where that has a meaning. `Path.expanduser` raises where it has none."""
    return Path(os.path.expanduser(path))  # noqa: PTH111 - see above


def _is_there(path: Path) -> bool:
    """Whether a kubeconfig exists. Raises ConfigError where that cannot be known, and for a directory."""
    try:
        if path.is_dir():
            raise ConfigError(f"kubeconfig {path} cannot be used: it is a directory. Name the file in it")
        return path.is_file()
    except OSError as error:
        raise ConfigError(f"kubeconfig {path} cannot be read: {error.strerror}. Check its permissions") from None


def _in_cluster(environment: Mapping[str, str]) -> ClusterConfig:
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment.get("KUBERNETES_SERVICE_PORT")
    if not port:
        raise ConfigError("the in-cluster configuration cannot be used: KUBERNETES_SERVICE_PORT is not set")
    server = f"https://{f'[{host}]' if ':' in host else host}:{port}"
    token, authority = File(_SERVICE_ACCOUNT / "token"), File(_SERVICE_ACCOUNT / "ca.crt")
    try:
        bearer(token.text())
        connection = Connection(
            server,
            credentials=Fixed(token_file=token),
            authority=authority.text,
            proxy=proxy_for(server, environment),
        )
        connection.tls(None)
    except ssl.SSLError:
        file = _SERVICE_ACCOUNT / "ca.crt"
        raise ConfigError(f"the in-cluster configuration cannot be used: {file} holds no certificate") from None
    except (CredentialsUnusable, InvalidField) as error:
        raise ConfigError(f"the in-cluster configuration cannot be used: {error}") from None
    return ClusterConfig(connection, _own_namespace("default"))


def _own_namespace(otherwise: str) -> str:
    if name := os.environ.get("POD_NAMESPACE"):
        return name
    try:
        return (_SERVICE_ACCOUNT / "namespace").read_text().strip() or otherwise
    except OSError:
        return otherwise
