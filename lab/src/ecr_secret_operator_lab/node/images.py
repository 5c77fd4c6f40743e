"""Container images that are made on the spot, as archives in Docker's format, which crane and containerd read."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..programs.recipe import ARCHITECTURES

APPLETS = ("sh", "cat", "cp", "env", "id", "ls", "mkdir", "sleep", "tail", "tar", "touch", "wget")
"""The programs of busybox that are in the images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What an image consists of.

    Attributes:
        files: contents by path without a leading slash; all of them can be executed.
        links: targets of symbolic links by path.
        command: its entrypoint.
        environment: entries such as PATH=/bin.
        user: by number, such as 65532:65532.
    """

    files: Mapping[str, bytes]
    command: Sequence[str]
    links: Mapping[str, str] = field(default_factory=dict)
    environment: Sequence[str] = ("PATH=/bin",)
    user: str = "65532:65532"


def write_image(archive: Path, name: str, contents: Contents) -> Path:
    """Writes an image of one layer, with this name, for this machine's architecture."""
    layer = _layer(contents)
    configuration = json.dumps(
        {
            "architecture": ARCHITECTURES.get(platform.machine(), platform.machine()),
            "os": "linux",
            "config": {"Entrypoint": contents.command, "Env": contents.environment, "User": contents.user},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        }
    ).encode()
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [name], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(archive, "w") as tar:
        for member, content in (("config.json", configuration), ("layer.tar", layer), ("manifest.json", manifest)):
            _add(tar, tarfile.TarInfo(member), content)
    return archive


def _layer(contents: Contents) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        temporary = tarfile.TarInfo("tmp")
        temporary.type, temporary.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(temporary)
        for path, content in contents.files.items():
            entry = tarfile.TarInfo(path)
            entry.mode = 0o755
            _add(tar, entry, content)
        for path, target in contents.links.items():
            link = tarfile.TarInfo(path)
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, entry: tarfile.TarInfo, content: bytes) -> None:
    entry.size = len(content)
    tar.addfile(entry, io.BytesIO(content))


def busybox(
    program: Path, *, command: Sequence[str] = ("/bin/sh",), more: Mapping[str, bytes] | None = None
) -> Contents:
    """An image of busybox.

    Args:
        program: busybox, statically linked.
        command: the image's entrypoint.
        more: further programs by name; they are in /bin, too.
    """
    return Contents(
        files={"bin/busybox": program.read_bytes(), **{f"bin/{name}": file for name, file in (more or {}).items()}},
        links={f"bin/{name}": "busybox" for name in APPLETS},
        command=command,
    )
