"""`ecr-secret-operator render`: the Secrets that resources would have, without a cluster and without AWS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from ..api.fields import GROUP
from ..doctor.preview import explanations, preview, remarks
from ..domain.identity.access_policy import POLICY_KIND
from ..domain.printable import one_line
from ..domain.raw import RawObject, text
from ..domain.resource import InvalidSpec, Key
from .options import EXIT_CANNOT_LOOK, EXIT_WRONG, cluster_options, namespace_option, with_cluster
from .output import MANIFESTS, manifests, output_option
from .targets import Targets, resource_arguments

if TYPE_CHECKING:
    from ..collect.session import ClusterSession
    from .files import Document


@dataclass(frozen=True, slots=True)
class _Rendered:
    """What became of one document.

    Attributes:
        manifest: its Secret; None if it has none.
        explanations: sentences on its tokens.
        remarks: sentences about it, in the order in which they are printed.
        warnings: sentences on fields that would be dropped.
        problems: sentences that say why it is refused.
    """

    manifest: dict[str, Any] | None = None
    remarks: Sequence[str] = ()
    warnings: Sequence[str] = ()
    problems: Sequence[str] = ()
    explanations: Sequence[str] = ()


@click.command(
    epilog="""\b
Examples:
  ecr-secret-operator render -f ecr.yaml
  kustomize build | ecr-secret-operator render -f -
  ecr-secret-operator render -f ecr.yaml --no-strict
  ecr-secret-operator render -f ecr.yaml --explain
  ecr-secret-operator render secret/web -n team-a"""
)
@resource_arguments()
@click.option("-f", "--filename", metavar="FILE", help="File with resources, in YAML or JSON; - for standard input.")
@click.option(
    "--strict/--no-strict",
    default=None,
    help="Fail on unknown fields and repeated keys; --no-strict only warns.  [default: --strict with -f]",
)
@click.option(
    "--explain",
    is_flag=True,
    help="Also print who requests each token, and the session policy that limits it.",
)
@namespace_option("Namespace of the resources [default: that of the kubeconfig's context].")
@output_option(MANIFESTS)
@cluster_options
@click.pass_context
def render(
    ctx: click.Context,
    *,
    resources: Targets,
    filename: str | None,
    strict: bool | None,
    explain: bool,
    namespace: str | None,
    output: str,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Print the Secrets that would be generated, with masked tokens.

    With -f, no cluster and no AWS are needed: use it to check files before a merge. Values that the API server rejects
    are errors. Unknown fields and repeated keys are errors too, as with kubectl apply --validate=strict; with
    --no-strict they are warnings, as with --validate=warn. Without -f, the named resources are read from the cluster,
    and unknown fields are warnings. The data of the Secrets are shown as stringData, so that you can read them.

    Exit codes: 0 all are valid; 1 some are not, or a file cannot be read; 2 wrong usage, a resource does not exist, or
    the cluster cannot be read.
    """
    if bool(resources.named or resources.kinds) == bool(filename):
        raise click.UsageError("give either --filename or resources such as secret/web")
    resources.require_names()
    missing: Sequence[str] = ()
    if filename:
        found = list(_from_file(filename, strict=strict is not False))
    else:
        raws, missing = _read(resources, namespace, kubeconfig, context)
        found = [_stored(raw, strict=strict is True) for raw in raws]
    _print(found, output, explain=explain)
    for sentence in dict.fromkeys(sentence for one in found for sentence in one.warnings):
        click.echo(f"Warning: {one_line(sentence)}", err=True)
    problems = dict.fromkeys(sentence for one in found for sentence in one.problems)
    for sentence in (*missing, *problems):
        click.echo(f"Error: {one_line(sentence)}", err=True)
    ctx.exit(EXIT_CANNOT_LOOK if missing else EXIT_WRONG if problems else 0)


def _from_file(filename: str, *, strict: bool) -> Iterator[_Rendered]:
    """What becomes of the documents of a file. Objects of other kinds are ignored."""
    from .files import documents, named  # noqa: PLC0415 - as little as possible at start

    found = [
        _document(one, f"document {number} of {named(filename)}", strict=strict)
        for number, one in enumerate(documents(filename), start=1)
    ]
    meant = [one for one in found if one]
    yield from meant
    if not meant:
        yield _Rendered(problems=[f"{named(filename)} holds no resource of {GROUP}"])


def _document(document: Document, place: str, *, strict: bool) -> _Rendered | None:
    """What becomes of one document; None for an object that is not meant for this operator."""
    from ..doctor.admission import incomplete, is_ours, suspect  # noqa: PLC0415 - as little as possible at start

    raw = document.raw
    if not isinstance(raw, dict):
        return _Rendered(problems=[f"{place} is not an object"])
    if problem := incomplete(raw):
        return _Rendered(problems=[f"{place}: {problem}"])
    if not is_ours(raw):
        problem = suspect(raw)
        return _Rendered(problems=[f"{_name(raw)}: {problem}"]) if problem else None
    return _judged(raw, document.repeated, strict=strict)


def _judged(raw: RawObject, repeated: Sequence[str], *, strict: bool) -> _Rendered:
    """A resource of this operator, judged as the API server does.

    Args:
        raw: the resource.
        repeated: sentences on its repeated keys.
        strict: whether unknown fields and repeated keys are refused.
    """
    from ..doctor.admission import admitted  # noqa: PLC0415 - as little as possible at start

    verdict = admitted(raw)
    doubtful = [*repeated, *verdict.unknown]
    warned = [f"{_name(raw)}: {one}" for one in doubtful] if not strict else []
    refused = [*(doubtful if strict else ()), *verdict.problems]
    if refused:
        return _Rendered(warnings=warned, problems=[f"{_name(raw)}: {'; '.join(refused)}"])
    return _rendered(verdict.stored, warned)


def _stored(raw: RawObject, *, strict: bool) -> _Rendered:
    """A resource that the API server has accepted: only its unknown fields are judged."""
    from ..doctor.admission import admitted  # noqa: PLC0415 - as little as possible at start

    unknown = [f"{_name(raw)}: {one}" for one in admitted(raw).unknown]
    return _Rendered(problems=unknown) if strict and unknown else _rendered(raw, unknown)


def _rendered(raw: RawObject, warned: Sequence[str]) -> _Rendered:
    """A valid resource with its Secret."""
    name = _name(raw)
    if text(raw, "kind") == POLICY_KIND:
        return _Rendered(remarks=[f"{name} is valid, and generates nothing"], warnings=warned)
    found = preview(raw)
    if isinstance(found, InvalidSpec):
        return _Rendered(warnings=warned, problems=[f"{name}: {found.message}"])
    said, explained = [f"Of {name}", *remarks(raw)], list(explanations(raw))
    return _Rendered(manifest=found, remarks=said, warnings=warned, explanations=explained)


def _name(raw: RawObject) -> str:
    return Key(text(raw, "kind"), text(raw, "metadata", "namespace"), text(raw, "metadata", "name")).spoken.rstrip("/ ")


def _read(
    targets: Targets, namespace: str | None, kubeconfig: str | None, context: str | None
) -> tuple[Sequence[RawObject], Sequence[str]]:
    """The named resources of a cluster, and sentences on those that do not exist."""

    async def work(session: ClusterSession) -> tuple[Sequence[RawObject], Sequence[str]]:
        from ..collect import resources  # noqa: PLC0415 - the client library takes a second to import

        return await resources.stored(session, targets.named, namespace or session.namespace)

    return with_cluster(kubeconfig, context, work)


def _print(found: Sequence[_Rendered], form: str, *, explain: bool) -> None:
    """Prints the Secrets. Only YAML has comments; otherwise the remarks go to standard error."""
    made = [one.manifest for one in found if one.manifest]
    for one in found:
        for sentence in (*one.remarks, *(one.explanations if explain else ())):
            click.echo(f"{'#' if form == 'yaml' else 'Note:'} {one_line(sentence)}", err=form != "yaml")
        if form == "yaml" and one.manifest:
            click.echo(manifests([one.manifest], form))
    if made and form != "yaml":
        click.echo(manifests(made, form))
