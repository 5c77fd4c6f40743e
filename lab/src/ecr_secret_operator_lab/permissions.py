"""The operator's permissions in a laboratory cluster, as the installed command prints them."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from .cluster import Cluster, Object, Refused
from .controlplane import ControlPlane, ControlPlaneError
from .operator import installed_command
from .waiting import wait_for

NAMESPACE = "ecr-secret-operator"
SERVICE_ACCOUNT = "ecr-secret-operator-controller-manager"
IN_FORCE_SECONDS = 30.0

_POLICY = "ValidatingAdmissionPolicy"
_FORBIDDEN: dict[str, Object] = {
    "secrets": {"metadata": {"name": "probe"}},
    "serviceaccounts/default/token": {"spec": {"audiences": ["probe"]}},
}
"""What a policy has to refuse; below a namespace's path."""


def printed(*command: str) -> str:
    """What a command of the operator prints.

    Raises:
        ControlPlaneError: it failed.
    """
    done = subprocess.run([installed_command(), *command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ControlPlaneError(f"{installed_command()} {' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout


def write_manifests(directory: Path) -> Sequence[Path]:
    """Writes the definitions and the permissions that the installed command prints. Raises ControlPlaneError."""
    paths = []
    for command in ("crds", "rbac"):
        path = directory / f"{command}.yaml"
        path.write_text(printed(command))
        paths.append(path)
    return paths


def operator_kubeconfig(plane: ControlPlane, directory: Path | None = None) -> Path:
    """Writes a kubeconfig of the operator's ServiceAccount. Returns once its permissions and their limits are in force.

    Raises:
        ControlPlaneError: the permissions are not installed.
        NotReached: they are not in force.
    """
    return in_force(plane.service_account_kubeconfig(NAMESPACE, SERVICE_ACCOUNT, directory))


def in_force(kubeconfig: Path, namespace: str = "default", *, tokens: bool = True) -> Path:
    """Waits until this ServiceAccount's permissions in a namespace are there, and the admission policies hold it.

    The API server learns of both a moment after they were stored. It is asked, without effect, for what a policy
    refuses; without the permission to ask, the refusal would be another.

    Args:
        kubeconfig: of the ServiceAccount.
        namespace: one in which it has its permissions.
        tokens: whether it has the permission to create tokens.
    """
    with Cluster(kubeconfig) as cluster:
        for path, body in _FORBIDDEN.items():
            if not tokens and path.endswith("/token"):
                continue
            wait_for(
                partial(_held, cluster, f"/api/v1/namespaces/{namespace}/{path}", body),
                f"an admission policy holds the operator at {path}",
                within=IN_FORCE_SECONDS,
            )
    return kubeconfig


def _held(cluster: Cluster, path: str, body: Object) -> bool:
    try:
        cluster.create(f"{path}?dryRun=All", body)
    except Refused as refusal:
        return _POLICY in refusal.message
    return False
