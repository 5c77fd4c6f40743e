"""`ecr-secret-operator crds`: the custom resource definitions, to be piped into kubectl."""

from __future__ import annotations

import click

from ..crds import all_definitions, to_yaml


@click.command()
def crds() -> None:
    """Print the custom resource definitions as YAML.

    Install them with: ecr-secret-operator crds | kubectl apply --server-side -f -
    """
    click.echo(to_yaml(all_definitions()), nl=False)
