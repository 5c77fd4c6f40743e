"""Makes releases as a maintainer does: from a clean checkout, with `make`, into a registry on this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.release.programs import Programs, run

ROOT = Path(__file__).parents[2]
VERSION, TAG = "1.0.0rc1", "v1.0.0-rc.1"
BASE_VARIABLE = "ECR_RELEASE_BASE"
"""Names a base image for the release. Without it, the base is made of Debian's packages, which is for root."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A checkout of the repository, whose releases are made with the virtual environment of the tests.

    Attributes:
        root: its directory.
        registry: HOST:PORT/path that the releases are for.
    """

    root: Path
    registry: str

    @property
    def dist(self) -> Path:
        """Where the files of a release are."""
        return self.root / "dist"

    def make(self, target: str, *variables: str) -> subprocess.CompletedProcess[str]:
        """Runs a target of the Makefile; its failure is for the test to judge."""
        # The virtual environment is the tests' own. It is older than the files of the copy, and still up to date.
        installed = ["VENV=" + sys.prefix, f"--old-file={sys.prefix}/.installed"]
        return subprocess.run(
            [
                shutil.which("make") or "",
                "--no-print-directory",
                *installed,
                target,
                f"REGISTRY={self.registry}",
                *variables,
            ],
            cwd=self.root,
            env={**os.environ, "COSIGN_PASSWORD": "password"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def succeeds(self, target: str, *variables: str) -> subprocess.CompletedProcess[str]:
        done = self.make(target, *variables)
        assert done.returncode == 0, done.stderr
        return done

    def record(self) -> Mapping[str, Any]:
        """What the last release recorded: the digest of each artifact."""
        found = json.loads((self.dist / "release.json").read_text())
        assert isinstance(found, dict)
        return found


def a_checkout(root: Path, registry: str) -> Checkout:
    """A repository with the files that this checkout has now, committed or not, in one commit."""
    listed = run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], ROOT).split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, root / name)
    run(["git", "init", "--quiet"], root)
    run(["git", "config", "user.name", "A Maintainer"], root)
    run(["git", "config", "user.email", "maintainer@example.com"], root)
    run(["git", "add", "--all"], root)
    run(["git", "commit", "--quiet", "--message=Begin"], root)
    return Checkout(root, registry)


def a_base(checkout: Checkout) -> str:
    """The base image, which both architectures have."""
    named = os.environ.get(BASE_VARIABLE)
    return named or checkout.succeeds("release-base").stdout.strip().rpartition("BASE_RUN=")[2]


def a_key_pair(programs: Programs) -> Path:
    """Cosign's key pair: the directory with cosign.key and cosign.pub."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(programs.home), "COSIGN_PASSWORD": "password"}
    argv = [str(programs.paths["cosign"]), "generate-key-pair"]
    subprocess.run(argv, cwd=programs.home, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    return programs.home
