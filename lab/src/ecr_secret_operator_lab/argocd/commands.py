"""The command lines of Argo CD's parts, and their environment.

Each flag and variable was found by running Argo CD v3.2.1 outside a container. All listen on loopback, except for the
application-controller's metrics, whose address cannot be set (`controller/appcontroller.go`: 0.0.0.0).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..controlplane import Command
from ..controlplane.pki import LOOPBACK
from .parts import Parts

REDIS, REPO_SERVER, CONTROLLER = "redis-server", "argocd-repo-server", "argocd-application-controller"
RESYNC_SECONDS = 10
"""How often each Application is compared without a reason, and for how long a registry's list of tags is believed.
Argo CD's own defaults are 120 s with up to 60 s of jitter, and 180 s."""


def redis(parts: Parts, *, port: int) -> Command:
    """A store in memory."""
    flags = ["--bind", LOOPBACK, "--port", str(port), "--save", "", "--appendonly", "no"]
    return Command(name=REDIS, argv=[str(parts.redis_server), *flags])


def repo_server(
    parts: Parts, directory: Path, registry: Mapping[str, str], *, port: int, metrics_port: int, redis_port: int
) -> Command:
    """Fetches charts and renders them. It is the only part that reaches a registry, so `registry` says how."""
    flags = {
        "address": LOOPBACK,
        "port": str(port),
        "metrics-address": LOOPBACK,
        "metrics-port": str(metrics_port),
        "redis": f"{LOOPBACK}:{redis_port}",
        "disable-tls": "true",
        "revision-cache-expiration": f"{RESYNC_SECONDS}s",
    }
    path = os.pathsep.join((str(parts.helm.parent), os.environ.get("PATH", os.defpath)))
    env = {**_environment(directory, REPO_SERVER), "PATH": path, **registry}
    return Command(name=REPO_SERVER, argv=_argv(parts, flags), env=env)


def controller(
    parts: Parts,
    directory: Path,
    kubeconfig: Path,
    *,
    namespace: str,
    repo_server_port: int,
    metrics_port: int,
    redis_port: int,
) -> Command:
    """Compares and syncs Applications. An error is shown at once, where Argo CD would wait three minutes."""
    flags = {
        "kubeconfig": str(kubeconfig),
        "namespace": namespace,
        "repo-server": f"{LOOPBACK}:{repo_server_port}",
        "repo-server-plaintext": "true",
        "redis": f"{LOOPBACK}:{redis_port}",
        "metrics-port": str(metrics_port),
        "app-resync": str(RESYNC_SECONDS),
        "app-resync-jitter": "0",
        "repo-error-grace-period-seconds": "0",
    }
    env = {**_environment(directory, CONTROLLER), "KUBECONFIG": str(kubeconfig), "ARGOCD_FAKE_IN_CLUSTER": "true"}
    return Command(name=CONTROLLER, argv=_argv(parts, flags), env=env)


def _argv(parts: Parts, flags: Mapping[str, str]) -> list[str]:
    return [str(parts.argocd), *(f"--{name}={value}" for name, value in flags.items())]


def _environment(directory: Path, name: str) -> dict[str, str]:
    """What would be the container's own file system lies in a scratch directory, one for each process."""
    own = directory / name
    places = {
        "HOME": own / "home",
        "TMPDIR": own / "tmp",
        "ARGOCD_TLS_DATA_PATH": own / "tls",
        "ARGOCD_PLUGINSOCKFILEPATH": own / "plugins",
    }
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
    return {
        **{variable: str(place) for variable, place in places.items()},
        "ARGOCD_BINARY_NAME": name,
        "ARGOCD_ASK_PASS_SOCK": str(own / "askpass.sock"),
        "ARGOCD_GPG_ENABLED": "false",
    }
