"""`ecr-secret-operator migrate`: other tools' set-ups, as resources of this operator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .options import cluster_options, namespace_option, with_cluster

if TYPE_CHECKING:
    from ..collect.others import Others
    from ..collect.session import ClusterSession


@click.command(
    epilog="""\b
Examples:
  ecr-secret-operator migrate > ecr.yaml
  ecr-secret-operator migrate -n team-a --account 123456789012
  ecr-secret-operator migrate -f cronjob.yaml -f service-account.yaml"""
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
@cluster_options
def migrate(
    *,
    filenames: tuple[str, ...],
    namespace: str | None,
    account: str,
    operator_namespace: str,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Print resources of this operator that replace other tools.

    Known are the Go operator rh-mobb/ecr-secret-operator, nabsul/k8s-ecr-login-renew, upmc-enterprises/registry-creds,
    and the ECR generators of the External Secrets Operator. Comments say what to do first, what could not be carried
    over, and what to remove afterwards. Environments are read as the kubelet makes them: envFrom, env, $(NAME). Nothing
    is changed, and no value of a Secret is used or shown.

    Exit codes: 0 done, also when there was nothing to carry over; 1 a file cannot be read; 2 the cluster cannot be
    reached.
    """
    from ..migrate.translate import stream, translate  # noqa: PLC0415 - the same
    from ..migrate.translation import Hints  # noqa: PLC0415 - as little as possible at start

    if account and not (account.isdecimal() and len(account) == 12):  # noqa: PLR2004 - AWS
        raise click.UsageError("--account is a number of twelve digits")
    hints = Hints(account=account, operator_namespace=operator_namespace)
    if filenames:
        carried = translate(_from_files(filenames), hints)
    else:
        found = _from_cluster(namespace, kubeconfig, context)
        carried = translate(found.objects, hints, found.sources)
    click.echo(stream(carried), nl=False)
    made = sum(len(one.documents) for one in carried)
    todo = sum(bool(one.needed or not one.complete) for one in carried)
    click.echo(f"{len(carried)} set-ups found, {made} resources made, {todo} need something done first.", err=True)


def _from_files(names: tuple[str, ...]) -> list[dict[str, Any]]:
    from .files import documents  # noqa: PLC0415 - for who reads files

    return [one.raw for name in names for one in documents(name) if isinstance(one.raw, dict)]


def _from_cluster(namespace: str | None, kubeconfig: str | None, context: str | None) -> Others:
    async def look(session: ClusterSession) -> Others:
        from ..collect import others  # noqa: PLC0415 - the client library takes a second to import

        return await others.find(session, namespace)

    found = with_cluster(kubeconfig, context, look)
    for kind in found.unseen:
        click.echo(f"Note: {kind}s are left out: you may not list them", err=True)
    return found
