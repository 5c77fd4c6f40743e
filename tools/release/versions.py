"""Version numbers: PEP 440, as Python writes them, and SemVer, as Helm, OLM and image tags write them. Pure."""

from __future__ import annotations

import re

_NUMBER = r"(?P<number>(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2})"
_COUNT = r"(?P<count>0|[1-9]\d*)"
_PEP440 = re.compile(rf"{_NUMBER}(?:(?P<phase>a|b|rc){_COUNT})?")
_SEMVER = re.compile(rf"{_NUMBER}(?:-(?P<phase>alpha|beta|rc)\.{_COUNT})?")
_PHASES = {"a": "alpha", "b": "beta", "rc": "rc"}
_SHORT = {long: short for short, long in _PHASES.items()}


class NotAVersion(ValueError):
    """The text is no version that can be released."""


def pep440(text: str) -> str:
    """The version as Python writes it.

    Args:
        text: the version in either form, such as `1.0.0rc1` or `1.0.0-rc.1`.

    Raises:
        NotAVersion: development and post-release versions, epochs and local versions are not released.
    """
    if _PEP440.fullmatch(text):
        return text
    found = _SEMVER.fullmatch(text)
    if found is None:
        raise NotAVersion(f"{text!r} is no version of a release, such as 1.0.0 or 1.0.0rc1")
    return found["number"] + (f"{_SHORT[found['phase']]}{found['count']}" if found["phase"] else "")


def semver(text: str) -> str:
    """The version as SemVer writes it: `1.0.0rc1` becomes `1.0.0-rc.1`. The order of versions stays the same.

    Raises:
        NotAVersion: as `pep440`.
    """
    found = _PEP440.fullmatch(pep440(text))
    if found is None:
        raise NotAVersion(f"{text!r} is no version of a release, such as 1.0.0 or 1.0.0rc1")
    return found["number"] + (f"-{_PHASES[found['phase']]}.{found['count']}" if found["phase"] else "")


def is_prerelease(text: str) -> bool:
    """Whether the version is an alpha, a beta or a release candidate."""
    return "-" in semver(text)
