"""Starts the operator of an image for another architecture, too: in its own root directory, by qemu where needed."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ecr_secret_operator_lab.programs import BinariesError, ensure_programs
from ecr_secret_operator_lab.reporting import Reporter

from ..image import MACHINES, PLACE
from .images import PYTHON
from .programs import ReleaseFailed, run

EMULATORS = {"arm64": "qemu-aarch64-static", "amd64": "qemu-x86_64-static"}
_COMMAND = (PYTHON, "-I", f"{PLACE}/bin/ecr-secret-operator", "--version")


def unpack(archive: Path, root: Path) -> Path:
    """Unpacks the files of an image, without their owners."""
    root.mkdir()
    run(["tar", "--extract", "--no-same-owner", "--same-permissions", f"--file={archive}", f"--directory={root}"], root)
    return root


def printed_version(root: Path, architecture: str, report: Reporter) -> str | None:
    """What the operator of an unpacked image prints as its version; None where nothing can run that architecture.

    Raises:
        ReleaseFailed: it did not start.
    """
    emulator: Sequence[str] = ()
    if MACHINES[architecture] != platform.machine():
        found = _emulator(EMULATORS[architecture], report)
        if found is None:
            return None
        shutil.copy(found, root / found.name)
        emulator = [f"/{found.name}"]
    argv = [*_entering(), "chroot", str(root), *emulator, *_COMMAND]
    done = subprocess.run(argv, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ReleaseFailed(f"the image for {architecture} does not start:\n{done.stderr}{done.stdout}")
    return done.stdout.strip()


def _entering() -> Sequence[str]:
    """What lets this user change the root directory.

    Raises:
        ReleaseFailed: this machine has no user namespaces for users, as Ubuntu's default is.
    """
    if os.geteuid() == 0:
        return ()
    command = ["unshare", "--map-root-user"]
    tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        raise ReleaseFailed(
            "the image cannot be started by this user: run this as root, or allow user namespaces, on Ubuntu with "
            f"`sysctl kernel.apparmor_restrict_unprivileged_userns=0`: {tried.stderr.strip()}"
        )
    return command


def _emulator(name: str, report: Reporter) -> Path | None:
    """The program, which needs no library: from PATH, or from Debian's package."""
    on_path = shutil.which(name)
    if on_path is not None:
        return Path(on_path)
    try:
        wrapper = ensure_programs([name], report)[name]
    except (BinariesError, ValueError):
        return None
    unpacked = wrapper.parent / f"{name}-root" / "usr" / "bin" / name
    return unpacked if unpacked.is_file() else wrapper
