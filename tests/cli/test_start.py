"""`run` while it starts, in a process of its own."""

from __future__ import annotations

import subprocess
import sys

STOPPED_WHILE_CLEANING_UP = """
import os, signal, sys
from importlib.abc import MetaPathFinder
from ecr_secret_operator.cli.main import main

class Rubbish:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)

class Finder(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "uvloop":
            rubbish = Rubbish()
            del rubbish

sys.meta_path.insert(0, Finder())
sys.argv = ["ecr-secret-operator", "run", "--kubeconfig", "/nowhere"]
main()
"""


def test_a_stop_that_comes_while_the_interpreter_cleans_up_is_a_stop() -> None:
    """Whatever a signal's handler raises then is ignored; each import ends with such a moment."""
    command = [sys.executable, "-c", STOPPED_WHILE_CLEANING_UP]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


LARGE = ("aiohttp", "botocore", "cryptography", "prometheus_client", "rich", "structlog", "uvloop")


def test_a_command_loads_only_the_libraries_that_it_uses() -> None:
    """Each of these takes longer to import than `--help` takes to print."""
    script = "import sys, ecr_secret_operator.cli.main; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    loaded = done.stdout.split()
    assert "click" in loaded
    assert [name for name in LARGE if name in loaded] == []
