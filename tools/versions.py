"""`make test-versions`: the cluster tests that matter, against older API servers than that of the laboratory.

Each API server is built from the Go module in `tools/kubernetes`, once, in 3 to 5 minutes. etcd, kubectl and the
controller manager are those of the laboratory.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ecr_secret_operator_lab.controlplane.recipe import ASSETS, RECIPE
from ecr_secret_operator_lab.programs.cache import cache_directory
from ecr_secret_operator_lab.programs.gobuild import builder
from ecr_secret_operator_lab.programs.obtain import Origin, ensure
from ecr_secret_operator_lab.programs.recipe import Recipe
from ecr_secret_operator_lab.programs.table import OVERRIDE
from ecr_secret_operator_lab.reporting import print_progress

ROOT = Path(__file__).parents[1]
MODULES = ROOT / "tools" / "kubernetes"
API_SERVER = "kube-apiserver"
TESTS = tuple(
    f"tests/cluster/test_{name}.py"
    for name in (
        "service",
        "admission",
        "policy",
        "linking",
        "permissions",
        "permissions_content",
        "permissions_limits",
    )
)
"""The tests of what an API server decides or converts: validation of the CRDs, admission policies, RBAC, writes."""


def versions() -> list[str]:
    """The minor versions that there are modules for."""
    return sorted((path.name for path in MODULES.iterdir()), key=lambda name: int(name.partition(".")[2]))


def recipe(version: str) -> Recipe:
    """What the API server of a minor version is built from."""
    return Recipe(
        name=API_SERVER,
        product="Kubernetes",
        module=RECIPE.module,
        packages={API_SERVER: RECIPE.packages[API_SERVER]},
        directory=MODULES / version,
        override=OVERRIDE,
        stamps=RECIPE.stamps,
    )


def main() -> int:
    """Runs the tests for the versions that are named, or for all; fails if a test failed for one of them."""
    failed = [version for version in sys.argv[1:] or versions() if not _passes(version)]
    if failed:
        print(f"Error: tests failed against Kubernetes {', '.join(failed)}", file=sys.stderr)  # noqa: T201 - a command
    return 1 if failed else 0


def _passes(version: str) -> bool:
    wanted = recipe(version)
    home = wanted.home(cache_directory())
    origin = Origin(names=(API_SERVER,), home=home, override=OVERRIDE, sources=(builder(wanted),))
    program = ensure(origin, print_progress)[API_SERVER]
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print_progress(f"Testing against {said}")
    # Programs that are not in this directory come from the cache of the laboratory.
    argv = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", *TESTS]
    return subprocess.run(argv, cwd=ROOT, env={**os.environ, ASSETS: str(program.parent)}, check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main())
