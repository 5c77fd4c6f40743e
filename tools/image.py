"""The steps of the container image's build: `python3 -m tools.image tools|dependencies|operator`, in this order.

They run in the build stage of the Containerfile, with the Python of its base and nothing else: no shell, and no package
but pip. TARGETARCH, PYTHON and BASE come from there. The result, `HOME`, is copied into the image as it is. `make sbom`
and `make release` run the same steps into another HOME, with the tools of the virtual environment.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path, PurePosixPath

from .image_content import Check, prune, standard_modules, strip, write_bytecode

PLACE = PurePosixPath("/opt/ecr-secret-operator")
"""Where the image has the result."""

HOME = Path(os.environ.get("IMAGE_HOME", PLACE))
TOOLS = Path("/tools")
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
LIBRARY = Path("lib") / f"python{VERSION}" / "site-packages"
PACKAGES = HOME / LIBRARY
BYTECODE = "bytecode"
SBOM = HOME / "ecr-secret-operator.cdx.json"
COMMANDS = ("ecr-secret-operator", "manager")

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""By TARGETARCH: those that all dependencies have wheels for."""

GLIBCS = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
"""The newest glibc that a wheel may ask for is that of RHEL 8, which all bases in question have."""

# -I: neither the environment, nor a home, nor the working directory has a say in what is imported.
LAUNCHER = '''\
#!{python} -I
"""Starts the operator; under the name of the Go operator's program, with that program's arguments."""

import sys

if "%s.%s" % sys.version_info[:2] != "{version}":
    sys.exit("Error: this was built for Python {version}, and BASE_RUN has another than BASE_BUILD")
sys.pycache_prefix = "{bytecode}"  # of the standard library, too, for which the base has none
sys.path.insert(1, "{packages}")
if sys.argv[0].endswith("/manager"):
    sys.argv.insert(1, "run")

from ecr_secret_operator.cli.main import main

main()
'''

# Not by PYTHONPATH: the interpreter whose packages are listed would look there, too.
CYCLONEDX = (
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module('cyclonedx_py', run_name='__main__')"
)


def tools() -> None:
    """Installs what the other steps need."""
    _pip(
        "install", "--require-hashes", "--only-binary", ":all:", "--target", str(TOOLS), "-r", "requirements/image.txt"
    )


def dependencies() -> None:
    """Installs what the operator needs, for the target's architecture."""
    target = os.environ.get("TARGETARCH")  # builders of old do not say it: then it is this machine's
    machine = MACHINES.get(target) if target else platform.machine()
    if machine is None:
        sys.exit(f"Error: there are no wheels for {target}; there are for {', '.join(MACHINES)}")
    platforms = [word for glibc in GLIBCS for word in ("--platform", f"{glibc}_{machine}")]
    wheels = ["--require-hashes", "--only-binary", ":all:", "--no-compile", *platforms]
    _pip("install", *wheels, "--target", str(PACKAGES), "-r", "requirements/run.txt")
    shutil.rmtree(PACKAGES / "bin", ignore_errors=True)  # commands of libraries


def operator() -> None:
    """Builds and installs the operator, lists what is there, and compiles it all."""
    with tempfile.TemporaryDirectory() as made:
        _pip("wheel", "--no-index", "--no-build-isolation", "--wheel-dir", made, ".", PYTHONPATH=str(TOOLS))
        # By name: the path of a wheel that is named by file becomes a part of what is installed.
        found = ["--no-index", "--find-links", made, "--pre", "ecr-secret-operator"]
        _pip("install", "--no-compile", "--target", str(PACKAGES), *found)
    shutil.rmtree(PACKAGES / "bin")  # its shebang is that of this stage's Python
    _list()
    prune(PACKAGES)
    strip(PACKAGES)
    _launchers(os.environ.get("PYTHON", sys.executable))
    _compile()
    _normalise()


def _compile() -> None:
    """Writes bytecode of all packages, and of the standard library in BASE, which has the files of the base."""
    into, sources = HOME / BYTECODE, PACKAGES.rglob("*.py")
    # Not compared with the sources: nothing else changes these.
    write_bytecode(sources, root=PACKAGES, place=PLACE / LIBRARY.as_posix(), into=into, check=Check.NOTHING)
    base = os.environ.get("BASE")
    if base is None:
        return
    prefix = PurePosixPath(os.environ["PYTHON"]).parents[1]
    for name in ("lib", "lib64"):
        place = prefix / name / f"python{VERSION}"
        library = Path(base, place.relative_to("/"))
        if (library / "os.py").is_file():
            # Compared with the sources: an image can be put on a newer base.
            modules = standard_modules(PACKAGES, library)
            write_bytecode(modules, root=library, place=place, into=into, check=Check.SOURCE)
            return
    sys.exit(f"Error: BASE_RUN has no standard library of Python {VERSION} below {prefix}")


def _pip(command: str, *arguments: str, **environment: str) -> None:
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input", "--no-cache-dir", "--no-deps"]
    argv = [sys.executable, "-m", "pip", command, *quiet, *arguments]
    subprocess.run(argv, check=True, env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore", **environment})


def _list() -> None:
    """Writes the SBOM. The lister wants a virtual environment: one that sees just what is installed."""
    with tempfile.TemporaryDirectory() as environment:
        venv.create(environment, with_pip=False)
        (site,) = Path(environment, "lib").glob("*/site-packages")
        (site / "image.pth").write_text(f"{PACKAGES.absolute()}\n")
        options = ["--pyproject", "pyproject.toml", "--mc-type", "application", "--output-reproducible"]
        argv = [sys.executable, "-c", CYCLONEDX, str(TOOLS), "environment", *options, "--output-file", str(SBOM)]
        subprocess.run([*argv, environment], check=True)


def _launchers(python: str) -> None:
    (HOME / "bin").mkdir()
    for name in COMMANDS:
        text = LAUNCHER.format(
            python=python, version=VERSION, packages=PLACE / LIBRARY.as_posix(), bytecode=PLACE / BYTECODE
        )
        (HOME / "bin" / name).write_text(text)


def _normalise() -> None:
    """All can read all of it, only the launchers can be run, and two builds of the same give the same layer."""
    for path in (HOME, *HOME.rglob("*")):
        path.chmod(0o755 if path.is_dir() or path.parent == HOME / "bin" else 0o644)
        os.utime(path, (0, 0))


if __name__ == "__main__":
    {"tools": tools, "dependencies": dependencies, "operator": operator}[sys.argv[1]]()
