"""How an image was made: the predicate of SLSA's provenance, version 1 (slsa.dev/spec/v1.0/provenance). Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Materials:
    """What an image is made of.

    Attributes:
        repository: URL of the source.
        revision: commit of the source.
        base: the image that it is built on, by digest.
        files: the locked requirements, by name: each names its packages with their hashes.
    """

    repository: str
    revision: str
    base: str
    files: Mapping[str, Path]


def provenance(materials: Materials, *, version: str, registry: str, time: str) -> Mapping[str, Any]:
    """The predicate.

    Args:
        materials: of the image.
        version: of the release.
        registry: that it is pushed to.
        time: of the source's commit, RFC 3339. The time of the build is not stated: it has no influence on the result.
    """
    name, _, digest = materials.base.partition("@sha256:")
    resolved = [
        {"uri": f"git+{materials.repository}", "digest": {"gitCommit": materials.revision}},
        {"uri": f"docker://{name}", "digest": {"sha256": digest}},
        *({"name": name, "digest": {"sha256": _sha256(path)}} for name, path in materials.files.items()),
    ]
    return {
        "buildDefinition": {
            "buildType": f"{materials.repository}/blob/main/docs/releasing.md",
            "externalParameters": {"version": version, "registry": registry, "base": materials.base},
            "internalParameters": {"sourceTime": time},
            "resolvedDependencies": resolved,
        },
        "runDetails": {"builder": {"id": f"{materials.repository}/tree/main/tools/release"}},
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
