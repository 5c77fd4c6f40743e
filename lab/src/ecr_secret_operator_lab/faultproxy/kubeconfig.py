"""The two ends of the proxy: whom it asks, and what makes a client ask it."""

from __future__ import annotations

import secrets
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..cluster import tls_of
from ..controlplane.kubeconfig import write_kubeconfig

_PATHS = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
_CERTIFICATE = ("client-certificate", "client-certificate-data", "client-key", "client-key-data")


class BadKubeconfig(Exception):
    """A kubeconfig without a cluster and a user in its current context."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """The API server.

    Attributes:
        server: its URL.
        tls: how to trust it; has the client certificate of the kubeconfig, if there is one.
        token: what clients have to show in place of that certificate, which stays here; None when they have a token.
    """

    server: str
    tls: ssl.SSLContext
    token: str | None = field(default=None, repr=False)


def upstream_of(kubeconfig: Path) -> Upstream:
    """The API server of a kubeconfig's current context. Raises BadKubeconfig, OSError."""
    cluster, user, _ = _current(kubeconfig)
    certified = any(name in user for name in _CERTIFICATE)
    return Upstream(
        str(cluster["server"]).rstrip("/"), tls_of(cluster, user), secrets.token_urlsafe(24) if certified else None
    )


def write_pointed(kubeconfig: Path, target: Path, *, server: str, ca: bytes, token: str | None = None) -> Path:
    """Writes a kubeconfig for the proxy, with the credentials of another.

    Args:
        kubeconfig: the other one.
        target: to write.
        server: the proxy's URL.
        ca: of the proxy's certificate, PEM.
        token: in place of a client certificate: the proxy cannot show that without its key.

    Raises:
        BadKubeconfig: it has no cluster or user, or a client certificate for which there is no token.
    """
    _, user, namespace = _current(kubeconfig)
    if any(name in user for name in _CERTIFICATE):
        if token is None:
            raise BadKubeconfig(f"{kubeconfig}: a client certificate does not pass a proxy; use a token")
        user = {"token": token}
    return write_kubeconfig(target, server=server, ca=ca, user="client", credentials=user, namespace=namespace)


def _current(kubeconfig: Path) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Cluster, user and namespace; paths in them are absolute."""
    try:
        config = yaml.safe_load(kubeconfig.read_text())
        context = next(
            one["context"] for one in config["contexts"] if one["name"] == config.get("current-context", one["name"])
        )
        cluster = next(one["cluster"] for one in config["clusters"] if one["name"] == context["cluster"])
        user = next(one["user"] for one in config["users"] if one["name"] == context["user"])
    except (StopIteration, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise BadKubeconfig(f"{kubeconfig} has no current context with a cluster and a user") from error
    return _absolute(cluster, kubeconfig), _absolute(user or {}, kubeconfig), str(context.get("namespace", ""))


def _absolute(section: dict[str, Any], kubeconfig: Path) -> dict[str, Any]:
    found = {name: str(kubeconfig.absolute().parent / section[name]) for name in _PATHS if name in section}
    return {**section, **found}
