from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from tools.release.edits import CannotEdit, notes, with_section, with_settings, with_version
from tools.release.source import VERSIONED

ROOT = Path(__file__).parents[2]
CHANGELOG = "# Changelog\n\n## Unreleased\n\n### Added\n\n- A thing.\n\n## 0.9.0 - 2026-01-01\n\n- Older.\n"


def test_the_version_is_changed_where_it_is() -> None:
    for name in VERSIONED:
        before = (ROOT / name).read_text()
        after = with_version(before, "9.8.7rc1")
        changed = [line for line in after.splitlines() if line not in before.splitlines()]
        assert len(changed) == 1
        assert changed == ['version = "9.8.7rc1"']


def test_a_file_without_a_version_is_refused() -> None:
    with pytest.raises(CannotEdit):
        with_version("name = 'x'\n", "1.0.0")


def test_settings_are_written_as_toml() -> None:
    text = (ROOT / "deploy" / "release.toml").read_text()
    edited = tomllib.loads(with_settings(text, image="127.0.0.1:5000/a/b", created='a"b'))
    assert edited == {**tomllib.loads(text), "image": "127.0.0.1:5000/a/b", "created": 'a"b'}
    with pytest.raises(CannotEdit):
        with_settings(text, colour="red")


def test_what_is_unreleased_becomes_a_section() -> None:
    edited = with_section(CHANGELOG, "1.0.0-rc.1", "2026-12-01")
    assert "## Unreleased\n\n## 1.0.0-rc.1 - 2026-12-01\n\n### Added\n\n- A thing.\n\n## 0.9.0" in edited
    assert notes(edited, "1.0.0-rc.1") == "### Added\n\n- A thing.\n"
    assert notes(edited, "0.9.0") == "- Older.\n"


def test_a_release_needs_something_to_release_and_is_made_once() -> None:
    edited = with_section(CHANGELOG, "1.0.0", "2026-12-01")
    with pytest.raises(CannotEdit, match="nothing under Unreleased"):
        with_section(edited, "1.0.1", "2026-12-02")
    with pytest.raises(CannotEdit, match="already"):
        with_section(CHANGELOG, "0.9.0", "2026-12-02")
    with pytest.raises(CannotEdit, match="no section"):
        notes(CHANGELOG, "1.0.0")
