"""The operator's image as an archive, built once for each state of the checkout. A release could take its place."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tools.image import GLIBCS

from ecr_secret_operator_lab.image import Builder, Parts, ensure_parts
from ecr_secret_operator_lab.programs.cache import cache_directory, exclusive
from ecr_secret_operator_lab.reporting import print_progress

ROOT = Path(__file__).parents[2]
COPIED = ("Containerfile", "LICENSE", "README.md", "pyproject.toml", "requirements", "src", "tools/image.py")
"""What the Containerfile copies, and itself."""

KEPT = 2
"""How many archives of other states stay in the cache; they are large."""


def ensure_operator_image() -> Path:
    """Returns the archive; builds the image if the cache has none of this state of the checkout."""
    parts = ensure_parts(ROOT / "requirements", GLIBCS, print_progress)
    home = cache_directory() / "operator-image"
    archive = home / f"{_state(parts)}.tar"
    with exclusive(home / "lock", print_progress):
        if not archive.is_file():
            for old in sorted(home.glob("*.tar"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
                old.unlink()
            _build(parts, archive)
    return archive


def _build(parts: Parts, archive: Path) -> None:
    print_progress("Building the operator's image")
    with tempfile.TemporaryDirectory(dir=archive.parent, ignore_cleanup_errors=True) as scratch:
        builder = Builder(parts, Path(scratch), ROOT)
        builder.build(arguments={"VERSION": "1.0.0", "REVISION": "0"})
        builder.save("operator.tar").replace(archive)


def _state(parts: Parts) -> str:
    digest = hashlib.sha256(repr(parts).encode())
    for path in _files():
        digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _files() -> Iterator[Path]:
    for name in COPIED:
        place = ROOT / name
        found = sorted(place.rglob("*")) if place.is_dir() else [place]
        yield from (path for path in found if path.is_file() and "__pycache__" not in path.parts)
