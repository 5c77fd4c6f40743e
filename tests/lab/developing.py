"""The command `dev`, in an environment of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from ecr_secret_operator_lab.operator import installed_command

Environment = Mapping[str, str]


def dev(action: str, environment: Environment) -> subprocess.CompletedProcess[str]:
    command = [installed_command(), "dev", action]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
