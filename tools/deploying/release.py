"""What is released, under which names: the home, the registry, the channels. Everything that is generated reads it.

`deploy/release.toml` holds what `make release` sets: the name and the digest of the image, and the time.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from ..release.versions import is_prerelease, semver

_ROOT = Path(__file__).parents[2]
_PROJECT = tomllib.loads(_ROOT.joinpath("pyproject.toml").read_text(encoding="utf-8"))["project"]
_SETTINGS = tomllib.loads(_ROOT.joinpath("deploy", "release.toml").read_text(encoding="utf-8"))

VERSION = semver(_PROJECT["version"].partition(".dev")[0])
"""As Helm, OLM and image tags write it."""

NAME = "ecr-secret-operator"
REPOSITORY = "https://github.com/rh-mobb/ecr-secret-operator"
"""The project's home."""

ICON = "https://raw.githubusercontent.com/rh-mobb/ecr-secret-operator/main/deploy/bundle/icon.svg"
"""As catalogues of charts load it; the bundle contains the file itself."""

IMAGE: str = _SETTINGS["image"]
"""Where the image is; at first where the Go operator's image is. Every form of installation lets you name another."""

REGISTRY = IMAGE.rpartition("/")[0]
"""Where images and charts are published."""

MAINTAINER, EMAIL = "Red Hat's Global Cloud Services SSA Team", "cloud-ssa-global@redhat.com"

CAPABILITIES = "Full Lifecycle"
"""Of the levels that the Operator Framework defines."""

TAG = f"v{VERSION}"

DIGEST: str = _SETTINGS["digest"]
"""Digest of the image, or empty. A release knows the digest once the image is pushed."""

REFERENCE = f"{IMAGE}@{DIGEST}" if DIGEST else f"{IMAGE}:{TAG}"
"""The image as the bundle and the manifests name it."""

CREATED: str = _SETTINGS["created"]
"""The time of the release. It is part of the bundle, so it does not change with every build."""

UPSTREAM = "0.6.0"
"""The Go operator's last version, which this one replaces."""

KUBERNETES = "1.29.0"
"""The oldest that it is meant for, as the Go operator; the admission policies need `ADMISSION`."""

ADMISSION = "1.30.0"

MATURITY = "alpha"
"""The bundle's `maturity`. docs/maturity.md explains it, and a test compares all places that state it."""

PRERELEASE = True
"""Whether no version is released yet: the chart's annotation for Artifact Hub."""


def channels(version: str) -> tuple[str, ...]:
    """The OLM channels that get a version, the default channel first.

    The Go operator's only channel was alpha: its subscribers get the releases, too. Release candidates have a channel
    of their own, so subscribers of the other channels do not get them.
    """
    return ("candidate",) if is_prerelease(version) else ("stable", "alpha")
