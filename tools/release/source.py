"""The source of a release: a clone of the checkout, with the commit and the tag of the release."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from .edits import notes, with_section, with_settings, with_version
from .programs import ReleaseFailed, run
from .versions import pep440, semver

VERSIONED = ("pyproject.toml",)
SETTINGS, CHANGELOG = Path("deploy/release.toml"), Path("CHANGELOG.md")


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is released.

    Attributes:
        root: directory with the files of the release's commit.
        version: as SemVer writes it.
        revision: the commit.
        epoch: seconds since 1970 of the commit: the time of all that is built.
    """

    root: Path
    version: str
    revision: str
    epoch: int

    @property
    def tag(self) -> str:
        """Of the commit and of the image."""
        return f"v{self.version}"

    @property
    def time(self) -> str:
        """The time of the commit, as OCI and OLM write it."""
        return _iso(self.epoch)

    def notes(self) -> str:
        """The release notes."""
        return notes((self.root / CHANGELOG).read_text(encoding="utf-8"), self.version)

    def generate(self, **settings: str) -> None:
        """Writes the generated files, after a change of `deploy/release.toml`."""
        _generate(self.root, **settings)


def prepared(checkout: Path, version: str, image: str, directory: Path) -> Source:
    """Clones the checkout, and commits and tags the release there unless the checkout has it already.

    Args:
        checkout: a clean one.
        version: of the release, in either form.
        image: its name, without a tag.
        directory: for the clone; it must not exist.

    Raises:
        CannotEdit: the changelog has nothing to release.
        ReleaseFailed: the checkout is not clean, or git failed.
    """
    if run(["git", "status", "--porcelain"], checkout).strip():
        raise ReleaseFailed("the checkout has changes that are not committed: commit or remove them first")
    run(["git", "clone", "--quiet", "--no-local", str(checkout), str(directory)], checkout)
    if f'version = "{pep440(version)}"' not in (directory / VERSIONED[0]).read_text(encoding="utf-8"):
        _commit(directory, version, image, _committer(checkout))
    revision, epoch = run(["git", "show", "--no-patch", "--format=%H %ct"], directory).split()
    source = Source(root=directory, version=semver(version), revision=revision, epoch=int(epoch))
    if f'image = "{image}"' not in (directory / SETTINGS).read_text(encoding="utf-8"):
        raise ReleaseFailed(f"the commit of {source.tag} is for another REGISTRY: see {SETTINGS}")
    return source


def _committer(checkout: Path) -> dict[str, str]:
    """Who commits in the checkout: a clone does not get the configuration of the checkout."""
    name, _, rest = run(["git", "var", "GIT_COMMITTER_IDENT"], checkout).partition(" <")
    email = rest.partition(">")[0]
    return {
        f"GIT_{role}_{part}": value
        for role in ("AUTHOR", "COMMITTER")
        for part, value in (("NAME", name), ("EMAIL", email))
    }


def _commit(root: Path, version: str, image: str, committer: Mapping[str, str]) -> None:
    now = int(datetime.now(UTC).timestamp())
    for name in VERSIONED:
        _edit(root / name, with_version((root / name).read_text(encoding="utf-8"), pep440(version)))
    changelog = (root / CHANGELOG).read_text(encoding="utf-8")
    _edit(root / CHANGELOG, with_section(changelog, semver(version), _iso(now).partition("T")[0]))
    _generate(root, image=image, digest="", created=_iso(now))
    given = {**committer, "GIT_AUTHOR_DATE": f"@{now} +0000", "GIT_COMMITTER_DATE": f"@{now} +0000"}
    tag = f"v{semver(version)}"
    run(["git", "commit", "--quiet", "--all", f"--message=Release {tag}"], root, **given)
    run(["git", "tag", tag, f"--message=Release {tag}"], root, **given)


def _generate(root: Path, **settings: str) -> None:
    _edit(root / SETTINGS, with_settings((root / SETTINGS).read_text(encoding="utf-8"), **settings))
    run(
        [sys.executable, "-m", "tools.generate"], root, PYTHONPATH=f"{root / 'src'}:{root}", PYTHONDONTWRITEBYTECODE="1"
    )


def _edit(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _iso(epoch: int) -> str:
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
