"""`ecr-secret-operator crds`: the custom resource definitions, to be piped into kubectl."""

from __future__ import annotations

import click

from .output import MANIFESTS, manifests, output_option


@click.command(
    epilog="""\b
Examples:
  ecr-secret-operator crds | kubectl apply --server-side -f -
  ecr-secret-operator crds -o name"""
)
@output_option(MANIFESTS)
def crds(*, output: str) -> None:
    """Print the custom resource definitions.

    No cluster is needed.
    """
    from ..crds import all_definitions  # noqa: PLC0415 - as little as possible at start

    click.echo(manifests(all_definitions(), output))
