"""What an image is built from and with: root directories of Debian's packages, and the wheels that are locked."""

from __future__ import annotations

import hashlib
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..programs.cache import cache_directory, draft, exclusive
from ..programs.errors import BinariesError
from ..programs.obtain import LOCK
from ..programs.roots import Root, ensure_root
from ..reporting import Reporter
from ..runs import CommandFailed, run

PERL = ("perl", "perl-base", "perl-modules-5.36", "libperl5.36", "perl-modules-5.40", "libperl5.40")
TOOLS = Root(name="image-tools", packages=("buildah", "crun"), without=(*PERL, "iptables", "gnupg", "gnupg-l10n"))
RUN = Root(
    name="image-base-run",
    packages=("base-files", "ca-certificates", "libpython3-stdlib", "netbase", "python3-minimal", "tzdata"),
    without=("libselinux1", "mawk", "openssl"),
)
BUILD = Root(name="image-base-build", packages=("python3", "python3-pip"), without=("openssl",))
REQUIREMENTS = ("run.txt", "image.txt")


@dataclass(frozen=True, slots=True)
class Parts:
    """All that a build needs; it needs no network then.

    Attributes:
        tools: root directory with buildah and crun.
        run: root directory with Python: the base of the image.
        build: root directory with Python and pip.
        wheels: directory with every wheel that is locked.
    """

    tools: Path
    run: Path
    build: Path
    wheels: Path


def ensure_parts(requirements: Path, glibcs: Sequence[str], report: Reporter) -> Parts:
    """Gives the parts; obtains those that this machine does not have yet, which takes a minute, once.

    Args:
        requirements: directory of the locked requirements.
        glibcs: the platforms of wheels that the build accepts, without the machine, such as `manylinux_2_28`.
        report: called with each part that is obtained.

    Raises:
        BinariesError: this is not root, or a part cannot be had.
    """
    tools, run, build = (ensure_root(root, report) for root in (TOOLS, RUN, BUILD))
    locked = [requirements / name for name in REQUIREMENTS]
    return Parts(tools, run, build, _ensure_wheels(locked, glibcs, python_of(build), report))


def python_of(root: Path) -> str:
    """The minor version of a root directory's Python."""
    return (root / "usr/bin/python3").readlink().name.removeprefix("python")


def _ensure_wheels(locked: Sequence[Path], glibcs: Sequence[str], python: str, report: Reporter) -> Path:
    platforms = [f"{glibc}_{platform.machine()}" for glibc in glibcs]
    inputs = b"".join((" ".join(platforms).encode(), *(file.read_bytes() for file in locked)))
    digest = hashlib.sha256(inputs).hexdigest()[:12]
    place = cache_directory() / "wheels" / f"python{python}-{digest}"
    if not place.is_dir():
        with exclusive(cache_directory() / LOCK, report), draft(place.parent) as scratch:
            if not place.is_dir():
                _download(locked, platforms, python, scratch, report)
                (scratch / "wheels").replace(place)
    return place


def _download(locked: Sequence[Path], platforms: Sequence[str], python: str, scratch: Path, report: Reporter) -> None:
    report("Downloading the wheels that the image is built from")
    pip = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input", "--no-deps"]
    wheels = [
        "--require-hashes",
        "--only-binary",
        ":all:",
        "--python-version",
        python,
        *(word for one in platforms for word in ("--platform", one)),
        "--dest",
        str(scratch / "wheels"),
    ]
    try:
        for file in locked:
            argv = [*pip, *wheels, "--requirement", str(file.absolute())]
            run(argv, env=os.environ, log=scratch / "pip.log", report=report)
    except CommandFailed as failure:
        raise BinariesError(f"The wheels of {file} cannot be had.\n{failure}") from failure
