"""Completes the metadata of the laboratory: it works with the operator of the same version only."""

from __future__ import annotations

from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class SameVersion(MetadataHookInterface):
    """Adds a dependency on the operator in the version that is built."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Sets the dependencies: the operator and those that pyproject.toml lists."""
        metadata["dependencies"] = [f"ecr-secret-operator=={metadata['version']}", *self.config["dependencies"]]
