"""Nothing of an enclosure outlives it, however its starter ends, and two of them do not disturb each other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ecr_secret_operator_lab.controlplane import ensure_binaries
from ecr_secret_operator_lab.node import BUSYBOX, NodeCluster, cgroups, ensure_node
from ecr_secret_operator_lab.node.inside import SYSCTLS
from ecr_secret_operator_lab.reporting import print_progress
from ecr_secret_operator_lab.waiting import wait_for
from tests.lab.processes import processes_with

STARTER = """
import sys, time
from ecr_secret_operator_lab.controlplane import Command
from ecr_secret_operator_lab.controlplane.processes import Supervisor
from ecr_secret_operator_lab.node import ensure_node
from ecr_secret_operator_lab.node.enclosure import launcher
from ecr_secret_operator_lab.node.inside import SYSCTLS
from ecr_secret_operator_lab.reporting import print_progress
parts = ensure_node(print_progress)
supervisor = Supervisor.start(launcher=launcher(parts.system, [], published=1, reached=[]))
daemon = "cd /sys/fs/cgroup; cd pids || true; mkdir of-a-pod; (setsid sleep 600 &); exec sleep 600"
supervisor.run(Command(name="pod", argv=["chroot", str(parts.system), "busybox", "sh", "-c", daemon]))
print(supervisor.pid, flush=True)
{then}
"""
pytestmark = pytest.mark.xdist_group("enclosure")

WAITS = "time.sleep(600)"
LONG = 60.0


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """All temporary files of a starter and of what it starts; its path marks their environment."""
    place = tmp_path / "scratch"
    place.mkdir()
    return place


def cgroups_of(watching: int) -> list[Path]:
    """The cgroups of the enclosure over which this process watches."""
    return [group for one in cgroups.hierarchies() for group in one.place.glob(f"{cgroups.PREFIX}-{watching}-*")]


def started(then: str, scratch: Path) -> tuple[subprocess.Popen[str], int]:
    """A process that starts an enclosure, and the process that watches over the enclosure."""
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER.format(then=then)],
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdout is not None
    line = starter.stdout.readline()
    return starter, int(line)


def daemons(scratch: Path) -> list[str]:
    """What runs in an enclosure: a program, and a process that left its session, as a container does."""
    return [command for command in processes_with("TMPDIR", scratch) if command.startswith(("busybox sh", "sleep"))]


@pytest.mark.parametrize(
    ("then", "number"),
    [
        pytest.param(WAITS, signal.SIGKILL, id="killed"),
        pytest.param(WAITS, signal.SIGINT, id="Ctrl-C"),
        pytest.param(WAITS, signal.SIGTERM, id="terminated"),
        pytest.param("sys.exit(3)", None, id="ends without stopping it"),
        pytest.param("supervisor.stop()", None, id="stops it"),
    ],
)
def test_nothing_is_left_when_the_starter_has_ended(then: str, number: signal.Signals | None, scratch: Path) -> None:
    starter, watching = started(then, scratch)
    with starter:
        if number is not None:
            assert cgroups_of(watching)
            starter.send_signal(number)
    wait_for(lambda: not processes_with("TMPDIR", scratch), "all processes have ended", within=LONG)
    assert not list(scratch.iterdir())
    assert not cgroups_of(watching)


def test_what_is_left_of_a_killed_enclosure_is_removed_by_the_next_one(scratch: Path) -> None:
    starter, watching = started(WAITS, scratch)
    with starter:
        wait_for(lambda: daemons(scratch), "the program runs", within=LONG)
        os.kill(watching, signal.SIGKILL)
        wait_for(lambda: not daemons(scratch), "what ran in the enclosure has ended", within=LONG)
        starter.kill()
    wait_for(lambda: not processes_with("TMPDIR", scratch), "all processes have ended", within=LONG)
    assert list(scratch.iterdir())
    starter, _ = started("supervisor.stop()", scratch)
    with starter:
        assert starter.wait() == 0
    assert not cgroups_of(watching)
    assert not list(scratch.iterdir())


def test_the_kubelet_changes_no_setting_of_the_machine(node: NodeCluster) -> None:
    """It reads the values that it would set, from files that take the place of the settings."""
    (kubelet,) = (pid for pid in pids_of(node, "kubelet"))
    for name, value in SYSCTLS.items():
        mounted = Path(f"/proc/{kubelet}/root/proc/sys", name)
        assert mounted.read_text().strip() == str(value)
        assert mounted.stat().st_dev != Path("/proc/sys", name).stat().st_dev, "the setting itself"
    assert not Path("/sys/class/net/uplink").exists()


def pids_of(node: NodeCluster, name: str) -> Iterator[int]:
    """The processes of a program in an enclosure."""
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        with suppress(FileNotFoundError, ProcessLookupError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            inside = (
                (process / "root" / "mnt/node" / "ca.crt").read_bytes() if words[0].endswith(name.encode()) else b""
            )
            if inside == (node.plane.directory / "ca.crt").read_bytes():
                yield int(process.name)


def test_a_second_cluster_leaves_the_pods_of_the_first_alone(node: NodeCluster) -> None:
    pod = ("run", "beside", f"--image={BUSYBOX}", "--command", "--", "sleep", "600")
    ready = ("wait", "--for=condition=Ready", "pod/beside", "--timeout=120s")
    node.plane.kubectl(*pod)
    node.plane.kubectl(*ready)
    with NodeCluster.start(ensure_binaries(print_progress), ensure_node(print_progress)) as second:
        assert second.plane.server != node.plane.server
        second.plane.kubectl(*pod)
        second.plane.kubectl(*ready)
    restarts = "jsonpath={.status.containerStatuses[0].restartCount}{.status.phase}"
    assert node.plane.kubectl("get", "pod", "beside", f"--output={restarts}").stdout == "0Running"
    node.plane.kubectl("delete", "pod", "beside", "--now")
