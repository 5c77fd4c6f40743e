"""Stand-ins for what programs are obtained with, on a PATH of the test's own: nothing is built or fetched."""

import os
import sys
import textwrap
import time
from pathlib import Path

import pytest

from ecr_secret_operator_lab.controlplane.recipe import RECIPE
from ecr_secret_operator_lab.programs.cache import DRAFTS
from ecr_secret_operator_lab.programs.table import RECIPES

_ANSWER = "go version go{}.{}.{} linux/amd64"
NEW_ENOUGH = _ANSWER.format(*RECIPE.go)
"""The oldest Go that builds the control plane."""

NEW_ENOUGH_FOR_ALL = _ANSWER.format(*max(recipe.go for recipe in (RECIPE, *RECIPES.values())))
"""The oldest Go that builds every program."""


class Reports:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def __call__(self, message: str, /) -> None:
        self.messages.append(message)

    def alive(self, seconds: float, /) -> None:
        pass

    @property
    def text(self) -> str:
        return "\n".join(self.messages)


def a_go(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    version: str = NEW_ENOUGH_FOR_ALL,
    build: str = 'echo made > "$name"',
) -> Path:
    log = tmp_path / "go.log"
    a_program(
        tmp_path / "path" / "go",
        f"""
        if [ "$1" = version ]; then echo "{version}"; exit; fi
        {builds(log, build)}
        """,
    )
    monkeypatch.setenv("PATH", str(tmp_path / "path"), prepend=os.pathsep)
    return log


def builds(log: Path, build: str) -> str:
    """What a fake `go build` does: for each package, it notes the file's name, CGO_ENABLED and its own pid."""
    return f"""
        while [ "$1" != -o ]; do shift; done
        directory="$2"
        shift 2
        test -f go.mod && test -f go.sum || exit 9
        for package; do
            test "$package" = . && package=$(sed -n 's/^module //p' go.mod)
            file=$(basename "${{package%/v3}}")
            echo "$file $CGO_ENABLED $$" >> {log}
            name="$directory$file"
            {build}
        done
        """


def a_program(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + textwrap.dedent(script))
    path.chmod(0o755)
    return path


def built(log: Path) -> list[str]:
    return [line.split()[0] for line in log.read_text().splitlines()] if log.exists() else []


def drafts(cache: Path) -> list[Path]:
    return list(cache.rglob(DRAFTS + "*"))


def wait_for(condition: object, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not (callable(condition) and condition()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def a_python_whose_pip(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = sys.executable
    python = a_program(tmp_path / "python", f'if [ "$1" != -m ]; then exec {real} "$@"; fi\n{textwrap.dedent(script)}')
    monkeypatch.setattr(sys, "executable", str(python))
