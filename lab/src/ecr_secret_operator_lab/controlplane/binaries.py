"""Finds the control plane's programs or obtains them: who needs a control plane should need no preparation.

In this order: the directory that KUBEBUILDER_ASSETS names (the convention of Kubernetes' own tests; it has no
kube-controller-manager, so what is missing there comes from the next), the project's cache, the official releases,
a build from Go modules.
"""

from dataclasses import dataclass
from pathlib import Path

from ..programs.cache import cache_directory
from ..programs.gobuild import builder
from ..programs.obtain import Origin, ensure
from ..reporting import Reporter
from .download import download
from .recipe import ASSETS, RECIPE


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
    origin = Origin(
        names=tuple(RECIPE.packages),
        home=RECIPE.home(cache_directory()),
        override=ASSETS,
        sources=(download, builder(RECIPE)),
    )
    return Binaries(**{name.replace("-", "_"): path for name, path in ensure(origin, report).items()})
