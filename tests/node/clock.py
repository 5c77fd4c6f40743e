"""A clock that a test can set, for the operator's containers only: libfaketime of Debian, preloaded.

CLOCK_REALTIME belongs to no namespace of the kernel. So the rest of the cluster keeps the machine's clock.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ecr_secret_operator_lab.cluster import Cluster, Object

from .containers import first_process
from .installing import NAMESPACE, Installation

CONFIG_MAPS = f"/api/v1/namespaces/{NAMESPACE}/configmaps"
NAME = "clock"  # of the ConfigMap and the volume with the library
OFFSET = Path("/run/clock/offset")
ENVIRONMENT = {
    "LD_PRELOAD": "/run/libfaketime/libfaketime.so.1",
    "FAKETIME_TIMESTAMP_FILE": str(OFFSET),
    "FAKETIME_CACHE_DURATION": "1",
    "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    "NO_FAKE_STAT": "1",
}


@contextmanager
def settable_clock(installation: Installation, cluster: Cluster, library: Path) -> Iterator[None]:
    """Lets the operator's Pods run with a clock that `move_clock` sets."""
    data = {library.name: b64encode(library.read_bytes()).decode()}
    cluster.create(CONFIG_MAPS, {"metadata": {"name": NAME}, "binaryData": data})
    volumes: list[Object] = [{"name": NAME, "configMap": {"name": NAME}}, {"name": "offset", "emptyDir": {}}]
    mounts = [{"name": NAME, "mountPath": "/run/libfaketime"}, {"name": "offset", "mountPath": str(OFFSET.parent)}]
    variables = [{"name": name, "value": value} for name, value in ENVIRONMENT.items()]
    places = {
        "/spec/volumes/-": volumes,
        "/spec/containers/0/volumeMounts/-": mounts,
        "/spec/containers/0/env/-": variables,
    }
    try:
        with installation.at_once(), installation.restored():
            installation.change(
                *({"op": "add", "path": path, "value": value} for path, values in places.items() for value in values)
            )
            installation.rolled_out()
            yield
    finally:
        cluster.delete(f"{CONFIG_MAPS}/{NAME}")


def move_clock(installation: Installation, seconds: float) -> None:
    """Sets the clock of both Pods ahead of the machine's."""
    for pod in installation.pods():
        (first_process(pod) / "root" / OFFSET.relative_to("/")).write_text(f"+{seconds:.0f}\n")
