"""One tag of the image: what the documentation says to build and push is what all forms of installation name."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from tools.deploying.release import IMAGE, TAG

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PAGES = [ROOT / "README.md", DEPLOY / "chart" / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMED = re.compile(r"[a-z0-9.:-]+/(?:rh-mobb/)?ecr-secret-operator(?:-bundle)?:([A-Za-z0-9_][-.A-Za-z0-9_]*)")
PUSHED = re.compile(r"^(?:podman|docker) push (\S+)$|^docker buildx build .* -t (\S+) --push", re.MULTILINE)


def test_it_is_the_release_and_not_a_development_version() -> None:
    assert re.fullmatch(r"v\d+\.\d+\.\d+", TAG)


def test_every_image_in_the_documentation_has_it() -> None:
    tags = {tag for page in PAGES for tag in NAMED.findall(page.read_text())}
    assert tags == {TAG}


@pytest.mark.parametrize("page", ["docs/install.md", "docs/reference/image.md"])
def test_the_documentation_says_to_build_and_to_push_it(page: str) -> None:
    text = (ROOT / page).read_text()
    pushed = {one or other for one, other in PUSHED.findall(text)}
    assert pushed == {f"registry.example/ecr-secret-operator:{TAG}"}
    assert f"make image IMAGE=registry.example/ecr-secret-operator:{TAG}" in text


def test_make_image_builds_it() -> None:
    done = subprocess.run(
        [shutil.which("make") or "make", "-n", "image", "ENGINE=podman"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert f" -t ecr-secret-operator:{TAG} " in done.stdout


def test_all_forms_of_installation_name_it() -> None:
    chart = yaml.safe_load((DEPLOY / "chart" / "Chart.yaml").read_text())
    base = DEPLOY / "kustomize" / "base"
    (image,) = yaml.safe_load((base / "kustomization.yaml").read_text())["images"]
    version = (DEPLOY / "bundle" / "manifests" / "ecr-secret-operator.clusterserviceversion.yaml").read_text()
    assert f"v{chart['appVersion']}" == TAG
    assert image == {"name": IMAGE, "newName": IMAGE, "newTag": TAG}
    assert set(re.findall(rf"{re.escape(IMAGE)}:(\S+)", version + (base / "operator.yaml").read_text())) == {TAG}
