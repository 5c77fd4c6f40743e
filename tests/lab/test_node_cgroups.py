"""Which cgroups a node gets on machines of each kind, and why it gets none. `tests/node` shows that they work."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ecr_secret_operator_lab.node import cgroups
from ecr_secret_operator_lab.node.cgroups import VERSION_2, Hierarchy
from ecr_secret_operator_lab.node.inside import command_line
from ecr_secret_operator_lab.node.parts import ensure_node
from ecr_secret_operator_lab.programs import BinariesError
from ecr_secret_operator_lab.reporting import print_progress

VERSION_1_ONLY = """\
tmpfs /sys/fs/cgroup tmpfs ro,mode=755 0 0
cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,nosuid,cpu,cpuacct 0 0
cgroup /sys/fs/cgroup/systemd cgroup rw,xattr,name=systemd 0 0
"""
HYBRID = f"{VERSION_1_ONLY}cgroup2 /sys/fs/cgroup/unified cgroup2 rw,nsdelegate 0 0\n"
VERSION_2_ONLY = "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nsdelegate,memory_recursiveprot 0 0\n"
WITH_A_NAME = f"{VERSION_2_ONLY}cgroup /sys/fs/cgroup/net_cls cgroup rw,net_cls 0 0\n"


@pytest.mark.parametrize("table", [VERSION_1_ONLY, HYBRID])
def test_hierarchies_of_version_1_come_first(table: str) -> None:
    found = cgroups.mounted([line.split() for line in table.splitlines()], {"cpu", "cpuacct", "memory"})
    root = Path("/sys/fs/cgroup")
    assert found == [Hierarchy(root / "cpu,cpuacct", "cpu,cpuacct"), Hierarchy(root / "systemd", "none,name=systemd")]


@pytest.mark.parametrize("table", [VERSION_2_ONLY, WITH_A_NAME])
def test_version_2_is_one_hierarchy(table: str) -> None:
    found = cgroups.mounted([line.split() for line in table.splitlines()], {"cpu", "net_cls"})
    assert found == [Hierarchy(Path("/sys/fs/cgroup"), "rw", VERSION_2)]


def test_without_cgroups_there_is_no_hierarchy() -> None:
    assert cgroups.mounted([["proc", "/proc", "proc", "rw", "0", "0"]], {"cpu"}) == []


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of a cgroup of version 2, in place of those of this machine."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(cgroups, "MOUNTED", tmp_path)
    monkeypatch.setattr(cgroups, "hierarchies", lambda: [Hierarchy(tmp_path, "rw", VERSION_2)])
    (tmp_path / "cgroup.controllers").write_text("cpuset cpu io memory pids\n")
    (tmp_path / "cgroup.subtree_control").write_text("cpuset cpu io memory pids\n")
    return tmp_path


def refusal() -> str:
    """The sentence with which a node is refused."""
    with pytest.raises(BinariesError) as caught:
        ensure_node(print_progress)
    return str(caught.value)


def test_a_machine_without_cgroups_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cgroups, "hierarchies", list)
    assert refusal() == f"A node needs cgroups, and none are mounted at {root}"


def test_a_machine_without_a_controller_is_refused(root: Path) -> None:
    (root / "cgroup.controllers").write_text("cpuset cpu\n")
    expected = f"A node needs the cgroup controllers cpu, memory, pids, and {root} has no memory, pids"
    assert refusal() == expected


def test_a_cgroup_that_cannot_pass_its_controllers_on_is_refused(root: Path) -> None:
    """As in a container: its processes are in the cgroup that it sees as the root, or it cannot write there."""
    (root / "cgroup.subtree_control").unlink()
    (root / "cgroup.subtree_control").symlink_to("/proc/version")
    start = f"A node needs a cgroup with controllers, and {root}/cgroup.subtree_control does not give it: "
    assert refusal().startswith(start)
    assert refusal() != start


def test_a_cgroup_that_passes_its_controllers_on_is_left_alone(root: Path) -> None:
    assert cgroups.obstacle() == ""
    assert (root / "cgroup.subtree_control").read_text() == "cpuset cpu io memory pids\n"


def test_controllers_that_are_not_passed_on_are_passed_on_together(root: Path) -> None:
    """One after the other, the kernel would accept some of them for a cgroup with processes, and change its type."""
    (root / "cgroup.subtree_control").write_text("io pids\n")
    assert cgroups.obstacle() == ""
    assert (root / "cgroup.subtree_control").read_text() == "+cpuset +cpu +memory"


def test_processes_leave_the_root_of_an_enclosure_after_it_became_the_root() -> None:
    group = Path("/sys/fs/cgroup/ecr-secret-operator-node-1-1")
    one = Hierarchy(Path("/sys/fs/cgroup"), "rw", VERSION_2)
    place = Path("/nowhere")
    words = command_line(["true"], system=place, directory=place, programs=[], groups=[group], hierarchies=[one])
    order = [words.index(word) for word in (str(group), "--cgroup", str(group / "processes"), "--pid")]
    assert order == sorted(order)
    assert "tmpfs" not in words
    assert words[words.index("cgroup2") : words.index("cgroup2") + 4] == ["cgroup2", "rw", ".", "--"]
