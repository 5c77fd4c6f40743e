"""Fixtures for the tests of the laboratory: how programs are obtained, and `dev` in an environment of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecr_secret_operator_lab.controlplane import LineReporter, ensure_binaries

from .developing import Environment, dev
from .obtaining import Reports, a_go


@pytest.fixture
def reports() -> Reports:
    return Reports()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no programs of the user's own."""
    monkeypatch.setenv("ECR_SECRET_OPERATOR_CACHE", str(tmp_path / "cache"))
    for variable in ("KUBEBUILDER_ASSETS", "ECR_LAB_PROGRAMS"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path / "cache"


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The log of a fake `go` that stands first on PATH: one line a build."""
    return a_go(tmp_path, monkeypatch)


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
