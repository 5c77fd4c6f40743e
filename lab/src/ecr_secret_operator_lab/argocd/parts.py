"""What Argo CD consists of on this machine, and how it is obtained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..programs import ensure_programs
from ..programs.sources import ensure_files
from ..programs.table import RECIPES
from ..reporting import Reporter

NAMES = ("argocd", "helm", "redis-server")
DEFINITIONS = ("manifests/crds/application-crd.yaml", "manifests/crds/appproject-crd.yaml")
"""Those that the application-controller watches. That of ApplicationSet (1 MiB) is of another of its processes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Programs and files, all there.

    Attributes:
        argocd: all of Argo CD's processes in one program, told apart by ARGOCD_BINARY_NAME.
        helm: called by the repo-server, by the name `helm`.
        redis_server: where Argo CD keeps what it has rendered.
        definitions: files with one CustomResourceDefinition each.
    """

    argocd: Path
    helm: Path
    redis_server: Path
    definitions: Sequence[Path]


def ensure_argocd(report: Reporter) -> Parts:
    """Gives the parts; obtains those that this machine does not have yet, which takes minutes, once.

    Raises:
        BinariesError: a part can be had in none of the ways.
    """
    programs = ensure_programs(NAMES, report)
    return Parts(
        **{name.replace("-", "_"): path for name, path in programs.items()},
        definitions=ensure_files(RECIPES["argocd"], DEFINITIONS, report),
    )
