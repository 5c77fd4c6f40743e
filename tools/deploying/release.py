"""What is released, under which names: the only place with the home, the registry and the channels.

Everything that is generated reads it. A fork that publishes elsewhere changes this file and runs `make generate`.
"""

from __future__ import annotations

from ecr_secret_operator import __version__

VERSION = __version__.partition(".dev")[0]
NAME = "ecr-secret-operator"
REPOSITORY = "https://github.com/rh-mobb/ecr-secret-operator"
"""The project's home."""

ICON = "https://raw.githubusercontent.com/rh-mobb/ecr-secret-operator/main/deploy/bundle/icon.svg"
"""As catalogues of charts load it; the bundle contains the file itself."""

REGISTRY = "quay.io/rh-mobb"
"""Where images and charts are published."""

IMAGE = f"{REGISTRY}/{NAME}"
"""Where the Go operator's image is. Every form of installation lets you name another."""

MAINTAINER, EMAIL = "Red Hat's Global Cloud Services SSA Team", "cloud-ssa-global@redhat.com"

CHANNELS = ("stable", "alpha")
"""Of the bundle; the first is the default. The Go operator had alpha only: its subscribers get this version, too."""

CAPABILITIES = "Full Lifecycle"
"""Of the levels that the Operator Framework defines."""

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
