"""Installs OLM on a cluster with a node. It takes 10 s and 300 MiB of memory."""

from __future__ import annotations

import yaml

from ..node import NodeCluster, busybox, write_image
from . import objects
from .objects import NAMESPACE
from .parts import Parts

__all__ = ["NAMESPACE", "start_olm"]

START_SECONDS = 120


def start_olm(node: NodeCluster, parts: Parts) -> None:
    """Installs OLM, and returns when both of its operators are available. It ends with the cluster.

    Starts the cluster's DNS, too: OLM reaches catalogs by the names of their Services.

    Raises:
        ControlPlaneError: it did not start.
    """
    node.start_dns()
    programs = {name: path.read_bytes() for name, path in parts.programs.items()}
    image = busybox(node.parts.busybox, command=("/bin/opm",), more=programs)
    node.import_image(write_image(node.plane.directory / "image.tar", objects.IMAGE, image))
    kubectl = node.plane.kubectl
    kubectl("create", *(f"--filename={path}" for path in parts.definitions))
    kubectl("wait", "--for=condition=Established", "crd", "--all", f"--timeout={START_SECONDS}s")
    kubectl("create", "--filename=-", input=yaml.safe_dump_all(objects.installation()))
    for name in objects.DEPLOYMENTS:
        kubectl("rollout", "status", f"deployment/{name}", f"--namespace={NAMESPACE}", f"--timeout={START_SECONDS}s")
