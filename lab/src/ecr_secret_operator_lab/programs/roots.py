"""Root directories that consist of Debian's packages and nothing else: bases of container images, and what builds them.

The packages are unpacked, not installed: none of their scripts run. The owners of files are those of the packages, so
this is for root.
"""

import hashlib
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..reporting import Reporter
from ..runs import CommandFailed, run
from . import debian
from .cache import cache_directory, draft, exclusive
from .errors import BinariesError
from .obtain import LOCK

NEEDED = (*debian.NEEDED, "tar")
MERGED = ("bin", "sbin", "lib", "lib64")
"""Directories that are links into /usr, as on all systems of today."""

# Packages that only ever serve the installation of others.
INSTALLERS = frozenset({"adduser", "debconf", "dpkg", "init-system-helpers", "tar", "usrmerge"})
UNPACK = 'dpkg-deb --fsys-tarfile "$1" | tar --extract --keep-directory-symlink --directory "$2"'
PASSWD, GROUP = "root:x:0:0:root:/root:/sbin/nologin\n", "root:x:0:\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Root:
    """What a root directory is made of.

    Attributes:
        name: of the directory in the cache.
        packages: by name; what they need comes with them.
        without: of those that come with them.
        architecture: Debian's name of another architecture than this system's; empty for this one.
    """

    name: str
    packages: Sequence[str]
    without: Sequence[str] = ()
    architecture: str = ""

    @property
    def home(self) -> Path:
        """Where it lies in the cache: another recipe is another place."""
        recipe = repr((self.packages, self.without, UNPACK)).encode()
        name = "-".join(filter(None, (self.name, self.architecture, hashlib.sha256(recipe).hexdigest()[:12])))
        return debian.home(cache_directory(), "roots") / name


def ensure_root(root: Root, report: Reporter) -> Path:
    """Gives the directory; obtains it when it is not in the cache yet. Several processes may call it at once.

    Raises:
        BinariesError: this is not root, or no system that has the packages.
    """
    if os.geteuid() != 0:
        raise BinariesError(
            f"{root.name}: only root can make a root directory, and containers from it. Run this as root"
        )
    if absent := [tool for tool in NEEDED if shutil.which(tool) is None]:
        raise BinariesError(f"{root.name} is made of Debian's packages, and there is no {absent[0]} on PATH")
    if not root.home.is_dir():
        with exclusive(cache_directory() / LOCK, report):
            if not root.home.is_dir():
                _make(root, report)
    return root.home


def _make(root: Root, report: Reporter) -> None:
    report(f"Downloading {', '.join(root.packages)} and all that they need; nothing is installed")
    with draft(root.home.parent) as scratch:
        made = scratch / "root"
        for name in MERGED:
            (made / "usr" / name).mkdir(parents=True)
            (made / name).symlink_to(f"usr/{name}")
        try:
            for archive in debian.downloaded(
                root.packages, scratch, report, alone=True, architecture=root.architecture
            ):
                if archive.name.partition("_")[0] not in {*INSTALLERS, *root.without}:
                    argv = ["sh", "-ec", UNPACK, "sh", str(archive), str(made)]
                    run(argv, env=os.environ, log=scratch / "unpack.log", report=report)
        except CommandFailed as failure:
            raise BinariesError(f"{root.name} cannot be made of Debian's packages.\n{failure}") from failure
        _complete(made)
        made.replace(root.home)


def _complete(made: Path) -> None:
    """What the scripts of packages would have made, as far as it is needed."""
    for name in ("dev", "etc", "mnt", "proc", "root", "sys", "tmp", "var/tmp"):
        (made / name).mkdir(parents=True, exist_ok=True)
    for name in ("tmp", "var/tmp"):
        (made / name).chmod(0o1777)
    (made / "etc/passwd").write_text(PASSWD)
    (made / "etc/group").write_text(GROUP)
