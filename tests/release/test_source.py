"""The source of a release, in a small repository: the generator is not needed to see what git does."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.release.programs import ReleaseFailed, run
from tools.release.source import prepared

IMAGE = "registry.example/a/ecr-secret-operator"
FILES = {
    "pyproject.toml": '[project]\nversion = "1.0.0.dev0"\n',
    "CHANGELOG.md": "# Changelog\n\n## Unreleased\n\n- A thing.\n",
    "deploy/release.toml": 'image = "elsewhere"\ndigest = ""\ncreated = ""\n',
    "tools/__init__.py": "",
    "tools/generate.py": "",
}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    root = tmp_path / "checkout"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    run(["git", "init", "--quiet"], root)
    run(["git", "config", "user.name", "A Maintainer"], root)
    run(["git", "config", "user.email", "maintainer@example.com"], root)
    run(["git", "add", "."], root)
    run(["git", "commit", "--quiet", "--message=Begin"], root)
    return root


def test_the_release_is_a_tagged_commit_in_a_clone(checkout: Path, tmp_path: Path) -> None:
    source = prepared(checkout, "1.0.0-rc.1", IMAGE, tmp_path / "clone")
    assert (source.version, source.tag) == ("1.0.0-rc.1", "v1.0.0-rc.1")
    assert run(["git", "rev-parse", "v1.0.0-rc.1^{commit}"], source.root).strip() == source.revision
    assert (source.root / "pyproject.toml").read_text() == '[project]\nversion = "1.0.0rc1"\n'
    assert source.notes() == "- A thing.\n"
    assert f'image = "{IMAGE}"' in (source.root / "deploy/release.toml").read_text()
    assert f'created = "{source.time}"' in (source.root / "deploy/release.toml").read_text()
    author = run(["git", "show", "--no-patch", "--format=%an <%ae> %cn <%ce>"], source.root).strip()
    assert author == "A Maintainer <maintainer@example.com> A Maintainer <maintainer@example.com>"
    assert run(["git", "status", "--porcelain"], source.root) == ""
    assert run(["git", "tag"], checkout) == ""
    assert (checkout / "pyproject.toml").read_text() == FILES["pyproject.toml"]


def test_the_release_of_a_tag_is_its_commit(checkout: Path, tmp_path: Path) -> None:
    first = prepared(checkout, "1.0.0", IMAGE, tmp_path / "first")
    second = prepared(first.root, "1.0.0", IMAGE, tmp_path / "second")
    assert (second.revision, second.epoch) == (first.revision, first.epoch)
    with pytest.raises(ReleaseFailed, match="another REGISTRY"):
        prepared(first.root, "1.0.0", "other.example/ecr-secret-operator", tmp_path / "third")


def test_a_checkout_with_changes_is_refused(checkout: Path, tmp_path: Path) -> None:
    (checkout / "new.txt").write_text("")
    with pytest.raises(ReleaseFailed, match="not committed"):
        prepared(checkout, "1.0.0", IMAGE, tmp_path / "clone")
