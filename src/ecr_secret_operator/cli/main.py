"""`ecr-secret-operator`, and `kubectl ecr`: names the commands, and turns errors into one line and an exit code."""

from __future__ import annotations

import errno
import os
import sys

import click

from .. import __version__
from ..domain.printable import one_line
from ..errors import OperatorError
from ..observability.stream import escape_standard_streams
from .commands import Commands
from .naming import COMMANDS, NAME, PLUGIN, named

EXIT_FAILED = 1
_NOT_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""What a full or broken disk answers to what is written."""

_SETTINGS = {
    "help_option_names": ["-h", "--help"],
    "max_content_width": 100,
    "color": True,  # or click drops some terminal sequences; they are to be shown escaped
}


_EXAMPLES = """\b
Examples:
  ecr-secret-operator status
  ecr-secret-operator doctor secret/web -n team-a
  ecr-secret-operator refresh secret/web -n team-a
  ecr-secret-operator render -f ecr.yaml"""


@click.group(commands=Commands("run", *COMMANDS), context_settings=_SETTINGS, epilog=_EXAMPLES)
@click.version_option(__version__, "--version", prog_name=NAME)
def cli() -> None:
    """Keep Amazon ECR tokens fresh in Kubernetes Secrets.

    The operator is `run`. The other commands are for users. Those that read a cluster need a kubeconfig and use your
    permissions. All except `run` are also a kubectl plugin: kubectl ecr.

    Exit codes: 0 success; 1 something is wrong, or the command failed; 2 wrong usage, or the cluster cannot be read;
    130 stopped by Ctrl-C. Errors are printed on standard error.
    """


@click.group(commands=Commands(*COMMANDS, program=PLUGIN), context_settings=_SETTINGS, epilog=named(_EXAMPLES, PLUGIN))
@click.version_option(__version__, "--version", prog_name=PLUGIN)
def plugin() -> None:
    """Show, check and refresh Amazon ECR tokens in Kubernetes Secrets.

    A kubectl plugin of the ECR Secret Operator. Commands that read a cluster need a kubeconfig, and use your
    permissions.

    Exit codes: 0 success; 1 something is wrong, or the command failed; 2 wrong usage, or the cluster cannot be read;
    130 stopped by Ctrl-C. Errors are printed on standard error.
    """


def main() -> None:
    """The entry point of the installed command."""
    _main(cli, NAME)


def kubectl_plugin() -> None:
    """The entry point of `kubectl ecr`, which kubectl finds by its name, kubectl-ecr."""
    _main(plugin, PLUGIN)


def kubectl_completion() -> None:
    """The entry point of `kubectl_complete-ecr`, which kubectl runs with the words to complete after `kubectl ecr`."""
    from .completion import kubectl_answer  # noqa: PLC0415 - for this alone

    escape_standard_streams()
    for line in kubectl_answer(plugin, sys.argv[1:]):
        click.echo(line)


def _main(group: click.Group, name: str) -> None:
    escape_standard_streams()
    try:
        group.main(prog_name=name, complete_var=_complete_variable(name), standalone_mode=True)
    except OperatorError as error:
        click.echo(f"Error: {one_line(named(str(error), name))}", err=True)
        sys.exit(EXIT_FAILED)
    except OSError as error:
        if error.errno not in _NOT_WRITTEN:
            raise
        click.echo(f"Error: the output cannot be written: {error.strerror}", err=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # else Python tries to write the rest when it ends
        sys.exit(EXIT_FAILED)


def _complete_variable(name: str) -> str:
    """As the scripts of `completion` set it."""
    return f"_{name.replace('-', '_').replace(' ', '_').upper()}_COMPLETE"
