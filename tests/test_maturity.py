"""How mature the project is: stated once, in tools/deploying/release.py, and everywhere else the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from tools.deploying import release

from ecr_secret_operator.api.fields import API_VERSION

ROOT = Path(__file__).parents[1]
CLASSIFIERS = {"alpha": "3 - Alpha", "beta": "4 - Beta", "stable": "5 - Production/Stable"}
"""Of the Python package index, for the words of operator-framework."""


def test_the_python_package_says_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    status = [one for one in project["classifiers"] if one.startswith("Development Status")]
    assert status == [f"Development Status :: {CLASSIFIERS[release.MATURITY]}"]
    assert (".dev" in project["version"]) == release.PRERELEASE


def test_the_bundle_and_the_chart_say_it() -> None:
    (version,) = (ROOT / "deploy/bundle/manifests").glob("*.clusterserviceversion.yaml")
    assert yaml.safe_load(version.read_text())["spec"]["maturity"] == release.MATURITY
    chart = yaml.safe_load((ROOT / "deploy/chart/Chart.yaml").read_text())
    assert chart["annotations"]["artifacthub.io/prerelease"] == str(release.PRERELEASE).lower()


@pytest.mark.parametrize("page", ["README.md", "docs/maturity.md", "docs/index.md"])
def test_the_pages_say_it(page: str) -> None:
    text = (ROOT / page).read_text()
    assert ("**Pre-release**" in text or "**Pre-release.**" in text) == release.PRERELEASE
    assert release.MATURITY in text
    assert API_VERSION.rpartition("/")[2] in text


def test_the_page_of_maturity_gives_it_to_each_part() -> None:
    rows = re.findall(r"^\| (.+?) \| (\w+) \|", (ROOT / "docs/maturity.md").read_text(), re.MULTILINE)[1:]
    assert {state for _, state in rows} == {release.MATURITY}
    assert any(f"`{API_VERSION}`" in part for part, _ in rows)


def test_no_page_claims_more() -> None:
    pages = [ROOT / "README.md", ROOT / "deploy/chart/README.md", *(ROOT / "docs").rglob("*.md")]
    claims = re.compile(r"\b(?:production[- ]ready|generally available|is stable\b|in beta)", re.IGNORECASE)
    assert [page.name for page in pages if claims.search(page.read_text())] == []
