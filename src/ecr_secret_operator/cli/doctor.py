"""`ecr-secret-operator doctor`: finds problems and prints their remedies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from ..doctor.finding import Finding, Level, worst
from ..domain.kinds import KINDS, Kind
from ..domain.raw import RawObject
from .naming import as_called
from .options import EXIT_WRONG, NameType, ResourceType, cluster_options, namespace_option, with_cluster

if TYPE_CHECKING:
    from ..collect.session import ClusterSession
    from ..doctor.observed import Evidence, ObservedInstallation

_MARKS = {
    Level.OK: ("ok     ", "green"),
    Level.WARNING: ("warning", "yellow"),
    Level.ERROR: ("error  ", "bold red"),
    Level.UNKNOWN: ("?      ", "dim"),
}


@click.command(
    epilog="""\b
Examples:
  ecr-secret-operator doctor
  ecr-secret-operator doctor -n team-a
  ecr-secret-operator doctor Secret/ecr -n team-a
  ecr-secret-operator doctor --operator-namespace openshift-operators -o json"""
)
@click.argument("resource", type=ResourceType(), metavar="[KIND/NAME]", required=False)
@namespace_option("Namespace of the resource, or of those to look at [default: all that you may list].")
@click.option(
    "--operator-namespace",
    type=NameType(),
    metavar="NAME",
    help="Namespace of the operator [default: detected].",
)
@click.option(
    "--service-account",
    type=NameType(),
    metavar="NAME",
    help="ServiceAccount of the operator [default: that of its Deployment].",
)
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True)
@cluster_options
@click.pass_context
def doctor(
    ctx: click.Context,
    *,
    resource: tuple[Kind, str] | None,
    namespace: str | None,
    operator_namespace: str | None,
    service_account: str | None,
    output: str,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Find problems and print their remedies.

    Checks the API server, the custom resource definitions, the operator, its permissions, its AWS identity and the
    AccessPolicies; then one resource, or all that have a problem. Fix the first finding first: it may cause the others.
    Nothing is changed. Of Secrets, only the names of their entries are read. What you may not read is marked with a
    question mark.

    Exit codes: 0 no errors; 1 at least one error; 2 the cluster could not be read.
    """

    async def look(session: ClusterSession) -> tuple[ObservedInstallation, list[Evidence]]:
        from ..collect import installation, resources  # noqa: PLC0415 - the client library takes a second to import

        now = datetime.now(UTC)
        place = await installation.find(session, operator_namespace, service_account)
        chosen = None
        if resource:
            kind, name = resource
            chosen = kind, await resources.one(session.reader, kind, namespace or session.namespace, name)
        seen = await installation.collect_installation(session, place, namespace, now=now)
        return seen, await _evidence(session, seen, chosen)

    from ..doctor.checklist import check  # noqa: PLC0415 - as little as possible at start

    seen, cases = with_cluster(kubeconfig, context, look)
    findings = list(check(seen, cases))
    if output == "json":
        _print_json(findings)
    else:
        _print_text(findings)
    ctx.exit(EXIT_WRONG if worst(findings) else 0)


async def _evidence(
    session: ClusterSession, seen: ObservedInstallation, chosen: tuple[Kind, RawObject] | None
) -> list[Evidence]:
    from ..collect import evidence, resources  # noqa: PLC0415 - the client library takes a second to import
    from ..doctor.checklist import to_examine  # noqa: PLC0415 - as little as possible at start

    wanted = [chosen] if chosen else []
    for one in [] if chosen else to_examine(seen.credentials):
        kind = KINDS[one.key.kind]
        wanted.append((kind, await resources.one(session.reader, kind, one.key.namespace, one.key.name)))
    return [
        await evidence.examine(session, kind, raw, operator_namespace=seen.namespace, now=seen.now)
        for kind, raw in wanted
    ]


def _print_text(findings: Sequence[Finding]) -> None:
    from rich.text import Text  # noqa: PLC0415 - only for text output

    from .screen import cell, open_console  # noqa: PLC0415 - the same

    console = open_console(soft_wrap=True)
    for one in findings:
        mark, style = _MARKS[one.level]
        console.print(Text.assemble((mark, style), "  ", cell(one.subject, "bold"), ": ", cell(one.message)))
        if one.remedy:
            console.print(Text.assemble("         ", ("> ", "dim"), cell(as_called(one.remedy))))
    counts = {level: sum(one.level is level for one in findings) for level in Level}
    console.print(
        f"\n{counts[Level.ERROR]} errors, {counts[Level.WARNING]} warnings, {counts[Level.OK]} ok,"
        f" {counts[Level.UNKNOWN]} unknown"
    )


def _print_json(findings: Sequence[Finding]) -> None:
    from .tables import written  # noqa: PLC0415 - for who reads JSON

    shown = [
        {
            "level": str(one.level),
            "cause": one.cause,
            "subject": one.subject,
            "message": one.message,
            "remedy": as_called(one.remedy),
        }
        for one in findings
    ]
    click.echo(written({"findings": shown, "failed": worst(findings)}, "json"))
