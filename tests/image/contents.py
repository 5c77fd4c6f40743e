"""What is in an image, and what the kernel tells of a container's process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ecr_secret_operator_lab.image import Image, Parts

HOME = "opt/ecr-secret-operator"


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_symlink() or not path.is_dir()}


def added(image: Image, parts: Parts) -> Iterator[Path]:
    """What the image has beside its base."""
    return (image.root / name for name in files(image.root) - files(parts.run))


def packages(image: Image) -> Path:
    (found,) = (image.root / HOME / "lib").glob("python*/site-packages")
    return found


def inside(crun: int) -> Path:
    """Where the kernel tells of the container's only process."""
    (child,) = Path(f"/proc/{crun}/task/{crun}/children").read_text().split()
    return Path("/proc", child)
