"""What a node consists of: Kubernetes' own programs, and a root directory of Debian's packages for the others."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ..controlplane.download import download
from ..controlplane.recipe import ASSETS, RECIPE
from ..programs.cache import cache_directory
from ..programs.errors import BinariesError
from ..programs.gobuild import builder
from ..programs.obtain import Origin, ensure
from ..programs.recipe import Recipe
from ..programs.roots import Root, ensure_root
from ..reporting import Reporter
from .cgroups import obstacle

KUBELET, KUBE_PROXY, KUBE_SCHEDULER = "kubelet", "kube-proxy", "kube-scheduler"

# A module of its own: the control plane's programs need not be built again because of these (ADR 61).
NODE_RECIPE = Recipe(
    name="node",
    product="Kubernetes",
    module="k8s.io/kubernetes",
    packages={name: f"k8s.io/kubernetes/cmd/{name}" for name in (KUBE_PROXY, KUBE_SCHEDULER, KUBELET)},
    directory=files(__package__).joinpath("gomod"),
    override=ASSETS,
    stamps=RECIPE.stamps,
)
SYSTEM = Root(
    name="node",
    packages=(
        "base-files",
        "busybox-static",
        "containerd",
        "containernetworking-plugins",
        "iproute2",
        "mount",
        "nftables",
        "runc",
    ),
    without=("perl-base", "iptables"),
)
NEEDED = ("unshare", "nsenter", "pivot_root", "mount", "chroot")


@dataclass(frozen=True, slots=True)
class Parts:
    """All that a node is started from.

    Attributes:
        programs: kubelet, kube-proxy and kube-scheduler.
        system: root directory with containerd, runc and the CNI plugins.
    """

    programs: Mapping[str, Path]
    system: Path

    @property
    def busybox(self) -> Path:
        """A statically linked busybox."""
        return self.system / "bin/busybox"


def ensure_node(report: Reporter) -> Parts:
    """Returns the parts; obtains those that this machine does not have yet, which takes minutes the first time.

    Raises:
        BinariesError: this machine cannot run a node, or a part cannot be obtained.
    """
    _check_machine()
    origin = Origin(
        names=tuple(NODE_RECIPE.packages),
        home=NODE_RECIPE.home(cache_directory()),
        override=ASSETS,
        sources=(download, builder(NODE_RECIPE)),
    )
    system = ensure_root(SYSTEM, report)
    return Parts(ensure(origin, report), system)


def _check_machine() -> None:
    if sys.platform != "linux":
        raise BinariesError("A node needs Linux. Without a node, the local control plane runs on this machine")
    if os.geteuid() != 0:
        raise BinariesError("Only root can start a node, because it creates namespaces and mounts. Run this as root")
    if found := obstacle():
        raise BinariesError(found)
    if absent := [tool for tool in NEEDED if shutil.which(tool) is None]:
        raise BinariesError(f"A node needs {absent[0]}, which is not on PATH. Install Debian's package util-linux")
