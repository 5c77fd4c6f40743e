"""The commands for people, as people run them: the installed command, a kubeconfig, a clean environment."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ecr_secret_operator_lab.cluster import Cluster
from ecr_secret_operator_lab.operator import installed_command
from tests.laboratory import Kubectl, with_token

SECONDS = 120
Result = subprocess.CompletedProcess[str]
Command = Callable[..., Result]


def run(kubeconfig: Path, *args: str, stdin: str = "", program: str | None = None) -> Result:
    """Runs `ecr-secret-operator ARGS` with a kubeconfig and nothing else."""
    clean = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return subprocess.run(
        [program or installed_command(), *args],
        env={**clean, "KUBECONFIG": str(kubeconfig)},
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )


def someone(
    cluster: Cluster, kubectl: Kubectl, kubeconfig: Path, path: Path, namespace: str, *rules: dict[str, Any]
) -> Path:
    """The kubeconfig of a user who has these permissions in one namespace, and no other permission."""
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}"
    cluster.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": "someone"}})
    cluster.create(f"{rbac}/roles", {"metadata": {"name": "someone"}, "rules": list(rules)})
    cluster.create(
        f"{rbac}/rolebindings",
        {
            "metadata": {"name": "someone"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "someone"},
            "subjects": [{"kind": "ServiceAccount", "name": "someone", "namespace": namespace}],
        },
    )
    token = kubectl("create", "token", "someone", "-n", namespace).stdout.strip()
    return with_token(kubeconfig, path, token, namespace)
