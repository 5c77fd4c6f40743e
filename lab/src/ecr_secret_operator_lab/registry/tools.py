"""crane and helm with nothing but a generated Secret: its data is their auth file."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .process import Registry

INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR")
PATIENCE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Tools:
    """Registry clients in surroundings of their own.

    Attributes:
        programs: `crane`, `helm`, from `ensure_programs`.
        registry: that they find.
        home: a directory of their own, for their configuration and caches.
    """

    programs: Mapping[str, Path]
    registry: Registry
    home: Path

    @property
    def auth_file(self) -> Path:
        """Where the tools look for registry credentials."""
        return self.home / "docker" / "config.json"

    def login(self, dockerconfigjson: str) -> None:
        """Puts a Secret's data where the tools look for it, to the byte, as a build or a kubelet does."""
        self.auth_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.auth_file.write_text(dockerconfigjson)

    def crane(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Runs crane; its failure is for the caller to judge."""
        return self._run("crane", *args)

    def helm(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Runs helm; its failure is for the caller to judge."""
        return self._run("helm", *args, "--registry-config", str(self.auth_file))

    def environment(self) -> Mapping[str, str]:
        """What a tool needs to find the registry, and its own credentials and no others."""
        own = {"HOME": str(self.home), "DOCKER_CONFIG": str(self.auth_file.parent)}
        return {**own, **self.registry.environment()}

    def command_line(self, name: str, *args: str) -> Sequence[str]:
        """The same as a command to type: in any environment, in any directory."""
        settings = [f"{variable}={value}" for variable, value in self.environment().items()]
        return ["env", *settings, str(self.programs[name]), *args]

    def _run(self, name: str, *args: str) -> subprocess.CompletedProcess[str]:
        clean = {variable: os.environ[variable] for variable in INHERITED if variable in os.environ}
        return subprocess.run(
            [str(self.programs[name]), *args],
            env={**clean, **self.environment()},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
