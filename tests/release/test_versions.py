from __future__ import annotations

import pytest
from tools.release.versions import NotAVersion, is_prerelease, pep440, semver


@pytest.mark.parametrize(
    ("python", "other"),
    [
        ("1.0.0", "1.0.0"),
        ("1.2.10a1", "1.2.10-alpha.1"),
        ("1.2.10b12", "1.2.10-beta.12"),
        ("1.0.0rc1", "1.0.0-rc.1"),
    ],
)
def test_a_version_has_two_forms(python: str, other: str) -> None:
    assert (semver(python), semver(other)) == (other, other)
    assert (pep440(python), pep440(other)) == (python, python)
    assert is_prerelease(python) == ("-" in other)


@pytest.mark.parametrize(
    "text",
    ["1.0.0.dev0", "1.0", "v1.0.0", "1.0.0.post1", "1!1.0.0", "1.0.0+local", "1.0.0-rc1", "01.0.0", "", "1.0.0\n"],
)
def test_other_versions_are_not_released(text: str) -> None:
    with pytest.raises(NotAVersion):
        semver(text)
    with pytest.raises(NotAVersion):
        pep440(text)
