"""The processes of containers, as this machine's kernel shows them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from ecr_secret_operator_lab.cluster import Object
from ecr_secret_operator_lab.node.cgroups import hierarchies


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


def memory(pod: Object, counter: str) -> int:
    """One of the counters of memory of a Pod's only container, such as `max_usage_in_bytes` (cgroups of version 1)."""
    (memory,) = (one for one in hierarchies() if "memory" in one.options.split(","))
    rows = [line.split(":", 2) for line in (first_process(pod) / "cgroup").read_text().splitlines()]
    (group,) = (path for _, controllers, path in rows if "memory" in controllers.split(","))
    return int((memory.place / group.lstrip("/") / f"memory.{counter}").read_text())
