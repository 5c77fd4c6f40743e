"""Runs programs of a root directory as if it were the system's, with the directories that they are to work on.

A mount namespace of its own: nothing of this shows outside, and all of it goes with the program.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

# crun cannot do with cgroups of both versions at once, and is to leave them alone in any case: it sees none.
SCRIPT = """\
root=$1; shift
mount --rbind "$root" "$root"
for name in proc dev sys; do mount --rbind "/$name" "$root/$name"; done
mount -t tmpfs none "$root/sys/fs/cgroup"
mount -t tmpfs none "$root/mnt"
while [ "$1" != -- ]; do mkdir "$root/mnt/$1"; mount --rbind "$2" "$root/mnt/$1"; shift 2; done
shift
exec chroot "$root" "$@"
"""
PLACE = PurePosixPath("/mnt")


def within(root: Path, argv: Sequence[str], *, directories: Mapping[str, Path], network: bool) -> list[str]:
    """The command line that runs a program of a root directory; it becomes that program, whose signals it gets.

    Args:
        root: the directory.
        argv: the program and its arguments.
        directories: by the name under /mnt that each has in there.
        network: whether it has the network of this machine, or none.
    """
    unshare = ["unshare", "--mount", "--propagation", "slave", *([] if network else ["--net"])]
    bound = [word for name, path in directories.items() for word in (name, str(path))]
    return [*unshare, "sh", "-ec", SCRIPT, "sh", str(root), *bound, "--", *argv]
