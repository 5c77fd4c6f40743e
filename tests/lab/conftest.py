"""Fixtures for the tests of how programs are obtained."""

from pathlib import Path

import pytest

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
