"""`ecr-secret-operator`, and `kubectl ecr`: registers the commands, and turns errors into one line and an exit code."""

from __future__ import annotations

import sys

import click

from .. import __version__
from ..domain.printable import one_line
from ..errors import OperatorError
from ..observability.stream import escape_standard_streams
from .completion import completion
from .crds import crds
from .demo import demo
from .dev import dev
from .doctor import doctor
from .migrate import migrate
from .naming import COMMANDS, NAME, PLUGIN, command_for, named
from .rbac import rbac
from .refresh import refresh
from .render import render
from .run import run
from .status import status

EXIT_FAILED = 1

_SETTINGS = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 100,
    "color": True,  # or click drops some terminal sequences; they are to be shown escaped
}


@click.group(context_settings=_SETTINGS)
@click.version_option(__version__, "--version", prog_name=NAME)
def cli() -> None:
    """Keep Amazon ECR tokens fresh in Kubernetes Secrets.

    For people with a kubeconfig: status, doctor, refresh, render, migrate. They use your permissions in the
    cluster, and work as a plugin of kubectl, too: kubectl ecr status.

    Exit codes: 0 done, or stopped by a signal; 1 failed, with one line that says why; 2 wrong usage.
    """


@click.group(context_settings=_SETTINGS)
@click.version_option(__version__, "--version", prog_name=PLUGIN)
def plugin() -> None:
    """Look after Amazon ECR tokens in Kubernetes Secrets: ecr-secret-operator as a plugin of kubectl.

    The same commands as those of ecr-secret-operator, but for run.

    Exit codes: 0 done, or stopped by a signal; 1 failed, with one line that says why; 2 wrong usage.
    """


for command in (run, crds, rbac, status, doctor, refresh, render, migrate, completion, demo, dev):
    cli.add_command(command)
    if command.name in COMMANDS:
        plugin.add_command(command_for(command, PLUGIN))


def main() -> None:
    """The entry point of the installed command."""
    _main(cli, NAME)


def kubectl_plugin() -> None:
    """The entry point of `kubectl ecr`, which kubectl finds by its name, kubectl-ecr."""
    _main(plugin, PLUGIN)


def _main(group: click.Group, name: str) -> None:
    escape_standard_streams()
    try:
        group.main(prog_name=name, complete_var=_complete_variable(name), standalone_mode=True)
    except OperatorError as error:
        click.echo(f"Error: {one_line(named(str(error), name))}", err=True)
        sys.exit(EXIT_FAILED)


def _complete_variable(name: str) -> str:
    """As the scripts of `completion` set it."""
    return f"_{name.replace('-', '_').replace(' ', '_').upper()}_COMPLETE"
