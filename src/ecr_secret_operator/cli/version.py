"""`ecr-secret-operator version`: the versions of this command, of the operator and of Kubernetes."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import click

from .. import __version__
from ..domain.printable import one_line
from .options import NameType, cluster_options, with_cluster
from .output import output_option, written

if TYPE_CHECKING:
    from ..collect.session import ClusterSession
    from ..collect.versions import ServerVersions


@click.command(
    epilog="""\b
Examples:
  ecr-secret-operator version
  ecr-secret-operator version --client
  ecr-secret-operator version -o json"""
)
@click.option("--client", is_flag=True, help="Show only the version of this command. Needs no cluster.")
@click.option(
    "--operator-namespace",
    type=NameType(),
    metavar="NAME",
    help="Namespace of the operator [default: detected].",
)
@output_option(("text", "json", "yaml"))
@cluster_options
def version(
    *, client: bool, operator_namespace: str | None, output: str, kubeconfig: str | None, context: str | None
) -> None:
    """Show the versions of this command, operator and Kubernetes.

    The version of the operator is the tag of its Deployment's image. If the tag is not a version, it is the
    Deployment's label app.kubernetes.io/version.

    Exit codes: 0 success, even if the operator was not found; 2 wrong usage, or the cluster cannot be read. The version
    of this command is printed in any case.
    """
    own = {"version": __version__, "pythonVersion": platform.python_version()}
    if output == "text":
        click.echo(f"Client Version: {__version__}")
    if client:
        if output != "text":
            click.echo(written({"clientVersion": own}, output))
        return

    async def look(session: ClusterSession) -> ServerVersions:
        from ..collect import versions  # noqa: PLC0415 - the client library takes a second to import

        return await versions.find(session, operator_namespace)

    try:
        found = with_cluster(kubeconfig, context, look)
    except click.ClickException:
        if output != "text":
            click.echo(written({"clientVersion": own}, output))
        raise
    if output == "text":
        _print(found)
        return
    document = {"clientVersion": own, "operatorVersion": found.operator_document(), "serverVersion": found.kubernetes}
    click.echo(written(document, output))


def _print(found: ServerVersions) -> None:
    operator = found.operator
    if operator:
        image = f" with image {operator.image}" if operator.image else ""
        line = f"{operator.version or 'unknown'} (Deployment {operator.namespace}/{operator.deployment}{image})"
    else:
        line = f"unknown ({found.why})"
    click.echo(f"Operator Version: {one_line(line)}")
    click.echo(f"Kubernetes Version: {one_line(str(found.kubernetes.get('gitVersion', 'unknown')))}")
