"""The name by which the command was called, in everything that it tells people to type.

The texts have the name of the installed command. The plugin of kubectl replaces it: a user of the plugin may not have
the other command.
"""

from __future__ import annotations

import copy
import re

import click

NAME, PLUGIN = "ecr-secret-operator", "kubectl ecr"
FILES = {NAME: NAME, PLUGIN: "kubectl-ecr"}
"""By the name, that of the installed file, which shells complete."""

COMMANDS = ("crds", "rbac", "status", "doctor", "refresh", "render", "migrate", "version", "completion", "demo", "dev")
"""Those of the plugin: all but `run`, which is the operator itself."""

_TYPED = re.compile(rf"\b{NAME} (?=(?:{'|'.join(COMMANDS)})\b)")
_SCRIPT = re.compile(rf"(?<=/_){NAME}\b|(?<=/){NAME}(?=[.]fish\b)")


def named(text: str, program: str) -> str:
    """A text in which the commands to be typed have this program's name."""
    return text if program == NAME else _SCRIPT.sub(FILES[program], _TYPED.sub(f"{program} ", text))


def as_called(text: str) -> str:
    """A text in which the commands to be typed have the name by which this one was called."""
    context = click.get_current_context(silent=True)
    program = context.find_root().info_name if context else NAME
    return named(text, program if program in FILES else NAME)


def command_for(command: click.Command, program: str) -> click.Command:
    """A copy of a command, and of those below it, whose help has this program's name."""
    copied = copy.copy(command)
    copied.help, copied.epilog = (text and named(text, program) for text in (command.help, command.epilog))
    if isinstance(copied, click.Group):
        copied.commands = {name: command_for(one, program) for name, one in copied.commands.items()}
    return copied
