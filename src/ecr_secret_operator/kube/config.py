"""Finds the API server and the credentials for it, in controller-runtime's order."""

from __future__ import annotations

import os
from pathlib import Path

import yaml

from ..domain.errors import OperatorError
from .library import ConfigException, Configuration, loaders

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_CREDENTIAL_REFRESH_SECONDS = 60


class ConfigError(OperatorError):
    """No way to the API server is configured, or the one that is cannot be read."""


class ClusterConfig:
    """Where the API server is, how to authenticate, and which namespace is ours.

    Attributes:
        configuration: for the client library; the library keeps rotated in-cluster tokens fresh.
        namespace: the namespace that the operator runs in.
    """

    def __init__(self, configuration: Configuration, namespace: str, loader: object | None = None) -> None:
        self.configuration = configuration
        self.namespace = namespace
        self._loader = loader

    async def keep_credentials_fresh(self) -> None:
        """Renews what an exec plugin of the kubeconfig gives, until cancelled; returns when there is none."""
        if self._loader is not None:
            await loaders.refresh_token(self._loader, self.configuration, _CREDENTIAL_REFRESH_SECONDS)


async def load_config(kubeconfig: str | None, context: str | None = None) -> ClusterConfig:
    """Loads the configuration: the given file, else KUBECONFIG, else in-cluster, else ~/.kube/config.

    Args:
        kubeconfig: the file.
        context: of the file; None for its current one. With one, only files count.

    Raises:
        ConfigError: there is none, or it cannot be read. Says which and what to do.
    """
    path = kubeconfig or os.environ.get("KUBECONFIG")
    if not path and not context and os.environ.get("KUBERNETES_SERVICE_HOST"):
        return _in_cluster()
    return await _from_file(path or "~/.kube/config", context, given=bool(path))


def _in_cluster() -> ClusterConfig:
    configuration = Configuration()
    try:
        loaders.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError) as error:
        raise ConfigError(f"the in-cluster configuration cannot be used: {error}") from error
    return ClusterConfig(configuration, _own_namespace("default"))


async def _from_file(path: str, wanted: str | None, *, given: bool) -> ClusterConfig:
    if not _is_file(path):
        hint = "Check --kubeconfig and KUBECONFIG" if given else "Give --kubeconfig, or run inside a cluster"
        raise ConfigError(f"kubeconfig {path} does not exist. {hint}")
    configuration = Configuration()
    try:
        loader = await loaders.load_kube_config(
            config_file=path, context=wanted, client_configuration=configuration, persist_config=False
        )
    except (ConfigException, OSError, yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError) as error:
        shapeless = isinstance(error, TypeError | AttributeError | KeyError)
        text = "it is not a kubeconfig" if shapeless else " ".join(str(error).split())[:200]
        raise ConfigError(f"kubeconfig {path} cannot be used: {text}") from error
    context = (loader.current_context or {}).get("context", {})
    return ClusterConfig(configuration, _own_namespace(context.get("namespace", "default")), loader)


def _is_file(path: str) -> bool:
    return any(Path(part).expanduser().is_file() for part in path.split(os.pathsep))


def _own_namespace(otherwise: str) -> str:
    if name := os.environ.get("POD_NAMESPACE"):
        return name
    try:
        return (_SERVICE_ACCOUNT / "namespace").read_text().strip() or otherwise
    except OSError:
        return otherwise
