"""`ecr-secret-operator`: registers the commands, and turns errors into one line and an exit code."""

from __future__ import annotations

import sys

import click

from .. import __version__
from ..domain.errors import OperatorError
from .crds import crds
from .demo import demo
from .dev import dev
from .rbac import rbac
from .run import run

EXIT_FAILED = 1


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "--version", prog_name="ecr-secret-operator")
def cli() -> None:
    """Keep Amazon ECR tokens fresh in Kubernetes Secrets.

    Exit codes: 0 done, or stopped by a signal; 1 failed, with one line that says why; 2 wrong usage.
    """


for command in (run, crds, rbac, demo, dev):
    cli.add_command(command)


def main() -> None:
    """The entry point of the installed command."""
    try:
        cli.main(standalone_mode=True)
    except OperatorError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(EXIT_FAILED)
