"""The API servers that `make test-versions` builds, and the tests that it runs. Nothing is built here."""

from __future__ import annotations

import re

import pytest
from tools.deploying.release import ADMISSION
from tools.versions import API_SERVER, ROOT, TESTS, recipe, versions

from ecr_secret_operator_lab.programs.recipe import GO_MOD, GO_SUM


def test_the_oldest_is_the_oldest_with_admission_policies() -> None:
    assert f"{versions()[0]}.0" == ADMISSION
    assert len(versions()) > 1


@pytest.mark.parametrize("version", versions())
def test_every_part_of_an_api_server_is_of_its_version(version: str) -> None:
    found = recipe(version)
    patch = found.version.removeprefix("v1.")
    assert f"1.{patch}".startswith(f"{version}.")
    assert f"{found.module} {found.version} h1:" in found.pinned(GO_SUM)
    assert f"tool {found.packages[API_SERVER]}\n" in found.pinned(GO_MOD)
    assert f"gitVersion={found.version} " in found.linker_flags
    parts = re.findall(r"^\tk8s\.io/[a-z0-9-]+ => k8s\.io/[a-z0-9-]+ (\S+)$", found.pinned(GO_MOD), re.MULTILINE)
    assert len(parts) > 20
    assert set(parts) == {f"v0.{patch}"}


def test_the_tests_exist() -> None:
    assert [name for name in TESTS if not (ROOT / name).is_file()] == []
