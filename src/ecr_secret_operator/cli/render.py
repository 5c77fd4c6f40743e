"""`ecr-secret-operator render`: what would come of a resource, without a cluster and without AWS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..diagnosis.preview import preview, remarks
from ..domain.errors import OperatorError
from ..domain.fields import GROUP
from ..domain.kinds import KINDS, Kind
from ..domain.policy import POLICY_KIND, parse_policy
from ..domain.printable import one_line
from ..domain.raw import Raw, text
from ..domain.resource import InvalidSpec
from .options import EXIT_WRONG, ResourceType, cluster_options, documents, namespace_option, with_cluster

if TYPE_CHECKING:
    from ..survey.session import Session


@click.command(
    epilog="""\b
Examples:
  ecr-secret-operator render -f ecr.yaml
  kustomize build | ecr-secret-operator render -f -
  ecr-secret-operator render Secret/ecr -n team-a"""
)
@click.argument("resource", type=ResourceType(), metavar="[KIND/NAME]", required=False)
@click.option("-f", "--filename", metavar="FILE", help="File with resources, in YAML or JSON; - for standard input.")
@namespace_option("Namespace of KIND/NAME [default: that of the kubeconfig's context].")
@cluster_options
@click.pass_context
def render(
    ctx: click.Context,
    *,
    resource: tuple[Kind, str] | None,
    filename: str | None,
    namespace: str | None,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Print the Secrets that would be generated, with their tokens masked.

    With -f neither a cluster nor AWS is asked: good for checks before a merge. With KIND/NAME the resource is read from
    the cluster, and nothing else. A spec that means nothing is refused with the sentence that the operator would put
    into its status. Data are shown as stringData, to be read.

    Exit codes: 0 all are valid; 1 some are not; 2 wrong usage, or the cluster cannot be reached.
    """
    if bool(resource) == bool(filename):
        raise click.UsageError("give either KIND/NAME or --filename")
    raws = documents(filename) if filename else [_read(resource, namespace, kubeconfig, context)]
    ours = [raw for raw in raws if isinstance(raw, dict) and _known(raw)]
    if not ours:
        raise OperatorError(f"{filename} holds no resource of {GROUP}")
    failed = [sentence for raw in ours if (sentence := _shown(raw))]
    for sentence in failed:
        click.echo(f"Error: {one_line(sentence)}", err=True)
    ctx.exit(EXIT_WRONG if failed else 0)


def _known(raw: Mapping[str, Any]) -> bool:
    kind, group = text(raw, "kind"), text(raw, "apiVersion").partition("/")[0]
    return group == GROUP and (kind in KINDS or kind == POLICY_KIND)


def _read(
    resource: tuple[Kind, str] | None, namespace: str | None, kubeconfig: str | None, context: str | None
) -> dict[str, Any]:
    assert resource  # noqa: S101 - for the types: usage was checked
    kind, name = resource

    async def work(session: Session) -> dict[str, Any]:
        from ..survey import resources  # noqa: PLC0415 - the client library takes a second to import

        return await resources.one(session.reader, kind, namespace or session.namespace, name)

    return with_cluster(kubeconfig, context, work)


def _shown(raw: Raw) -> str:
    """Prints what comes of a resource; gives why nothing does, empty when something does."""
    name = "/".join(
        filter(None, (text(raw, "kind"), text(raw, "metadata", "namespace"), text(raw, "metadata", "name")))
    )
    if text(raw, "kind") == POLICY_KIND:
        policy = parse_policy(raw.get("spec"))
        if isinstance(policy, InvalidSpec):
            return f"{name}: {policy.message}"
        click.echo(f"# {one_line(name)} is valid, and generates nothing")
        return ""
    found = preview(raw)
    if isinstance(found, InvalidSpec):
        return f"{name}: {found.message}"
    _print(name, found, list(remarks(raw)))
    return ""


def _print(name: str, manifest: dict[str, Any], sentences: Sequence[str]) -> None:
    from ..crds import to_yaml  # noqa: PLC0415 - as little as possible at start

    for sentence in (f"Of {name}", *sentences):
        click.echo(f"# {one_line(sentence)}")
    click.echo(to_yaml([manifest]), nl=False)
