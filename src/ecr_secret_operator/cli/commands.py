"""The commands by name. The module of a command is imported when the command is needed: `run` needs no other one."""

from __future__ import annotations

from collections import UserDict
from importlib import import_module

import click

from .naming import NAME, command_for


class Commands(UserDict[str, click.Command]):
    """Commands whose modules have the names of the commands.

    Args:
        names: of the commands.
        program: the name by which the commands are called.
    """

    def __init__(self, *names: str, program: str = NAME) -> None:
        super().__init__({name: click.Command(name) for name in names})
        self._absent = set(names)
        self._program = program

    def __getitem__(self, name: str) -> click.Command:
        if name in self._absent:
            command: click.Command = getattr(import_module(f".{name}", __package__), name)
            self.data[name] = command_for(command, self._program)
            self._absent.remove(name)
        return self.data[name]
