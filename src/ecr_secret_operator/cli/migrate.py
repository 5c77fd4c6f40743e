"""`ecr-secret-operator migrate`: the configuration of other tools, as resources of this operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ..doctor.finding import counted
from .options import cluster_options, namespace_option, with_cluster
from .output import MANIFESTS, manifests, output_option

if TYPE_CHECKING:
    from ..collect.others import Others
    from ..collect.session import ClusterSession
    from ..migrate.translation import Translation


@click.command(
    epilog="""\b
Examples:
  ecr-secret-operator migrate > ecr.yaml
  ecr-secret-operator migrate -n team-a --account 123456789012
  ecr-secret-operator migrate -f cronjob.yaml -f service-account.yaml
  ecr-secret-operator migrate -o name"""
)
@click.option(
    "-f",
    "--filename",
    "filenames",
    multiple=True,
    metavar="FILE",
    help="File with the other tool's objects, instead of the cluster; - for standard input. Repeatable.",
)
@namespace_option("Look in this namespace only [default: in all].")
@click.option(
    "--account", default="", metavar="ID", help="AWS account of the registry, if the objects do not contain it."
)
@click.option(
    "--operator-namespace",
    default="ecr-secret-operator",
    show_default=True,
    metavar="NAME",
    help="Namespace of this operator, which contains the identities of ClusterPullSecrets.",
)
@output_option(MANIFESTS)
@cluster_options
def migrate(
    *,
    filenames: tuple[str, ...],
    namespace: str | None,
    account: str,
    operator_namespace: str,
    output: str,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Print resources that replace the configuration of other tools.

    Supported are the Go operator rh-mobb/ecr-secret-operator, nabsul/k8s-ecr-login-renew,
    upmc-enterprises/registry-creds, and the ECR generators of the External Secrets Operator. Nothing is changed, and no
    value of a Secret is used or shown.

    Comments list what to do first, what could not be translated, and what to remove afterwards. With -o json or -o
    name, they go to standard error. Environment variables are read as the kubelet does: envFrom, env, $(NAME).

    Exit codes: 0 done, even if nothing was found; 1 a file cannot be read; 2 wrong usage, or the cluster cannot be
    read.
    """
    from ..migrate.translate import translate  # noqa: PLC0415 - as little as possible at start
    from ..migrate.translation import Hints  # noqa: PLC0415 - the same

    if account and not (account.isdecimal() and len(account) == 12):  # noqa: PLR2004 - AWS
        raise click.UsageError("--account is a number of twelve digits")
    hints = Hints(account=account, operator_namespace=operator_namespace)
    if filenames:
        translations = translate(_from_files(filenames), hints)
    else:
        found = _from_cluster(namespace, kubeconfig, context)
        translations = translate(found.objects, hints, found.sources)
    _print(translations, output)


def _print(translations: Sequence[Translation], output: str) -> None:
    """Prints the resources and the comments, and counts them on standard error."""
    from ..migrate.translate import comments, stream  # noqa: PLC0415 - as little as possible at start

    made = [document for one in translations for document in one.documents]
    if output == "yaml":
        click.echo(stream(translations), nl=False)
    else:
        click.echo("".join(comments(one) for one in translations), nl=False, err=True)
        if made or output == "json":
            click.echo(manifests(made, output))
    todo = sum(bool(one.needed or not one.complete) for one in translations)
    needing = f"{todo} {'needs' if todo == 1 else 'need'} something done first"
    found = counted(len(translations), "installation of another tool", "installations of other tools")
    click.echo(f"{found} found, {counted(len(made), 'resource')} made, {needing}.", err=True)


def _from_files(names: tuple[str, ...]) -> list[dict[str, Any]]:
    from .files import documents  # noqa: PLC0415 - for who reads files

    return [one.raw for name in names for one in documents(name) if isinstance(one.raw, dict)]


def _from_cluster(namespace: str | None, kubeconfig: str | None, context: str | None) -> Others:
    async def look(session: ClusterSession) -> Others:
        from ..collect import others  # noqa: PLC0415 - the client library takes a second to import

        return await others.find(session, namespace)

    found = with_cluster(kubeconfig, context, look)
    for kind in found.unseen:
        click.echo(f"Note: {kind}s are omitted: you may not list them", err=True)
    return found
