"""The programs besides the control plane's: each is built from the Go module that pins it, or comes from Debian.

A program of such a name on PATH is not used, since its version is unknown. Those from Debian are the exception: what
the laboratory asks of Redis and of Prometheus' tool has been the same for years.
"""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from ..reporting import Reporter
from . import debian
from .cache import cache_directory
from .gobuild import builder
from .obtain import Origin, ensure
from .recipe import Recipe

OVERRIDE = "ECR_LAB_PROGRAMS"
REDIS = "redis-server"
CHROMIUM = "chromium"
PACKAGES: Mapping[str, str] = {
    REDIS: REDIS,
    CHROMIUM: CHROMIUM,
    "promtool": "prometheus",
    "qemu-aarch64-static": "qemu-user-static",
    "qemu-x86_64-static": "qemu-user-static",
}
"""Programs from Debian, and the package of each."""
PLACES: Mapping[str, str] = {CHROMIUM: "usr/lib/chromium/chromium"}
"""Where a program lies in its package, if not in usr/bin: the script chromium there works only when it is installed."""


def _recipe(
    name: str,
    product: str,
    module: str,
    package: str,
    stamps: Mapping[str, str],
    *,
    tags: Sequence[str] = (),
    sources: Sequence[str] = (),
) -> Recipe:
    return Recipe(
        name=name,
        product=product,
        module=module,
        packages={name: package},
        directory=files(__package__).joinpath("gomod", name),
        override=OVERRIDE,
        stamps=stamps,
        tags=tags,
        sources=sources,
    )


RECIPES: Mapping[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        _recipe(
            "crane",
            "go-containerregistry",
            "github.com/google/go-containerregistry",
            "github.com/google/go-containerregistry/cmd/crane",
            {"github.com/google/go-containerregistry/cmd/crane/cmd.Version": "{version}"},
        ),
        _recipe(
            "registry",
            "CNCF Distribution",
            "github.com/distribution/distribution/v3",
            "github.com/distribution/distribution/v3/cmd/registry",
            {"github.com/distribution/distribution/v3/version.version": "{version}"},
        ),
        _recipe(
            "helm",
            "Helm",
            "helm.sh/helm/v3",
            "helm.sh/helm/v3/cmd/helm",
            {"helm.sh/helm/v3/internal/version.version": "{version}"},
        ),
        _recipe(
            "cosign",
            "Sigstore",
            "github.com/sigstore/cosign/v3",
            "github.com/sigstore/cosign/v3/cmd/cosign",
            {"sigs.k8s.io/release-utils/version.gitVersion": "{version}"},
        ),
        # One program for all parts of Argo CD: it does the part that its file name or ARGOCD_BINARY_NAME says.
        _recipe(
            "argocd",
            "Argo CD",
            "github.com/argoproj/argo-cd/v3",
            "github.com/argoproj/argo-cd/v3/cmd",
            {"github.com/argoproj/argo-cd/v3/common.version": "{number}"},
        ),
        _recipe(
            "source-controller",
            "Flux",
            "github.com/fluxcd/source-controller",
            "github.com/fluxcd/source-controller",
            {},
        ),
        # The tags leave out what is written in C: storage drivers, and signatures by GPG.
        _recipe(
            "opm",
            "operator-registry",
            "github.com/operator-framework/operator-registry",
            "github.com/operator-framework/operator-registry/cmd/opm",
            {"github.com/operator-framework/operator-registry/cmd/opm/version.opmVersion": "{version}"},
            tags=(
                "json1",
                "exclude_graphdriver_btrfs",
                "exclude_graphdriver_devicemapper",
                "containers_image_openpgp",
            ),
        ),
        _recipe(
            "actionlint",
            "actionlint",
            "github.com/rhysd/actionlint",
            "github.com/rhysd/actionlint/cmd/actionlint",
            {"github.com/rhysd/actionlint.version": "{number}"},
        ),
        # operator-framework/api is a library: its validators need a program around them, which is ours.
        _recipe(
            "bundle-validator",
            "operator-framework/api",
            "github.com/operator-framework/api",
            ".",
            {},
            sources=("main.go",),
        ),
    )
}
NAMES = (*RECIPES, *PACKAGES)


def ensure_programs(names: Iterable[str], report: Reporter) -> Mapping[str, Path]:
    """Gives these programs, of `NAMES`; obtains those that this machine does not have yet.

    Takes no time when they are there, minutes the first time. The directory that ECR_LAB_PROGRAMS names is looked in
    first. Several processes may call it at once: one obtains, the others wait.

    Raises:
        BinariesError: a program can be had in none of the ways.
        ValueError: there is no such program.
    """
    wanted = list(dict.fromkeys(names))
    if unknown := [name for name in wanted if name not in NAMES]:
        raise ValueError(f"no program is called {', '.join(unknown)}; there are {', '.join(NAMES)}")
    return {name: _ensure(name, report) for name in wanted}


def _ensure(name: str, report: Reporter) -> Path:
    return ensure(_packaged(name) if name in PACKAGES else _built(RECIPES[name]), report)[name]


def _built(recipe: Recipe) -> Origin:
    return Origin(
        names=tuple(recipe.packages),
        home=recipe.home(cache_directory()),
        override=recipe.override,
        sources=(builder(recipe),),
    )


def _packaged(name: str) -> Origin:
    installed, package = shutil.which(name), PACKAGES[name]
    home = Path(installed).parent if installed else debian.home(cache_directory(), package)
    source = debian.unpacker(package, OVERRIDE, PLACES.get(name, ""))
    return Origin(names=(name,), home=home, override=OVERRIDE, sources=(source,))
