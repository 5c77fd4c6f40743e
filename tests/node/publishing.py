"""Pushes what the node tests install and run to the registry."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from ecr_secret_operator_lab.node import busybox, write_image
from ecr_secret_operator_lab.registry import Tools

from ..cluster.resources import HOST

CHARTS = f"oci://{HOST}/charts"
GREETING = "hello from the registry"


@dataclass(frozen=True, slots=True)
class Publisher:
    """Pushes.

    Attributes:
        tools: crane and helm, with a token.
        program: busybox.
    """

    tools: Tools
    program: Path

    def push_archive(self, archive: Path, image: str) -> str:
        """Pushes an image that is an archive."""
        _succeeds(self.tools.crane("push", str(archive), image))
        return image

    def push_busybox(self, repository: str, tag: str = "1", more: Mapping[str, bytes] | None = None) -> str:
        """Pushes a small image, with a script `greet` and with more programs."""
        script = f"#!/bin/sh\necho {GREETING}\n".encode()
        contents = busybox(self.program, more={"greet": script, **(more or {})})
        image = f"{HOST}/{repository}:{tag}"
        return self.push_archive(write_image(self.tools.home / "image.tar", image, contents), image)

    def digest(self, image: str) -> str:
        """The digest of an image in the registry."""
        done = self.tools.crane("digest", image)
        _succeeds(done)
        return done.stdout.strip()

    def copy(self, source: str, image: str) -> str:
        """Copies an image from another registry on this machine, and gives its name with its digest."""
        _succeeds(self.tools.crane("copy", source, image))
        return f"{image.rpartition(':')[0]}@{self.digest(image)}"

    def tag(self, image: str, tag: str) -> None:
        """Gives an image one more tag."""
        _succeeds(self.tools.crane("tag", image, tag))

    def chart_version(self, chart: Path) -> str:
        return str(yaml.safe_load((chart / "Chart.yaml").read_text())["version"])

    def push_chart(self, chart: Path, *options: str) -> None:
        """Packages and pushes the chart; options such as another version."""
        packages = self.tools.home / "packages"
        _succeeds(self.tools.helm("package", str(chart), "--destination", str(packages), *options))
        for package in sorted(packages.iterdir()):
            _succeeds(self.tools.helm("push", str(package), CHARTS))
            package.unlink()


def _succeeds(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr
