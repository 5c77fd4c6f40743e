"""A cgroup for each enclosure: what its containers create lies in there, and two enclosures never share one.

Without it, the kubelet of one enclosure would end the containers of the other, which it does not know.

With version 1, an enclosure has a cgroup in every hierarchy. With version 2, it has one, which is the root in there.
Only a cgroup without processes passes controllers on, so the processes of the enclosure are in another one below it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..processes import start_time

MOUNTED = Path("/sys/fs/cgroup")
VERSION_1, VERSION_2 = "cgroup", "cgroup2"
PROCESSES = "processes"
"""Version 2: the cgroup with the processes of the enclosure that no container runtime started."""

NEEDED = ("cpu", "memory", "pids")
"""Controllers of version 2 without which a kubelet starts no Pod."""

PASSED_ON = "cgroup.subtree_control"
PREFIX = "ecr-secret-operator-node"
REMOVAL_SECONDS = 10.0
CPUSET_FILES = ("cpuset.cpus", "cpuset.mems")


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A mounted hierarchy of cgroups.

    Attributes:
        place: where it is mounted.
        options: that select its controllers, for mount. Version 2 has no such options.
        version: of cgroups, as the type of the file system.
    """

    place: Path
    options: str
    version: str = VERSION_1


def hierarchies() -> Sequence[Hierarchy]:
    """Those of this machine: of version 1, or the one of version 2 if that is all there is."""
    controllers = {line.split()[0] for line in Path("/proc/cgroups").read_text().splitlines()}
    rows = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return mounted(rows, controllers)


def mounted(rows: Sequence[Sequence[str]], controllers: Collection[str]) -> Sequence[Hierarchy]:
    """The hierarchies in a table of mounts, as /proc/self/mounts has it.

    Args:
        rows: with device, place, type and options.
        controllers: that the kernel has.
    """
    if any((place, kind) == (str(MOUNTED), VERSION_2) for _, place, kind, *_ in rows):
        return [Hierarchy(MOUNTED, "rw", VERSION_2)]
    return [
        Hierarchy(Path(place), _selecting(options.split(","), controllers))
        for _, place, kind, options, *_ in rows
        if kind == VERSION_1 and Path(place).is_relative_to(MOUNTED)
    ]


def _selecting(options: Sequence[str], controllers: Collection[str]) -> str:
    """The options that say which hierarchy it is: its controllers, or its name."""
    names = [option for option in options if option.startswith("name=")]
    return ",".join(["none", *names] if names else [option for option in options if option in controllers])


def own_name() -> str:
    """A name for what belongs to this process. It tells a later process whether this one still runs."""
    return f"{PREFIX}-{os.getpid()}-{start_time(os.getpid())}"


def create() -> Sequence[Path]:
    """Creates a cgroup for this process's enclosure in every hierarchy; removes those of enclosures that are gone.

    Raises:
        OSError: the kernel does not let this process, see `obstacle`.
    """
    sweep()
    created = []
    for one in hierarchies():
        group = one.place / own_name()
        group.mkdir(exist_ok=True)
        created.append(group)
        if one.version == VERSION_2:
            pass_on(one.place)
            (group / PROCESSES).mkdir()
        else:
            _fill_cpuset(group)
    return created


def _fill_cpuset(group: Path) -> None:
    """A new cpuset of version 1 has no processors, and no process can join it until it has some."""
    for file in CPUSET_FILES:
        if (group / file).is_file() and not (group / file).read_text().strip():
            (group / file).write_text((group.parent / file).read_text())


def pass_on(group: Path) -> None:
    """Gives the cgroups below one of version 2 all controllers that it has, or at least those that a node needs.

    The kernel takes all controllers of one write or none. A cgroup with processes would accept some of them alone, and
    then could have no cgroups of the usual kind below it.

    Raises:
        OSError: the kernel does not let this process, or the cgroup has processes.
    """
    passed_on = (group / PASSED_ON).read_text().split()
    lacking = [one for one in (group / "cgroup.controllers").read_text().split() if one not in passed_on]
    try:
        _enable(group, lacking)
    except OSError:
        _enable(group, [one for one in lacking if one in NEEDED])


def _enable(group: Path, controllers: Sequence[str]) -> None:
    if controllers:
        (group / PASSED_ON).write_text(" ".join(f"+{one}" for one in controllers))


def obstacle() -> str:
    """Why no enclosure can have cgroups on this machine, as a sentence; empty if it can.

    Only the kernel knows whether a cgroup passes its controllers on, so this tries it, as `create` does.
    """
    found = hierarchies()
    if not found:
        return f"A node needs cgroups, and none are mounted at {MOUNTED}"
    if found[0].version == VERSION_1:
        return ""
    if absent := sorted(set(NEEDED) - set((MOUNTED / "cgroup.controllers").read_text().split())):
        return f"A node needs the cgroup controllers {', '.join(NEEDED)}, and {MOUNTED} has no {', '.join(absent)}"
    try:
        pass_on(MOUNTED)
    except OSError as error:
        return f"A node needs a cgroup with controllers, and {MOUNTED / PASSED_ON} does not give it: {error.strerror}"
    return ""


def remove(groups: Sequence[Path]) -> None:
    """Removes cgroups and all below them. Processes that are about to end may keep one for a moment."""
    deadline = time.monotonic() + REMOVAL_SECONDS
    for group in groups:
        while group.is_dir():
            for below in sorted(group.rglob("*/"), reverse=True):
                with suppress(OSError):
                    below.rmdir()
            with suppress(OSError):
                group.rmdir()
            if time.monotonic() > deadline:
                return
            time.sleep(0.01)


def sweep() -> None:
    """Removes the cgroups and directories of enclosures whose process was killed."""
    remove([group for one in hierarchies() for group in _abandoned(one.place)])
    for directory in _abandoned(Path(tempfile.gettempdir())):
        shutil.rmtree(directory, ignore_errors=True)


def _abandoned(place: Path) -> Sequence[Path]:
    """What bears the name of a process that no longer runs."""
    named = [(path, path.name.removeprefix(PREFIX).split("-")) for path in place.glob(f"{PREFIX}-*")]
    return [path for path, (_, pid, started, *_) in named if start_time(int(pid)) != int(started)]
