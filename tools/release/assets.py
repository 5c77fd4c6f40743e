"""The files of a release: what `kubectl apply` installs, packages, lists, notes and checksums."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .images import write_layer
from .programs import run
from .source import Source

CHECKSUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.sigstore.json"
RECORD = "release.json"
"""Names every artifact of the release with its digest."""

CATALOGS = "catalogs.tar.gz"
"""The file-based catalog, and the files that the community catalogs take."""

_BASE = ("rbac.yaml", "crds.yaml", "admission.yaml", "operator.yaml")
"""Files of the kustomize base, in the order in which they are applied: rbac.yaml begins with the namespace."""


def write_manifests(source: Source, dist: Path) -> None:
    """Writes the manifests that `kubectl apply` takes. The source names the image by digest by now."""
    base = source.root / "deploy" / "kustomize" / "base"
    texts = {name: (base / name).read_text(encoding="utf-8") for name in _BASE}
    heading = f"# ECR Secret Operator {source.version}: "
    (dist / "install.yaml").write_text(heading + "all of it.\n" + joined(texts.values()), encoding="utf-8")
    for name, what in {"crds.yaml": "the CRDs.\n", "admission.yaml": "the admission policies.\n"}.items():
        (dist / name).write_text(heading + what + joined([texts[name]]), encoding="utf-8")


def joined(files: Iterable[str]) -> str:
    """YAML files as one, without comments and without an empty first document."""
    bodies = ("".join(line for line in text.splitlines(keepends=True) if not line.startswith("#")) for text in files)
    return "---\n".join(body.removeprefix("---\n") for body in bodies)


def write_packages(source: Source, dist: Path) -> None:
    """Builds the wheels and the source distributions of the operator and of its laboratory."""
    given = {"SOURCE_DATE_EPOCH": str(source.epoch)}
    for project in (source.root, source.root / "lab"):
        run([sys.executable, "-m", "hatchling", "build", "--directory", str(dist)], project, **given)


def write_lists(sboms: Mapping[str, Path], dist: Path) -> None:
    """Copies the list of what the image of each architecture holds."""
    for architecture, path in sboms.items():
        shutil.copyfile(path, dist / sbom_name(architecture))


def sbom_name(architecture: str) -> str:
    """The file with the list of an architecture."""
    return f"ecr-secret-operator-{architecture}.cdx.json"


def write_catalogs(directory: Path, dist: Path) -> None:
    """Packs the files for catalogs: a release on GitHub has files only, no directories."""
    files = {
        str(path.relative_to(directory)): (path.read_bytes(), 0o644)
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }
    archive = write_layer(directory.with_suffix(".tar"), files)
    (dist / CATALOGS).write_bytes(gzip.compress(archive.read_bytes(), mtime=0))
    archive.unlink()


def write_record(dist: Path, record: Mapping[str, Any]) -> None:
    """Writes what was released under which digest."""
    (dist / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def write_checksums(dist: Path) -> Path:
    """Writes the checksums of all files, as `sha256sum --check` reads them."""
    lines = [f"{_digest(path)}  {path.relative_to(dist)}\n" for path in _files(dist)]
    (dist / CHECKSUMS).write_text("".join(lines), encoding="utf-8")
    return dist / CHECKSUMS


def wrong_checksums(dist: Path) -> Sequence[str]:
    """The files that differ from their checksum, are missing, or have none."""
    lines = (dist / CHECKSUMS).read_text(encoding="utf-8").splitlines()
    given = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    found = {str(path.relative_to(dist)): _digest(path) for path in _files(dist)}
    return sorted(name for name in {*given, *found} if given.get(name) != found.get(name))


def _files(dist: Path) -> list[Path]:
    return sorted(path for path in dist.rglob("*") if path.is_file() and path.name not in {CHECKSUMS, SIGNATURE})


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
