"""The OLM bundle as operator-framework's own programs read it: `opm render`, and the validators of its library."""

from __future__ import annotations

import base64
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest
import yaml
from tools.release.catalogimage import CACHE, CONFIGS, catalog_image, check_cache
from tools.release.catalogs import catalog
from tools.release.programs import Programs, ReleaseFailed
from tools.release.verifying import EXPECTED, findings

from ecr_secret_operator_lab.programs import ensure_programs
from ecr_secret_operator_lab.registry import pack
from ecr_secret_operator_lab.reporting import print_progress
from ecr_secret_operator_lab.tether import tethered
from ecr_secret_operator_lab.waiting import wait_for

from .installing import DEPLOY, Object, one_of

BUNDLE = DEPLOY / "bundle"


@pytest.fixture(scope="module")
def readers() -> Mapping[str, Path]:
    return ensure_programs(["opm", "bundle-validator", "crane"], print_progress)


@pytest.fixture
def registry(readers: Mapping[str, Path], tmp_path: Path) -> Iterator[str]:
    """HOST:PORT of a registry without authentication."""
    log = tmp_path / "registry.log"
    argv = tethered([str(readers["crane"]), "registry", "serve", "--address=127.0.0.1:0"])
    with log.open("wb") as output:
        process = subprocess.Popen(argv, stdout=output, stderr=output)
    try:
        served = wait_for(lambda: re.search(r"serving on port (\d+)", log.read_text()), "the registry listens")
        yield f"127.0.0.1:{served[1]}"
    finally:
        process.kill()
        process.wait()


def run(program: Path, home: Path, *args: str) -> subprocess.CompletedProcess[str]:
    """Runs a program that has a home of its own, and no configuration or cache of the user's."""
    environment = {"HOME": str(home), "TMPDIR": str(home), "PATH": "/usr/bin:/bin"}
    return subprocess.run([str(program), *args], env=environment, capture_output=True, text=True, check=False)


def rendered(opm: Path, home: Path, *args: str) -> Object:
    """The bundle that `opm render` makes of a reference."""
    done = run(opm, home, "render", *args)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


def objects(bundle: Object) -> list[Object]:
    """The manifests that a catalog hands to OLM."""
    values = [one["value"] for one in bundle["properties"] if one["type"] == "olm.bundle.object"]
    return [json.loads(base64.b64decode(value["data"])) for value in values]


def the(bundle: Object, kind: str) -> Object:
    """The value of the property of a type that a bundle has once."""
    (value,) = (one["value"] for one in bundle["properties"] if one["type"] == kind)
    return dict(value)


def manifests() -> list[Object]:
    return [yaml.safe_load(path.read_text()) for path in (BUNDLE / "manifests").iterdir()]


def is_ours(bundle: Object) -> None:
    """Whether it has the name, package, version and kinds of the manifests."""
    version = one_of(manifests(), "ClusterServiceVersion")
    assert bundle["name"] == version["metadata"]["name"]
    assert bundle["package"] == "ecr-secret-operator"
    assert the(bundle, "olm.package") == {"packageName": bundle["package"], "version": version["spec"]["version"]}
    kinds = {one["spec"]["names"]["kind"] for one in manifests() if one["kind"] == "CustomResourceDefinition"}
    assert {one["value"]["kind"] for one in bundle["properties"] if one["type"] == "olm.gvk"} == kinds


def push_bundle(crane: Path, image: str, home: Path) -> None:
    """Makes an image as the bundle's Containerfile says, and pushes it."""
    lines = [line.partition(" ") for line in (BUNDLE / "bundle.Containerfile").read_text().splitlines()]
    copies = [rest.split() for command, _, rest in lines if command == "COPY"]
    labels = [shlex.split(rest)[0] for command, _, rest in lines if command == "LABEL"]
    files = {
        f"{target.strip('/')}/{path.name}": path.read_bytes()
        for source, target in copies
        for path in (BUNDLE / source).iterdir()
    }
    layer = pack(home / "layer.tar", files)
    # A comma in a value separates labels, unless the whole is quoted as in a file of comma-separated values.
    given = [f'--label="{label}"' if "," in label else f"--label={label}" for label in labels]
    for args in (
        ["append", f"--new_layer={layer}", f"--new_tag={image}"],
        ["mutate", image, f"--tag={image}", *given],
    ):
        done = run(crane, home, *args)
        assert done.returncode == 0, done.stderr


def in_order(found: Iterable[Object]) -> list[Object]:
    """Objects in an order that does not depend on that of their keys."""
    return sorted(found, key=lambda one: json.dumps(one, sort_keys=True))


def test_a_catalog_gets_every_manifest_from_the_directory(readers: Mapping[str, Path], tmp_path: Path) -> None:
    bundle = rendered(readers["opm"], tmp_path, str(BUNDLE))
    is_ours(bundle)
    assert in_order(objects(bundle)) == in_order(manifests())


def test_a_catalog_gets_the_bundle_from_its_image(readers: Mapping[str, Path], registry: str, tmp_path: Path) -> None:
    image = f"{registry}/ecr-secret-operator-bundle:v1.0.0"
    push_bundle(readers["crane"], image, tmp_path)
    bundle = rendered(readers["opm"], tmp_path, "--use-http", image)
    assert bundle["image"] == image
    is_ours(bundle)
    version = one_of(manifests(), "ClusterServiceVersion")
    assert the(bundle, "olm.csv.metadata")["description"] == version["spec"]["description"]


def a_catalog_image(opm: Path, home: Path) -> tuple[Programs, Path]:
    """The directory with the files of the image of a catalog, and what made them."""
    home.mkdir()
    programs = Programs({"opm": opm}, home)
    catalog_image(programs, catalog(rendered(opm, home, str(BUNDLE)), "1.0.0", b"<svg/>"))
    return programs, home / "catalog-image"


def test_the_cache_of_a_catalog_is_that_of_the_catalog(readers: Mapping[str, Path], tmp_path: Path) -> None:
    """OLM starts opm with both; opm ends if they do not belong together."""
    programs, image = a_catalog_image(readers["opm"], tmp_path / "home")
    check_cache(programs, image / CONFIGS, image / CACHE)
    (image / CONFIGS / "more.json").write_text("{}")
    with pytest.raises(ReleaseFailed, match="cache requires rebuild"):
        check_cache(programs, image / CONFIGS, image / CACHE)


def test_the_same_catalog_has_the_same_cache(readers: Mapping[str, Path], tmp_path: Path) -> None:
    images = [a_catalog_image(readers["opm"], tmp_path / name)[1] for name in ("first", "second")]
    first, second = (
        {path.relative_to(image): path.read_bytes() for path in image.rglob("*") if path.is_file()} for image in images
    )
    assert first == second
    assert {path.parts[0] for path in first} == {"configs", "tmp"}


def test_the_validators_find_nothing_else_than_the_channel_that_is_kept(
    readers: Mapping[str, Path], tmp_path: Path
) -> None:
    done = run(readers["bundle-validator"], tmp_path, str(BUNDLE))
    assert done.stderr == ""
    (finding,) = done.stdout.splitlines()
    assert EXPECTED.search(finding)
    assert findings(Programs(readers, tmp_path), BUNDLE) == []


def test_both_refuse_a_bundle_whose_files_begin_with_an_empty_document(
    readers: Mapping[str, Path], tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(BUNDLE, bundle)
    for path in bundle.rglob("*.yaml"):
        path.write_text("# A comment.\n---\n" + path.read_text())
    assert "no bundle objects found" in run(readers["opm"], tmp_path, "render", str(bundle)).stderr
    assert "unable to find a csv" in run(readers["bundle-validator"], tmp_path, str(bundle)).stderr


def test_the_validators_name_what_is_wrong(readers: Mapping[str, Path], tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(BUNDLE, bundle)
    path = bundle / "manifests" / "ecr-secret-operator.clusterserviceversion.yaml"
    version = yaml.safe_load(path.read_text())
    del version["spec"]["customresourcedefinitions"]["owned"][0]
    path.write_text(yaml.safe_dump(version))
    assert "is present in bundle" in run(readers["bundle-validator"], tmp_path, str(bundle)).stdout
