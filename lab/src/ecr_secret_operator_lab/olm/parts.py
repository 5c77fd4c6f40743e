"""What OLM consists of on this machine, and how it is obtained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ..programs import ensure_programs
from ..programs.cache import cache_directory
from ..programs.gobuild import builder
from ..programs.obtain import Origin, ensure
from ..programs.recipe import Recipe
from ..programs.sources import ensure_files
from ..programs.table import OVERRIDE
from ..reporting import Reporter

MODULE = "github.com/operator-framework/operator-lifecycle-manager"

# opm is that of the table: OLM's own go.mod requires the same version of operator-registry.
OLM_RECIPE = Recipe(
    name="olm",
    product="OLM",
    module=MODULE,
    packages={
        "grpc_health_probe": "github.com/grpc-ecosystem/grpc-health-probe",
        "copy-content": f"{MODULE}/cmd/copy-content",
        "cpb": f"{MODULE}/util/cpb",
        "catalog": f"{MODULE}/cmd/catalog",
        "olm": f"{MODULE}/cmd/olm",
    },
    directory=files("ecr_secret_operator_lab.programs").joinpath("gomod", "olm"),
    override=OVERRIDE,
    stamps={f"{MODULE}/pkg/version.OLMVersion": "{version}"},
)
_KINDS = (
    "catalogsources",
    "clusterserviceversions",
    "installplans",
    "olmconfigs",
    "operatorconditions",
    "operatorgroups",
    "operators",
    "subscriptions",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """All that OLM is installed from.

    Attributes:
        programs: OLM's own, opm, and the probe that OLM expects in the image of opm.
        definitions: files with one CustomResourceDefinition each.
    """

    programs: Mapping[str, Path]
    definitions: Sequence[Path]


def ensure_olm(report: Reporter) -> Parts:
    """Returns the parts; obtains those that this machine does not have yet, which takes minutes the first time.

    Raises:
        BinariesError: a part cannot be obtained.
    """
    origin = Origin(
        names=tuple(OLM_RECIPE.packages),
        home=OLM_RECIPE.home(cache_directory()),
        override=OVERRIDE,
        sources=(builder(OLM_RECIPE),),
    )
    programs = {**ensure(origin, report), **ensure_programs(["opm"], report)}
    definitions = [f"deploy/chart/crds/0000_50_olm_00-{kind}.crd.yaml" for kind in _KINDS]
    return Parts(programs=programs, definitions=ensure_files(OLM_RECIPE, definitions, report))
