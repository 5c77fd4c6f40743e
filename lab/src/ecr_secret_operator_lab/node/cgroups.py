"""A cgroup for each enclosure: what its containers create lies in there, and two enclosures never share one.

Without it, the kubelet of one enclosure would end the containers of the other, which it does not know.
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
PREFIX = "ecr-secret-operator-node"
REMOVAL_SECONDS = 10.0
CPUSET_FILES = ("cpuset.cpus", "cpuset.mems")


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """A mounted hierarchy of cgroups, version 1.

    Attributes:
        place: where it is mounted.
        options: that select its controllers, for mount.
    """

    place: Path
    options: str


def hierarchies() -> Sequence[Hierarchy]:
    """Those of this machine; none if it has cgroups of version 2 only."""
    controllers = {line.split()[0] for line in Path("/proc/cgroups").read_text().splitlines()}
    rows = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [
        Hierarchy(Path(place), _selecting(options.split(","), controllers))
        for _, place, kind, options, *_ in rows
        if kind == "cgroup" and Path(place).is_relative_to(MOUNTED)
    ]


def _selecting(options: Sequence[str], controllers: Collection[str]) -> str:
    """The options that say which hierarchy it is: its controllers, or its name."""
    names = [option for option in options if option.startswith("name=")]
    return ",".join(["none", *names] if names else [option for option in options if option in controllers])


def own_name() -> str:
    """A name for what belongs to this process. It tells a later process whether this one still runs."""
    return f"{PREFIX}-{os.getpid()}-{start_time(os.getpid())}"


def create() -> Sequence[Path]:
    """Creates a cgroup for this process's enclosure in every hierarchy; removes those of enclosures that are gone."""
    sweep()
    created = [one.place / own_name() for one in hierarchies()]
    for group in created:
        group.mkdir(exist_ok=True)
        for file in CPUSET_FILES:
            # A new cpuset has no processors, and no process can join it until it has some.
            if (group / file).is_file() and not (group / file).read_text().strip():
                (group / file).write_text((group.parent / file).read_text())
    return created


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
