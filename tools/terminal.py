"""Records the commands of the terminal picture: `python -m tools.terminal` writes `docs/images/terminal.txt`.

The commands run in a shell, against a real control plane, the operator and a fake AWS. `make generate` then draws the
picture from the record. `tests/lab/test_terminal.py` runs the same commands and compares what they print.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from ecr_secret_operator_lab.cluster import Cluster, condition, resource_path
from ecr_secret_operator_lab.controlplane import ControlPlane, ensure_binaries
from ecr_secret_operator_lab.fakeaws import start_fake_aws
from ecr_secret_operator_lab.operator import OperatorProcess, installed_command
from ecr_secret_operator_lab.permissions import operator_kubeconfig, write_manifests
from ecr_secret_operator_lab.reporting import LineReporter, Reporter
from ecr_secret_operator_lab.waiting import wait_for

from .picture import COLUMNS, RECORD

NAMESPACE, NAME = "ci", "app"
RESOURCE = {
    "apiVersion": "ecr.mobb.redhat.com/v1alpha1",
    "kind": "Secret",
    "metadata": {"name": NAME},
    "spec": {
        "generated_secret_name": "ecr",
        "ecr_registry": "123456789012.dkr.ecr.us-east-2.amazonaws.com",
        "aws": {"service_account": NAME},
    },
}
LIST = "kubectl get ecr"
DIAGNOSE = f"ecr-secret-operator doctor ecrsecret/{NAME} | grep -A1 ^error"
REMEDY = f"""kubectl annotate serviceaccount {NAME} -n {NAMESPACE} \\
    eks.amazonaws.com/role-arn=arn:aws:iam::123456789012:role/{NAMESPACE}"""
COLOURED = 'grep() { command grep --color=always "$@"; }\n'
"""Distributions define grep so, for terminals."""


def record(report: Reporter) -> str:
    """Runs the commands on a control plane of its own, and gives what a terminal would show.

    Raises:
        BinariesError: a program can be had in none of the ways.
        ControlPlaneError: the control plane did not start.
        NotReached: the resource did not become what the next command is to show.
    """
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecr-secret-operator-terminal-")))
        plane = stack.enter_context(ControlPlane.start(ensure_binaries(report), manifests=write_manifests(scratch)))
        cluster = stack.enter_context(Cluster(plane.kubeconfig))
        aws = stack.enter_context(start_fake_aws())
        operator = OperatorProcess(
            environment=aws.environment(), log=scratch / "operator.log", kubeconfig=operator_kubeconfig(plane)
        )
        stack.enter_context(operator).ready()
        run = _shell(plane)
        _prepare(cluster)
        _wait(cluster, "False")
        shown = [_shown(LIST, run), _shown(DIAGNOSE, run), _shown(REMEDY, run)]
        _wait(cluster, "True")
        return "\n".join([*shown, _shown(LIST, run)])


def _shell(plane: ControlPlane) -> Callable[[str], str]:
    """Runs a command in a shell whose kubectl has the namespace as its current one; gives what it prints."""
    programs = (plane.binaries.kubectl.parent, Path(installed_command()).parent)
    path = os.pathsep.join([*map(str, programs), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "KUBECONFIG": str(plane.kubeconfig), "COLUMNS": str(COLUMNS)}

    def run(command: str) -> str:
        done = subprocess.run(["/bin/bash", "-c", COLOURED + command], env=environment, capture_output=True, text=True)  # noqa: PLW1510 - the picture shows a failure too
        return done.stdout + done.stderr

    run(f"kubectl config set-context --current --namespace={NAMESPACE}")
    return run


def _prepare(cluster: Cluster) -> None:
    cluster.namespace(NAMESPACE)
    cluster.create(f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts", {"metadata": {"name": NAME}})
    cluster.create(resource_path("secrets", NAMESPACE), RESOURCE)


def _wait(cluster: Cluster, status: str) -> None:
    def ready() -> bool:
        return condition(cluster.get(resource_path("secrets", NAMESPACE, NAME)), "Ready").get("status") == status

    wait_for(ready, f"{NAME} is Ready={status}", within=60)


def _shown(command: str, run: Callable[[str], str]) -> str:
    return f"$ {command}\n{run(command)}"


def main() -> int:
    """Writes the record."""
    RECORD.write_text(record(LineReporter()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
