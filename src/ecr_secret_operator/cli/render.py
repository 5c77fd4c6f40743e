"""`ecr-secret-operator render`: what would come of a resource, without a cluster and without AWS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from ..api.fields import GROUP
from ..doctor.preview import preview, remarks
from ..domain.identity.policy import POLICY_KIND
from ..domain.kinds import Kind
from ..domain.printable import one_line
from ..domain.raw import RawObject, text
from ..domain.resource import InvalidSpec
from .options import EXIT_WRONG, ResourceType, cluster_options, namespace_option, with_cluster

if TYPE_CHECKING:
    from ..collect.session import ClusterSession


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

    With -f neither a cluster nor AWS is asked: good for checks before a merge. What the API server would refuse is
    refused, as by kubectl apply with --validate=strict: fields that the definitions do not have, keys that are
    repeated, and values that mean nothing. With KIND/NAME the resource is read from the cluster, and nothing else. Data
    are shown as stringData, to be read.

    Exit codes: 0 all are valid; 1 some are not; 2 wrong usage, or the cluster cannot be reached.
    """
    if bool(resource) == bool(filename):
        raise click.UsageError("give either KIND/NAME or --filename")
    problems = _from_file(filename) if filename else _shown(_read(resource, namespace, kubeconfig, context))
    failed = list(dict.fromkeys(problems))
    for sentence in failed:
        click.echo(f"Error: {one_line(sentence)}", err=True)
    ctx.exit(EXIT_WRONG if failed else 0)


def _from_file(filename: str) -> Iterator[str]:
    """Prints what comes of the resources of a file; gives why nothing comes of some."""
    from ..doctor.admission import admitted, incomplete, is_ours, suspect  # noqa: PLC0415 - as little as possible at start
    from .files import documents, named  # noqa: PLC0415 - the same

    found, meant = documents(filename), 0
    for number, document in enumerate(found, start=1):
        raw = document.raw
        if not isinstance(raw, dict):
            meant += 1
            yield f"document {number} of {named(filename)} is not an object"
        elif problem := incomplete(raw):
            meant += 1
            yield f"document {number} of {named(filename)}: {problem}"
        elif not is_ours(raw):
            if problem := suspect(raw):
                meant += 1
                yield f"{_name(raw)}: {problem}"
        else:
            meant += 1
            stored, problems = admitted(raw)
            problems = [*document.repeated, *problems]
            if problems:
                yield f"{_name(raw)}: {'; '.join(problems)}"
            else:
                yield from _shown(stored)
    if not meant:
        yield f"{named(filename)} holds no resource of {GROUP}"


def _name(raw: RawObject) -> str:
    metadata = (text(raw, "metadata", "namespace"), text(raw, "metadata", "name"))
    return "/".join(filter(None, (text(raw, "kind"), *metadata)))


def _read(
    resource: tuple[Kind, str] | None, namespace: str | None, kubeconfig: str | None, context: str | None
) -> RawObject:
    assert resource  # noqa: S101 - for the types: usage was checked
    kind, name = resource

    async def work(session: ClusterSession) -> RawObject:
        from ..collect import resources  # noqa: PLC0415 - the client library takes a second to import

        return await resources.one(session.reader, kind, namespace or session.namespace, name)

    return with_cluster(kubeconfig, context, work)


def _shown(raw: RawObject) -> Iterator[str]:
    """Prints what comes of a resource; gives why nothing does, if nothing does."""
    name = _name(raw)
    if text(raw, "kind") == POLICY_KIND:
        click.echo(f"# {one_line(name)} is valid, and generates nothing")
        return
    found = preview(raw)
    if isinstance(found, InvalidSpec):
        yield f"{name}: {found.message}"
    else:
        _print(name, found, list(remarks(raw)))


def _print(name: str, manifest: dict[str, Any], sentences: Sequence[str]) -> None:
    from ..crds import to_yaml  # noqa: PLC0415 - as little as possible at start

    for sentence in (f"Of {name}", *sentences):
        click.echo(f"# {one_line(sentence)}")
    click.echo(to_yaml([manifest]), nl=False)
