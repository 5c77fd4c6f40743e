"""Programs from Debian and its kin, without root's permissions and without a change of the system.

apt-get works out which packages the program needs beyond those that are installed, and downloads them into a draft;
dpkg-deb unpacks them there. The program is a script that starts the unpacked one with the unpacked libraries.
"""

import os
import platform
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from ..reporting import Reporter
from ..runs import CommandFailed, run
from .cache import draft, publish_program
from .errors import BinariesError

NEEDED = ("apt-get", "dpkg-deb")
# After the system's own configuration: no lock, no other user, and no hook has anything to do with this.
CONFIGURATION = """\
Dir::Cache "{directory}/cache";
Dir::Cache::archives "{directory}/archives";
Debug::NoLocking "true";
APT::Sandbox::User "";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear DPkg::Post-Invoke;
"""
NOTHING_INSTALLED = """\
Dir::State::status "{directory}/status";
"""
FOREIGN = """\
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
"""
PRIVATE_LISTS = """\
Dir::State::lists "{directory}/lists";
"""
WRAPPER = """\
#!/bin/sh
place="$(dirname "$(readlink -f "$0")")/{root}"
LD_LIBRARY_PATH="{libraries}" exec "$place/{program}" "$@"
"""


def home(cache_directory: Path, package: str) -> Path:
    """Where a package of this release of this system lies in the cache."""
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    parts = (release.get("ID", platform.system().lower()), release.get("VERSION_ID", "rolling"), platform.machine())
    return cache_directory / package / "-".join(parts)


def unpacker(package: str, override: str, program: str = "") -> Callable[[Sequence[str], Path, Reporter], None]:
    """A source, as `obtain` wants it, of programs of a package.

    Args:
        package: the package's name.
        override: the variable that names a directory with programs of the user's own, for the error's advice.
        program: where the program lies in the package; empty for its name in usr/bin.
    """

    def unpack(names: Sequence[str], home: Path, report: Reporter) -> None:
        """Puts the named programs into `home`. Call it under the lock of `home`.

        Raises:
            BinariesError: this system has no apt-get, or it does not give the package.
        """
        for name in names:
            advice = f"Install {name} so that it is on PATH, or set {override} to a directory that has it."
            if absent := [tool for tool in NEEDED if shutil.which(tool) is None]:
                raise BinariesError(f"{name} is not on PATH, and there is no {absent[0]} to get it with. {advice}")
            with draft(home) as scratch:
                try:
                    _unpack(name, package, program or f"usr/bin/{name}", scratch, home, report)
                except CommandFailed as failure:
                    raise BinariesError(
                        f"{name} is not on PATH, and apt-get does not give it. {advice}\n{failure}"
                    ) from failure

    return unpack


def _unpack(name: str, package: str, program: str, scratch: Path, home: Path, report: Reporter) -> None:
    report(f"Downloading {name} and what it needs from the system's package archive; nothing is installed")
    root = scratch / "root"
    for archive in downloaded([package], scratch, report):
        _run(["dpkg-deb", "--extract", str(archive), str(root)], scratch, report)
    place = home / f"{name}-root"
    shutil.rmtree(place, ignore_errors=True)
    root.replace(place)
    wrapper = scratch / name
    wrapper.write_text(WRAPPER.format(root=place.name, libraries=_libraries(place), program=program))
    publish_program(wrapper, home / name)


def downloaded(
    packages: Sequence[str], scratch: Path, report: Reporter, *, alone: bool = False, architecture: str = ""
) -> Sequence[Path]:
    """The archives of packages and of what they need. The system's own lists do, unless they are missing or old.

    Args:
        packages: their names.
        scratch: a directory for them.
        report: called while it lasts.
        alone: with what is installed on this system, too.
        architecture: Debian's name of another architecture than this system's; implies `alone`.

    Raises:
        CommandFailed: apt-get does not give them.
    """
    archives = scratch / "archives"
    for directory in (archives, scratch / "lists", scratch / "cache"):
        (directory / "partial").mkdir(parents=True)
    (scratch / "status").touch()
    configuration = scratch / "apt.conf"
    fetch = ["apt-get", "--config-file", str(configuration), "--quiet", "--yes"]
    install = [*fetch, "--no-install-recommends", "--reinstall", "--download-only", "install", *packages]
    text = CONFIGURATION + (NOTHING_INSTALLED if alone or architecture else "") + (FOREIGN if architecture else "")
    configuration.write_text(text.format(directory=scratch, architecture=architecture))
    try:
        _run(install, scratch, report)
    except CommandFailed:
        configuration.write_text((text + PRIVATE_LISTS).format(directory=scratch, architecture=architecture))
        _run([*fetch, "update"], scratch, report)
        _run(install, scratch, report)
    return sorted(archives.glob("*.deb"))


def _run(argv: Sequence[str], scratch: Path, report: Reporter) -> None:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
    run(argv, env=environment, log=scratch / f"{argv[0]}.log", report=report)


def _libraries(root: Path) -> str:
    """The directories with libraries, for a loader that is started by the wrapper."""
    directories = {path.parent.relative_to(root) for path in root.rglob("*.so*")}
    return ":".join(f"$place/{directory}" for directory in sorted(directories))
