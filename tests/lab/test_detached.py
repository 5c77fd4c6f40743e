"""A control plane that outlives its starter: one at a time, found again, ended whole."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from ecr_secret_operator_lab.controlplane import Binaries, Command, ControlPlane, detached, ensure_binaries
from ecr_secret_operator_lab.controlplane import print_progress as report
from ecr_secret_operator_lab.controlplane.recipe import ASSETS

UP = """
import sys
from ecr_secret_operator_lab.controlplane import Command, detached, print_progress
extra = Command(name="extra", argv=["sh", "-c", "echo $WORD; exec sleep 600"], env={"WORD": "hello"})
print(detached.up(print_progress, extras=lambda plane: [extra]).pid)
"""


@pytest.fixture(scope="module")
def binaries() -> Binaries:
    return ensure_binaries(report)


@pytest.fixture(autouse=True)
def state(binaries: Binaries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A state directory of the test's own; the programs are those of this machine all the same."""
    assets = tmp_path / "assets"
    assets.mkdir()
    for program in (binaries.etcd, binaries.kube_apiserver, binaries.kube_controller_manager, binaries.kubectl):
        (assets / program.name).symlink_to(program)
    monkeypatch.setenv(ASSETS, str(assets))
    monkeypatch.setenv("ECR_SECRET_OPERATOR_CACHE", str(tmp_path / "state"))
    yield tmp_path / "state"
    detached.down()


def is_gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def record(directory: Path, **other: object) -> dict[str, object]:
    paths = {"directory": str(directory), "kubeconfig": str(directory / "admin.kubeconfig")}
    return {"pid": os.getpid(), "started": 1, "server": "https://127.0.0.1:1", **paths, **other}


def test_it_outlives_its_starter_is_found_again_and_ends_whole() -> None:
    # All output is read to the end, as a script that calls `dev up` would.
    done = subprocess.run([sys.executable, "-c", UP], capture_output=True, text=True, check=True, timeout=90)
    running = detached.current()
    assert running is not None
    assert running.pid == int(done.stdout)
    assert running.kubeconfig.is_file()
    processes = children_of(running.pid)
    assert len(processes) == 4
    log = running.directory / "extra.log"
    wait_for(lambda: log.read_text() == "hello\n")  # `up` does not wait for what the extra process prints

    assert detached.up(report) == running  # the second is refused: the first is what there is

    assert detached.down()
    assert all(is_gone(pid) for pid in (running.pid, *processes))
    assert not running.directory.exists()
    assert detached.current() is None
    assert not detached.down()


def test_one_that_was_killed_is_not_believed_and_is_cleaned_up() -> None:
    killed = detached.up(report)
    processes = children_of(killed.pid)
    os.kill(killed.pid, signal.SIGKILL)
    wait_for(lambda: all(is_gone(pid) for pid in processes))
    assert detached.current() is None
    assert killed.directory.exists()

    assert not detached.down()
    assert not killed.directory.exists()


def test_a_record_whose_pid_is_another_process_now_is_not_believed(state: Path, tmp_path: Path) -> None:
    state.mkdir(exist_ok=True)
    (state / detached.RECORD).write_text(json.dumps(record(tmp_path / "gone")))
    assert detached.current() is None
    assert not detached.down()
    assert not (state / detached.RECORD).exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"pid": 1}'])
def test_a_damaged_record_is_no_record(text: str, state: Path) -> None:
    state.mkdir(exist_ok=True)
    (state / detached.RECORD).write_text(text)
    assert detached.current() is None
    assert not detached.down()


def test_extras_that_cannot_be_made_leave_nothing_behind() -> None:
    seen: list[ControlPlane] = []

    def fail(plane: ControlPlane) -> Iterable[Command]:
        seen.append(plane)
        raise LookupError("no such extra")

    with pytest.raises(LookupError):
        detached.up(report, extras=fail)
    assert is_gone(seen[0].pid)
    assert not seen[0].directory.exists()
    assert detached.current() is None
