from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from tools.release import assets
from tools.release.images import bundle_image, write_layer
from tools.release.provenance import Materials, provenance

from tests.yaml_files import first_document, strict_documents

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    (tmp_path / "catalog").mkdir()
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "catalog" / "b.txt").write_text("b")
    assets.write_checksums(tmp_path)
    return tmp_path


def test_checksums_are_those_of_sha256sum(dist: Path) -> None:
    done = subprocess.run(
        [shutil.which("sha256sum") or "", "--check", assets.CHECKSUMS],
        cwd=dist,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "a.txt: OK\ncatalog/b.txt: OK\n"
    assert assets.wrong_checksums(dist) == []


@pytest.mark.parametrize("change", ["changed", "missing", "unknown"])
def test_a_file_that_is_not_as_it_was_is_named(dist: Path, change: str) -> None:
    if change == "changed":
        (dist / "a.txt").write_text("b")
    elif change == "missing":
        (dist / "a.txt").unlink()
    else:
        assets.write_checksums(dist)
        (dist / "c.txt").write_text("c")
    assert assets.wrong_checksums(dist) == ["c.txt" if change == "unknown" else "a.txt"]


def test_joined_manifests_are_all_there_and_begin_with_an_object() -> None:
    base = DEPLOY / "kustomize" / "base"
    texts = [(base / name).read_text() for name in ("rbac.yaml", "crds.yaml", "admission.yaml", "operator.yaml")]
    joined = assets.joined(texts)
    assert list(strict_documents(joined)) == [one for text in texts for one in strict_documents(text)]
    assert first_document(joined)["kind"] == "Namespace"


def test_a_layer_depends_on_its_files_only(tmp_path: Path) -> None:
    first = write_layer(tmp_path / "first.tar", {"opt/b": (b"b", 0o755), "a": (b"a", 0o644)})
    second = write_layer(tmp_path / "second.tar", {"a": (b"a", 0o644), "opt/b": (b"b", 0o755)})
    assert first.read_bytes() == second.read_bytes()
    listed = subprocess.run(
        [shutil.which("tar") or "", "-tvf", str(first)], capture_output=True, text=True, check=True
    ).stdout.split("\n")
    assert [line.split()[0] for line in listed if line] == ["-rw-r--r--", "drwxr-xr-x", "-rwxr-xr-x"]


def test_the_image_of_the_bundle_holds_every_file_of_it() -> None:
    bundle = DEPLOY / "bundle"
    files, labels = bundle_image(bundle)
    found = {str(path.relative_to(bundle)) for path in bundle.rglob("*.yaml")}
    assert set(files) == found
    assert labels["operators.operatorframework.io.bundle.package.v1"] == "ecr-secret-operator"
    assert labels["operators.operatorframework.io.bundle.channels.v1"] == "stable,alpha"


def test_the_provenance_names_all_materials_by_digest(tmp_path: Path) -> None:
    (tmp_path / "run.txt").write_text("")
    materials = Materials(
        repository="https://git.example/o", revision="4f2a", base="b@sha256:12", files={"run.txt": tmp_path / "run.txt"}
    )
    built = provenance(materials, version="1.0.0", registry="r", time="2026-01-01T00:00:00Z")["buildDefinition"]
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert built["resolvedDependencies"] == [
        {"uri": "git+https://git.example/o", "digest": {"gitCommit": "4f2a"}},
        {"uri": "docker://b", "digest": {"sha256": "12"}},
        {"name": "run.txt", "digest": {"sha256": empty}},
    ]
