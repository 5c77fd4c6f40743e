"""The processes of containers, as this machine's kernel shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ecr_secret_operator_lab.cluster import Object
from ecr_secret_operator_lab.node.cgroups import VERSION_1, VERSION_2, hierarchies


def first_process(pod: Object) -> Path:
    """The directory in /proc of the first process of a Pod's only container."""
    (status,) = pod["status"]["containerStatuses"]
    identity = status["containerID"].removeprefix("containerd://")
    found = [process for process in Path("/proc").iterdir() if process.name.isdigit() and _is_in(process, identity)]
    return min(found, key=lambda process: int(process.name))


def kernel_status(process: Path) -> Mapping[str, str]:
    """The fields of its status."""
    return dict(re.findall(r"^(\w+):\s*(.*)$", (process / "status").read_text(), re.MULTILINE))


def _is_in(process: Path, identity: str) -> bool:
    try:
        return identity in (process / "cgroup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


MEMORY_FILES = {
    VERSION_1: {"limit": "limit_in_bytes", "peak": "max_usage_in_bytes", "failures": "failcnt"},
    VERSION_2: {"limit": "max", "peak": "peak", "failures": "events"},
}


def memory(pod: Object, counter: str) -> int:
    """The limit of memory of a Pod's only container in bytes, its peak, or how often it reached the limit."""
    found = hierarchies()
    (place,) = (one for one in found if one.version == VERSION_2 or "memory" in one.options.split(","))
    rows = [line.split(":", 2) for line in (first_process(pod) / "cgroup").read_text().splitlines()]
    controller = "" if place.version == VERSION_2 else "memory"
    (group,) = (path for _, controllers, path in rows if controller in controllers.split(","))
    text = (place.place / group.lstrip("/") / f"memory.{MEMORY_FILES[place.version][counter]}").read_text()
    return int(dict(re.findall(r"^(\w+) (\d+)$", text, re.MULTILINE)).get("max", text))
