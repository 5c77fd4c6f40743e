"""The command `dev`, in an environment of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping

from ecr_secret_operator_lab.operator import installed_command

Environment = Mapping[str, str]


def dev_command() -> list[str]:
    return [installed_command(), "dev"]


def dev(action: str, environment: Environment, *options: str) -> subprocess.CompletedProcess[str]:
    command = [*dev_command(), action, *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
