"""`ecr-secret-operator dev`: a local control plane and a fake AWS that stay, to run the operator against by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from ..doctor.finding import counted
from .options import Failed

if TYPE_CHECKING:
    from .laboratory import Workbench

NOTHING_RUNS = "nothing runs. Start it with: ecr-secret-operator dev up"


@contextmanager
def _failing_with(*failures: type[Exception]) -> Iterator[None]:
    """Turns these errors into a message and exit code 1."""
    try:
        yield
    except failures as failure:
        raise click.ClickException(str(failure)) from failure


@click.group(
    epilog="""\b
Examples:
  ecr-secret-operator dev up
  eval "$(ecr-secret-operator dev env)"
  ecr-secret-operator dev status
  ecr-secret-operator dev down"""
)
def dev() -> None:
    """Start, use and stop a local Kubernetes with a fake AWS."""


@dev.command(
    epilog="""\b
Examples:
  ecr-secret-operator dev up
  sudo ecr-secret-operator dev up --node"""
)
@click.option("--node", is_flag=True, help="Also start a node, which runs Pods. This needs root and Debian's apt-get.")
def up(*, node: bool) -> None:
    """Start the control plane and the fake AWS. They run until `dev down`.

    The first time, etcd, kube-apiserver, kube-controller-manager and kubectl are downloaded, or built (minutes, once).
    """
    from .laboratory import Screen, typed_command, workbench  # noqa: PLC0415 - it may be absent
    from .screen import open_console  # noqa: PLC0415 - as little as possible at start

    screen = Screen(open_console(err=True))
    with _failing_with(*workbench.FAILURES), screen.reporter() as report:
        bench = workbench.up(report, node=node)
    _describe(bench)
    command = typed_command()
    click.echo(f'\nUse them:   eval "$({command} dev env)"')
    click.echo(f"Then run:   ecr-secret-operator run --kubeconfig ${workbench.OPERATOR_VARIABLE}")
    click.echo(f"And try:    kubectl apply -f {bench.seed}; kubectl get ecr -A")
    click.echo(f"Stop them:  {command} dev down")


@dev.command(
    epilog="""\b
Examples:
  ecr-secret-operator dev down"""
)
def down() -> None:
    """Stop them, and remove their data."""
    from .laboratory import workbench  # noqa: PLC0415 - it may be absent

    click.echo("Stopped." if workbench.down() else "Nothing ran.")


@dev.command(
    epilog="""\b
Examples:
  eval "$(ecr-secret-operator dev env)"
"""
)
def env() -> None:
    """Print the environment for a shell.

    It sets KUBECONFIG and the AWS variables, and puts kubectl on PATH.
    $ECR_LAB_OPERATOR_KUBECONFIG is the operator's own, with only the permissions of an installation. It is valid for a
    day.
    """
    for line in _running().exports():
        click.echo(line)


@dev.command(
    epilog="""\b
Examples:
  ecr-secret-operator dev status"""
)
def status() -> None:
    """Show what runs. Exits with 1 if nothing runs, or something does not answer."""
    bench = _running()
    _describe(bench)
    problem = bench.trouble()
    if problem:
        raise Failed(f"{problem}. Start again with: ecr-secret-operator dev down, then dev up")
    click.echo(f"AWS was asked {counted(len(bench.aws.calls()), 'time')} so far.")


def _running() -> Workbench:
    from .laboratory import workbench  # noqa: PLC0415 - it may be absent

    bench = workbench.current()
    if bench is None:
        raise Failed(NOTHING_RUNS)
    return bench


def _describe(bench: Workbench) -> None:
    for what, where in bench.parts():
        click.echo(f"{what:<12}{where}")
