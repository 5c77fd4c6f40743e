"""Starts the local control plane once for a run that has cluster tests in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CLUSTER = Path(__file__).parent / "cluster"
KUBECONFIG_VARIABLE = "ECR_LAB_KUBECONFIG"


def _includes_cluster_tests(config: pytest.Config) -> bool:
    asked = [Path(arg.partition("::")[0]).resolve() for arg in config.args]
    return any(path == CLUSTER or path in CLUSTER.parents or CLUSTER in path.parents for path in asked)


def pytest_configure(config: pytest.Config) -> None:
    """In the process that the workers belong to: starts the control plane, and stops it at the end of the run."""
    if hasattr(config, "workerinput") or KUBECONFIG_VARIABLE in os.environ or config.option.collectonly:
        return
    if not _includes_cluster_tests(config):
        return
    from ecr_secret_operator_lab.controlplane import ControlPlane, ensure_binaries, print_progress  # noqa: PLC0415

    plane = ControlPlane.start(ensure_binaries(print_progress))
    config.add_cleanup(plane.stop)
    os.environ[KUBECONFIG_VARIABLE] = str(plane.kubeconfig)
    subprocess.run(
        [plane.binaries.kubectl, "--kubeconfig", plane.kubeconfig, "apply", "--server-side", "-f", "-"],
        input=subprocess.run(
            [sys.executable, "-m", "ecr_secret_operator", "crds"], check=True, stdout=subprocess.PIPE
        ).stdout,
        check=True,
        stdout=subprocess.DEVNULL,
    )
