"""What the image of a catalog contains: the catalog, and the cache from which `opm serve` answers.

OLM extracts both directories (`extractContent`) and serves them with an opm of its own. Up to OLM 0.28, a cache is
required. In every version, opm ends if the cache is missing or is not that of the catalog.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..deploying.release import NAME
from .programs import Programs

CONFIGS, CACHE = "configs", "tmp/cache"
"""Where a catalog image has its catalog and its cache: those of the images that `opm generate dockerfile` leads to."""

_DIRECTORY, _FILE = 0o755, 0o644


def catalog_image(programs: Programs, catalog: str) -> Mapping[str, tuple[bytes, int]]:
    """The files of the image: content and mode by path.

    Args:
        programs: opm.
        catalog: in JSON.
    """
    image = programs.home / "catalog-image"
    listed = image / CONFIGS / NAME / "catalog.json"
    # The cache records the modes of directories and files, too.
    for directory in (listed.parent, image / CACHE / "cache"):
        directory.mkdir(parents=True)
        for one in (directory, *directory.parents):
            if one.is_relative_to(image):
                one.chmod(_DIRECTORY)
    listed.write_text(catalog, encoding="utf-8")
    listed.chmod(_FILE)
    # These two names have opm write JSON, which is the same each time, in place of its database, which never is.
    (image / CACHE / "digest").touch()
    _opm_serve(programs, image / CONFIGS, image / CACHE)
    return {str(path.relative_to(image)): _content(path) for path in sorted(image.rglob("*")) if path.is_file()}


def check_cache(programs: Programs, configs: Path, cache: Path) -> None:
    """Checks a cache as `opm serve` does when OLM starts it.

    Raises:
        ReleaseFailed: the cache is not that of the catalog.
    """
    _opm_serve(programs, configs, cache, "--cache-enforce-integrity")


def _opm_serve(programs: Programs, configs: Path, cache: Path, *options: str) -> None:
    log = programs.home / "opm.log"
    given = (f"--cache-dir={cache}", "--cache-only", "--pprof-addr=", f"--termination-log={log}")
    programs("opm", "serve", str(configs), *given, *options)


def _content(path: Path) -> tuple[bytes, int]:
    return path.read_bytes(), path.stat().st_mode & 0o777
