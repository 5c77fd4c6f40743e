"""How Argo CD's definitions are had from its Go module. Nothing is fetched: `go` is a fake."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from ecr_secret_operator_lab.argocd.definitions import NAMES, PLACE, RECIPE, ensure_definitions
from ecr_secret_operator_lab.programs import BinariesError

from .obtaining import NEW_ENOUGH, Reports, a_program, drafts


@pytest.fixture(autouse=True)
def nothing_of_the_users(cache: Path) -> None:
    """An empty cache for each test."""


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """The module as it lies in Go's own cache."""
    (tmp_path / "module" / PLACE).mkdir(parents=True)
    for name in NAMES:
        (tmp_path / "module" / PLACE / name).write_text(f"of {RECIPE.version}: {name}")
    return tmp_path / "module"


def a_go_that(download: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Puts a fake `go` first on PATH; gives its log."""
    log = tmp_path / "go.log"
    a_program(
        tmp_path / "path" / "go",
        f"""
        if [ "$1" = version ]; then echo "{NEW_ENOUGH}"; exit; fi
        test -f go.mod && test -f go.sum || exit 9
        echo "$*" >> {log}
        echo "go: downloading {RECIPE.module}" >&2
        {download}
        """,
    )
    monkeypatch.setenv("PATH", str(tmp_path / "path"), prepend=os.pathsep)
    return log


def test_they_are_taken_once_from_the_module_that_the_program_is_built_from(
    module: Path, tmp_path: Path, cache: Path, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = a_go_that(f"echo '{json.dumps({'Dir': str(module)})}'", tmp_path, monkeypatch)
    paths = ensure_definitions(reports)
    assert paths == [RECIPE.home(cache) / name for name in NAMES]
    assert [path.read_text() for path in paths] == [f"of {RECIPE.version}: {name}" for name in NAMES]
    assert ensure_definitions(reports) == paths
    assert log.read_text() == f"mod download -json {RECIPE.module}\n"
    assert drafts(cache) == []


@pytest.mark.parametrize(
    ("download", "said"),
    [("echo no such host; exit 1", "GOPROXY.\n.*\nno such host"), ("echo '{}'", "where the module of Argo CD lies")],
)
def test_what_go_says_of_its_failure_is_shown(
    download: str, said: str, tmp_path: Path, cache: Path, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_go_that(download, tmp_path, monkeypatch)
    with pytest.raises(BinariesError, match=said):
        ensure_definitions(reports)
    assert drafts(cache) == []
