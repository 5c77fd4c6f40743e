"""What is released, under which names."""

from __future__ import annotations

from ecr_secret_operator import __version__

VERSION = __version__.partition(".dev")[0]
NAME = "ecr-secret-operator"
REPOSITORY = "https://github.com/rh-mobb/ecr-secret-operator"

IMAGE = "quay.io/rh-mobb/ecr-secret-operator"
"""Where the Go operator's image is. Every form of installation lets you name another."""

TAG = f"v{VERSION}"

UPSTREAM = "0.6.0"
"""The Go operator's last version, which this one replaces."""

KUBERNETES = "1.29.0"
"""The oldest that it is meant for, as the Go operator; the admission policies need `ADMISSION`."""

ADMISSION = "1.30.0"

MATURITY = "alpha"
"""The bundle's `maturity`. docs/maturity.md explains it, and a test compares all places that state it."""

PRERELEASE = True
"""Whether no version is released yet: the chart's annotation for Artifact Hub."""
