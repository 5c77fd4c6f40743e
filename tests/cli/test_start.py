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


LARGE = ("aiohttp", "botocore", "cryptography", "prometheus_client", "pydantic", "rich", "structlog", "uvloop", "yaml")


def loaded_by(script: str) -> set[str]:
    """The modules that a script has loaded when it prints their names."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stdout.split())


def test_a_command_loads_only_the_libraries_that_it_uses() -> None:
    """Each of these takes longer to import than `--version` takes to print."""
    loaded = loaded_by("import sys, ecr_secret_operator.cli.main; print(*sys.modules)")
    assert "click" in loaded
    assert [name for name in LARGE if name in loaded] == []


RUNNING = """
import sys, uvloop
from ecr_secret_operator.cli.main import main

def show(work):
    work.close()
    print(*sys.modules)

uvloop.run = show
sys.argv = ["ecr-secret-operator", "run"]
main()
"""
MODULES = 660
"""The Python objects of a module take 40 KiB of memory on average, and a millisecond of each start."""


def test_the_operator_loads_only_the_libraries_that_every_operator_uses() -> None:
    """Not the AWS SDK, and not what reads a kubeconfig or serves HTTPS: some operators need these, and not at once."""
    loaded = loaded_by(RUNNING)
    assert {"aiohttp.web", "pydantic", "ecr_secret_operator.manager"} <= loaded
    packages = {name.partition(".")[0] for name in loaded}
    assert packages & {"botocore", "cryptography", "dateutil", "pygments", "rich", "urllib3", "yaml"} == set()
    assert len(loaded) < MODULES


def test_the_operator_loads_no_other_command() -> None:
    ours = {name for name in loaded_by(RUNNING) if name.startswith("ecr_secret_operator.cli.")}
    assert {name.rpartition(".")[2] for name in ours} == {"commands", "imports", "main", "naming", "run"}
