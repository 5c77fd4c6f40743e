"""The edits of a release in the text of files: the version, the changelog and the names. Pure."""

from __future__ import annotations

import json
import re

UNRELEASED = "## Unreleased\n"
_SECTION = re.compile(
    r"^## (?:\[)?(?P<title>[^\]\n]+?)(?:\])?(?: - [\d-]+)?\n(?P<body>.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL
)
_VERSION = re.compile(r'^(?P<before>version = ")[^"]+(?P<after>")', re.MULTILINE)


class CannotEdit(ValueError):
    """A file does not have what the release changes."""


def with_version(text: str, version: str) -> str:
    """A `pyproject.toml` with another version.

    Raises:
        CannotEdit: there is not exactly one version.
    """
    edited, count = _VERSION.subn(rf"\g<before>{version}\g<after>", text)
    if count != 1:
        raise CannotEdit(f"there are {count} lines with a version, not one")
    return edited


def with_settings(text: str, **values: str) -> str:
    """The text of `deploy/release.toml` with other values.

    Raises:
        CannotEdit: a value is not there exactly once.
    """
    for name, value in values.items():
        text, count = re.subn(rf"^{name} = .*$", f"{name} = {json.dumps(value)}", text, flags=re.MULTILINE)
        if count != 1:
            raise CannotEdit(f"release.toml has {name} {count} times, not once")
    return text


def with_section(changelog: str, version: str, date: str) -> str:
    """The changelog with the content of Unreleased in a section of its own; Unreleased stays, and is empty.

    Args:
        changelog: the text of CHANGELOG.md.
        version: as SemVer writes it.
        date: of the release, YYYY-MM-DD.

    Raises:
        CannotEdit: Unreleased is missing or empty, or the version has a section already.
    """
    sections = _sections(changelog)
    if version in sections:
        raise CannotEdit(f"CHANGELOG.md has a section {version} already")
    if not sections.get("Unreleased", "").strip():
        raise CannotEdit("CHANGELOG.md has nothing under Unreleased")
    return changelog.replace(UNRELEASED, f"{UNRELEASED}\n## {version} - {date}\n", 1)


def notes(changelog: str, version: str) -> str:
    """The section of a version: the notes of the release.

    Raises:
        CannotEdit: there is no such section.
    """
    sections = _sections(changelog)
    if version not in sections:
        raise CannotEdit(f"CHANGELOG.md has no section {version}")
    return sections[version].strip() + "\n"


def _sections(changelog: str) -> dict[str, str]:
    return {found["title"]: found["body"] for found in _SECTION.finditer(changelog)}
