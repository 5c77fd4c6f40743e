"""A fixed set of simulations. `make simulate` hunts with others; a failing seed prints how to replay it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FIXED = 24
"""So many seeds take half a minute of one core."""

NEW = 4
FIRST_NEW = 1_000_000


def sets() -> list[tuple[int, int]]:
    """The first seed and the number of seeds of each set: the fixed ones, and in CI some that no run had before."""
    run = os.environ.get("GITHUB_RUN_ID")
    return [(0, FIXED), *([(FIRST_NEW + int(run) % 1_000_000_000 * NEW, NEW)] if run else [])]


def simulated(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.simulation", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("first", "number"), sets())
def test_no_invariant_is_violated(first: int, number: int) -> None:
    ended = simulated("--from", str(first), "--seeds", str(number), "--jobs", "1")
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_seed_gives_the_same_run_in_another_process() -> None:
    first, second = (simulated("--seed", "3", "--trace").stdout for _ in range(2))
    assert first == second
    assert "digest" in first


def test_a_lost_requeue_is_found() -> None:
    ended = simulated("--from", "2", "--seeds", "1", "--jobs", "1", "--mutation", "lost-requeue")
    assert "Converged: Secret argocd/four has to report SecretConflict" in ended.stdout, ended.stdout + ended.stderr
    assert ended.returncode == 1
