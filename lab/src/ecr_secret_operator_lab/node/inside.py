"""What an enclosure looks like from inside: its network, its file system, and the settings of the kernel in it.

The scripts run with `sh -e`. The second one is process 1 of the enclosure: it waits for orphaned processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from .cgroups import MOUNTED, PROCESSES, VERSION_2, Hierarchy

NAME = "node"
ADDRESS, PREFIX_LENGTH = "10.200.0.1", 24
POD_RANGE = "10.201.0.0/24"
DOMAIN = "cluster.local"
PLACE = PurePosixPath("/mnt/node")
"""In the node's root directory: the directory of the supervisor."""

PROGRAMS = PurePosixPath("/mnt/programs")
"""In the node's root directory: Kubernetes' own programs."""

COMPLETE = "enclosure-is-complete"
"""A file in the supervisor's directory: process 1 creates it before it starts the supervisor."""

MOUNTS = "mounts-of-the-node"
"""A link in the supervisor's directory: to the mount namespace of the node, whose root directory is the node's."""

HOLD = f'cd "$1"; pivot_root . .; umount -l .; mount --make-rshared /; : > {PLACE}/held; exec busybox tail -f /dev/null'
"""The process that holds this namespace.

A chroot would not do: what `kubectl exec` starts in a container begins at the root of its mount namespace.
"""

NAMESPACES = ("mount", "net", "uts", "ipc", "pid")
UNSHARE = ("unshare", *(f"--{kind}" for kind in NAMESPACES), "--fork", "--kill-child", "--mount-proc")
JOIN = 'for group in $1; do echo $$ > "$group/cgroup.procs"; done; shift; exec "$@"'
OWN_CGROUPS = ("unshare", "--cgroup")

SYSCTLS: Mapping[str, int] = {
    "vm/overcommit_memory": 1,
    "vm/panic_on_oom": 0,
    "kernel/panic": 10,
    "kernel/panic_on_oops": 1,
    "kernel/keys/root_maxkeys": 1000000,
    "kernel/keys/root_maxbytes": 25000000,
}
"""What a kubelet sets for the whole machine (setupKernelTunables). Here it finds files with these values instead."""

SCRIPT = f"""\
root=$1 directory=$2 programs=$3; shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
for place in run tmp mnt var; do mount -t tmpfs -o mode=755 none "$root/$place"; done
mount -t proc none "$root/proc"
mount -t sysfs none "$root/sys"
mount --rbind /dev "$root/dev"
while [ "$1" != -- ]; do
  mkdir -p "$root{MOUNTED}/$3"
  mount -t "$1" -o "$2" none "$root{MOUNTED}/$3"
  shift 3
done
shift
cp -a "$root/etc" "$root/run/etc"
echo "127.0.0.1 localhost" > "$root/run/etc/hosts"
mount --bind "$root/run/etc" "$root/etc"
mkdir "$root/var/lib" "$root/var/log" "$root{PLACE}" "$root{PROGRAMS}" "$root/run/sysctl"
mount --bind "$directory" "$root{PLACE}"
for program in $programs; do
  : > "$root{PROGRAMS}/${{program##*/}}"
  mount --bind "$program" "$root{PROGRAMS}/${{program##*/}}"
done
while [ "$1" != -- ]; do
  echo "$2" > "$root/run/sysctl/value"
  cp "$root/run/sysctl/value" "$root/run/sysctl/${{1##*/}}"
  mount --bind "$root/run/sysctl/${{1##*/}}" "$root/proc/sys/$1"
  shift 2
done
shift
unshare --mount sh -ec '{HOLD}' sh "$root" &
ln -s /proc/$!/ns/mnt "$directory/{MOUNTS}"
echo {NAME} > /proc/sys/kernel/hostname
echo 1 > /proc/sys/net/ipv4/ip_forward
for command in "link set lo up" "link add uplink type veth peer name nowhere" "link set uplink up" \\
  "link set nowhere up" "address add {ADDRESS}/{PREFIX_LENGTH} dev uplink" "route add default dev uplink"; do
  chroot "$root" ip $command
done
until [ -e "$directory/held" ]; do sleep 0.01; done
: > "$directory/{COMPLETE}"
"$@"
exit $?
"""


def command_line(
    argv: Sequence[str],
    *,
    system: Path,
    directory: Path,
    programs: Sequence[Path],
    groups: Sequence[Path],
    hierarchies: Sequence[Hierarchy],
) -> list[str]:
    """The command line that runs another one in an enclosure.

    Args:
        argv: what runs in there, with this machine's file system as its root directory.
        system: the node's root directory.
        directory: that the node's programs find at `PLACE`.
        programs: that they find in `PROGRAMS`.
        groups: the enclosure's cgroups.
        hierarchies: that these belong to.
    """
    settings = [word for name, value in SYSCTLS.items() for word in (name, str(value))]
    places = [str(system), str(directory), " ".join(map(str, programs))]
    given = [*places, *_mounts(hierarchies), "--", *settings, "--", *argv]
    # The root of a cgroup namespace is the cgroup of the process that creates it.
    below = [group / PROCESSES for group, one in zip(groups, hierarchies, strict=True) if one.version == VERSION_2]
    return [*_joined(groups), *OWN_CGROUPS, *_joined(below), *UNSHARE, "sh", "-ec", SCRIPT, "sh", *given]


def _joined(groups: Sequence[Path]) -> Sequence[str]:
    """The start of a command line: the rest of it runs in these cgroups."""
    return ["sh", "-ec", JOIN, "sh", " ".join(map(str, groups))]


def _mounts(hierarchies: Sequence[Hierarchy]) -> Sequence[str]:
    """Type, options and place below /sys/fs/cgroup of all that is mounted there."""
    own = [word for one in hierarchies for word in (one.version, one.options, str(one.place.relative_to(MOUNTED)))]
    return own if all(one.version == VERSION_2 for one in hierarchies) else ["tmpfs", "mode=755", ".", *own]
