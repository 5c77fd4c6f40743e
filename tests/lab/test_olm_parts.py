"""What OLM is built from. OLM itself is tested in `tests/node`, as root."""

from __future__ import annotations

from ecr_secret_operator_lab.olm.parts import OLM_RECIPE
from ecr_secret_operator_lab.programs.recipe import GO_MOD, GO_SUM
from ecr_secret_operator_lab.programs.table import RECIPES


def test_opm_is_of_the_version_that_olm_requires() -> None:
    opm = RECIPES["opm"]
    assert OLM_RECIPE.pinned_version(opm.module) == opm.version


def test_the_recipe_is_whole() -> None:
    assert f"{OLM_RECIPE.module} {OLM_RECIPE.version} h1:" in OLM_RECIPE.pinned(GO_SUM)
    assert f"OLMVersion={OLM_RECIPE.version}" in OLM_RECIPE.linker_flags
    for package in OLM_RECIPE.packages.values():
        assert f"\t{package}\n" in OLM_RECIPE.pinned(GO_MOD).partition(")")[0]
