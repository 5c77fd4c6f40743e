"""A real node beside the control plane, as root: kubelet, containerd, runc, kube-proxy and scheduler.

All of it, the control plane too, runs in an enclosure: in namespaces and cgroups of its own. `parts` obtains the
programs, `inside` says what the enclosure looks like, `enclosure` runs and removes it, `relay` leads connections into
it and out of it, `components` has the programs' configuration, `cluster` starts everything.
"""

from .cluster import NodeCluster, RegistryAccess, free_port, has_node
from .components import BUSYBOX, CONTAINERD
from .images import Contents, busybox, write_image
from .inside import ADDRESS, NAME
from .parts import KUBELET, Parts, ensure_node

__all__ = [
    "ADDRESS",
    "BUSYBOX",
    "CONTAINERD",
    "KUBELET",
    "NAME",
    "Contents",
    "NodeCluster",
    "Parts",
    "RegistryAccess",
    "busybox",
    "ensure_node",
    "free_port",
    "has_node",
    "write_image",
]
