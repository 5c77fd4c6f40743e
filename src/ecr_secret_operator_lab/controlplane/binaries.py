"""Finds the control plane's programs or obtains them: who needs a control plane should need no preparation.

In this order: the directory that KUBEBUILDER_ASSETS names (the convention of Kubernetes' own tests; it has no
kube-controller-manager, so what is missing there comes from the next), the project's cache, the official releases,
a build from Go modules.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .cache import cache_directory, exclusive
from .download import download
from .errors import BinariesError
from .gobuild import build
from .recipe import PACKAGES, home
from .reporting import Reporter

ASSETS = "KUBEBUILDER_ASSETS"
LOCK = "controlplane.lock"


@dataclass(frozen=True, slots=True)
class Binaries:
    """The programs that a control plane consists of."""

    kube_apiserver: Path
    etcd: Path
    kube_controller_manager: Path
    kubectl: Path


def ensure_binaries(report: Reporter) -> Binaries:
    """Returns the programs; obtains those that this machine does not have yet.

    Takes no time when they are there, seconds to minutes the first time. Several processes may call it at once: one
    obtains, the others wait.

    Raises:
        BinariesError: a program can be had in none of the ways.
    """
    place = home(cache_directory())
    found = _found(place)
    if not _missing(found):
        return _binaries(found)
    with exclusive(cache_directory() / LOCK, report):
        for obtain in (download, build):
            missing = _missing(_found(place))
            if missing:
                obtain(missing, place, report)
    found = _found(place)
    if missing := _missing(found):
        raise BinariesError(f"{', '.join(missing)} cannot be obtained; set {ASSETS} to a directory that has them")
    return _binaries(found)


def _found(place: Path) -> Mapping[str, Path]:
    assets = os.environ.get(ASSETS)
    directories = [Path(assets).absolute(), place] if assets else [place]
    candidates = {name: [directory / name for directory in directories] for name in PACKAGES}
    programs = {name: next(filter(_is_program, paths), None) for name, paths in candidates.items()}
    return {name: path for name, path in programs.items() if path is not None}


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _missing(found: Mapping[str, Path]) -> list[str]:
    return [name for name in PACKAGES if name not in found]


def _binaries(found: Mapping[str, Path]) -> Binaries:
    return Binaries(**{name.replace("-", "_"): path for name, path in found.items()})
