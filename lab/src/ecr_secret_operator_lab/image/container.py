"""Runs a container of an unpacked image with crun, as strictly as OpenShift's restricted-v2 does.

A uid without a user name, in group 0, without any capability or a way to get one, with a root file system that cannot
be written and nothing else that can. Process, mount, IPC and host name namespaces are its own. The network is this
machine's, where the API server and AWS of the laboratory listen on the loopback.

`python -m ecr_secret_operator_lab.image` becomes crun, for a process with its own arguments and environment.
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .builder import Image
from .enclosure import PLACE, within

UID, GID = 1000710000, 0
CAPABILITIES = ("bounding", "effective", "permitted", "inheritable", "ambient")
NAMESPACES = ("pid", "mount", "ipc", "uts")
OF_THE_LABORATORY = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "COVERAGE_PROCESS_CONFIG", "LC_CTYPE")
SPECIFICATION = "container.json"


@dataclass(frozen=True, slots=True)
class Container:
    """What containers are made from.

    Attributes:
        tools: root directory with crun.
        image: what is in it, and how its process is started.
        home: a directory for what crun keeps.
        volumes: directories, by the path that each has in there; they cannot be written.
    """

    tools: Path
    image: Image
    home: Path
    volumes: Mapping[str, Path]

    def command(self, *entrypoint: str) -> list[str]:
        """The command line that runs one; more arguments go to its process, and so does the environment.

        Args:
            entrypoint: in place of the image's.
        """
        specification = {
            "tools": str(self.tools),
            "root": str(self.image.root),
            "volumes": {place: str(path) for place, path in self.volumes.items()},
            "entrypoint": [*(entrypoint or self.image.config["Entrypoint"])],
            "environment": [*self.image.config["Env"]],
        }
        self.home.mkdir(exist_ok=True)
        place = self.home / f"{uuid.uuid4().hex[:8]}-{SPECIFICATION}"
        place.write_text(json.dumps(specification))
        return [sys.executable, "-m", __package__ or "", str(place)]


def _bundle(given: Mapping[str, Any], arguments: list[str], environment: Mapping[str, str]) -> dict[str, Any]:
    """The container, as OCI's runtime specification has it."""
    own = [f"{name}={value}" for name, value in environment.items() if name not in OF_THE_LABORATORY]
    volumes = [
        {"destination": place, "type": "bind", "source": str(PLACE / f"volume-{number}"), "options": ["rbind", "ro"]}
        for number, place in enumerate(given["volumes"])
    ]
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": UID, "gid": GID},
            "args": [*given["entrypoint"], *arguments],
            "env": [*given["environment"], *own],
            "cwd": "/",
            "noNewPrivileges": True,
            "capabilities": {kind: [] for kind in CAPABILITIES},
        },
        "root": {"path": str(PLACE / "root"), "readonly": True},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]},
            *volumes,
        ],
        "linux": {"namespaces": [{"type": kind} for kind in NAMESPACES], "readonlyPaths": ["/proc/sys"]},
    }


def become() -> None:
    """Becomes the crun of a container that `command` has described."""
    place, arguments = Path(sys.argv[1]), sys.argv[2:]
    given = json.loads(place.read_text())
    identity = uuid.uuid4().hex[:12]
    home = place.parent / identity
    home.mkdir()
    (home / "config.json").write_text(json.dumps(_bundle(given, arguments, os.environ)))
    crun = ["crun", f"--root={PLACE}/home/state", "--cgroup-manager=disabled"]
    argv = [*crun, "run", f"--bundle={PLACE}/home", f"operator-{identity}"]
    volumes = {f"volume-{number}": Path(path) for number, path in enumerate(given["volumes"].values())}
    directories = {"home": home, "root": Path(given["root"]), **volumes}
    command = within(Path(given["tools"]), argv, directories=directories, network=True)
    os.execvp(command[0], command)  # noqa: S606 - to become the program, without a shell of ours, is the purpose
