"""The operator's image as `make release` builds it, as an archive; built once for each state of the checkout."""

from __future__ import annotations

import hashlib
import os
import platform
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.image import MACHINES
from tools.release.base import push_base
from tools.release.images import build_operator
from tools.release.programs import Programs, scratch_registry
from tools.release.source import prepared

from ecr_secret_operator_lab.image.parts import RUN
from ecr_secret_operator_lab.programs import ensure_programs
from ecr_secret_operator_lab.programs.cache import cache_directory, exclusive
from ecr_secret_operator_lab.reporting import print_progress

from ..e2e.releases import BASE_VARIABLE, a_checkout

ROOT = Path(__file__).parents[2]
READ = ("LICENSE", "README.md", "pyproject.toml", "requirements", "src", "tools")
"""What a release reads to build the image."""

VERSION = "1.0.0"
KEPT = 2
"""How many archives of other states stay in the cache; they are large."""


def ensure_operator_image() -> Path:
    """Returns the archive; builds the image if the cache has none of this state of the checkout."""
    programs = ensure_programs(["crane"], print_progress)
    home = cache_directory() / "operator-image"
    archive = home / f"{_state()}.tar"
    with exclusive(home / "lock", print_progress):
        if not archive.is_file():
            for old in sorted(home.glob("*.tar"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
                old.unlink()
            _build(programs, archive)
    return archive


def _build(paths: Mapping[str, Path], archive: Path) -> None:
    print_progress("Building the operator's image")
    with tempfile.TemporaryDirectory(dir=archive.parent, ignore_cleanup_errors=True) as scratch:
        home = Path(scratch)
        programs, built = Programs(paths, home), home / "operator.tar"
        with scratch_registry(paths["crane"], home / "registry.log") as registry:
            base = os.environ.get(BASE_VARIABLE) or push_base(programs, registry, print_progress)
            image = f"{registry}/ecr-secret-operator"
            (home / "checkout").mkdir()
            checkout = a_checkout(home / "checkout", registry).root
            source = prepared(checkout, VERSION, image, home / "source")
            build_operator(programs, source, base, image, {})
            programs("crane", "pull", f"--platform=linux/{_architecture()}", f"{image}:{source.tag}", str(built))
        built.replace(archive)


def _architecture() -> str:
    """This machine's, as images name it."""
    return next(name for name, machine in MACHINES.items() if machine == platform.machine())


def _state() -> str:
    digest = hashlib.sha256(repr((RUN.home.name, os.environ.get(BASE_VARIABLE), VERSION)).encode())
    for path in _files():
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _files() -> Iterator[Path]:
    for name in READ:
        place = ROOT / name
        found = sorted(place.rglob("*")) if place.is_dir() else [place]
        yield from (path for path in found if path.is_file() and "__pycache__" not in path.parts)
