"""What the commands use of the laboratory, which is a distribution of its own and may be absent.

Only this module imports the laboratory. Import this module inside a command: `run` does not need the laboratory. The
import raises `Failed` if the laboratory, or a library that it needs, is not installed.
"""

from __future__ import annotations

from .options import Failed

try:
    from ecr_secret_operator_lab.demo import (
        STEPS,
        Screen,
        Stage,
        StepFailed,
        at_most_wide,
        keep_open,
        play_yourself,
        tell,
        workbench,
    )
    from ecr_secret_operator_lab.demo.workbench import Workbench
    from ecr_secret_operator_lab.operator import typed_command
except ModuleNotFoundError as error:
    raise Failed(
        f"this command needs {error.name}, which is not installed. Install it with:"
        " pip install 'ecr-secret-operator[lab]'"
    ) from error

__all__ = [
    "STEPS",
    "Screen",
    "Stage",
    "StepFailed",
    "Workbench",
    "at_most_wide",
    "keep_open",
    "play_yourself",
    "tell",
    "typed_command",
    "workbench",
]
