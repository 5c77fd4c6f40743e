"""A shell in which people type the commands of the documentation, and the remedies of `doctor`."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ecr_secret_operator_lab.operator import installed_command

SHELL = "/bin/bash"


@dataclass(frozen=True, slots=True)
class Shell:
    """A shell of an administrator.

    Attributes:
        kubeconfig: of the user.
        home: a directory for programs, which are on PATH first.
        programs: such as kubectl, by name.
        environment: more variables.
    """

    kubeconfig: Path
    home: Path
    programs: Mapping[str, Path]
    environment: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Puts the programs on PATH."""
        for name, program in self.programs.items():
            (self.home / name).unlink(missing_ok=True)
            (self.home / name).symlink_to(program)

    def run(self, script: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Runs a script; its failure is for the test to judge."""
        path = [self.home, Path(installed_command()).parent, "/usr/bin", "/bin"]
        return subprocess.run(
            [SHELL, "-euo", "pipefail", "-c", script],
            env={
                **self.environment,
                "PATH": os.pathsep.join(map(str, path)),
                "HOME": str(self.home),
                "KUBECONFIG": str(self.kubeconfig),
                "KUBERC": "off",
                **environment,
            },
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def succeeds(self, script: str, **environment: str) -> str:
        done = self.run(script, **environment)
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout
