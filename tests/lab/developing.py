"""The command `dev`, in an environment of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from ecr_secret_operator_lab.controlplane import LineReporter, ensure_binaries
from ecr_secret_operator_lab.operator import installed_command

Environment = Mapping[str, str]


def dev(action: str, environment: Environment) -> subprocess.CompletedProcess[str]:
    command = [installed_command(), "dev", action]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    """One in which `dev` finds the programs, but not what else may be running on this machine."""
    binaries, assets, scratch = ensure_binaries(LineReporter()), tmp_path / "assets", tmp_path / "scratch"
    assets.mkdir()
    scratch.mkdir()
    for program in (
        binaries.etcd,
        binaries.kube_apiserver,
        binaries.kube_controller_manager,
        binaries.kubectl,
    ):
        (assets / program.name).symlink_to(program)
    own = {"KUBEBUILDER_ASSETS": assets, "ECR_SECRET_OPERATOR_CACHE": tmp_path / "cache", "TMPDIR": scratch}
    environment = {**os.environ, **{name: str(path) for name, path in own.items()}}
    environment.pop("KUBECONFIG", None)
    yield environment
    if list(scratch.iterdir()):
        dev("down", environment)
