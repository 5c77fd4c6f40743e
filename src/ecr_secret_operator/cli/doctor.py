"""`ecr-secret-operator doctor`: finds problems and prints their remedies."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from ..doctor.finding import Finding, Level, counted, worst
from ..domain.identity.access_policy import POLICY_KIND
from ..domain.kinds import KINDS, Kind
from ..domain.raw import RawObject
from .naming import as_called
from .options import EXIT_WRONG, CannotLook, NameType, cluster_options, namespace_option, with_cluster
from .output import TABLES, output_option, written
from .targets import Targets, resource_arguments

if TYPE_CHECKING:
    from ..collect.session import ClusterSession
    from ..doctor.observed import Evidence, ObservedInstallation

_MARKS = {
    Level.OK: ("ok     ", "green"),
    Level.WARNING: ("warning", "yellow"),
    Level.ERROR: ("error  ", "bold red"),
    Level.UNKNOWN: ("?      ", "dim"),
}
_CAUSE = 31
"""Columns of a cause: most are shorter."""


@click.command(
    epilog="""\b
Examples:
  ecr-secret-operator doctor
  ecr-secret-operator doctor -n team-a
  ecr-secret-operator doctor secret/web -n team-a
  ecr-secret-operator doctor ecrpolicy/team-a
  ecr-secret-operator doctor --operator-namespace openshift-operators -o json"""
)
@resource_arguments()
@namespace_option("Namespace of the resources [default: all that you may list; for named ones, that of the context].")
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
@output_option(TABLES, "Output format. wide adds the cause; name prints LEVEL/CAUSE.")
@cluster_options
@click.pass_context
def doctor(
    ctx: click.Context,
    *,
    resources: Targets,
    namespace: str | None,
    operator_namespace: str | None,
    service_account: str | None,
    output: str,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Find problems and print their remedies.

    Checks the API server, the custom resource definitions, the operator, its permissions, its AWS identity and the
    AccessPolicies; then the resources that you name, or all that have a problem. Fix the first finding first: it may
    cause the others. Nothing is changed. Of Secrets, only the names of their entries are read. What you may not read is
    marked with a question mark.

    Exit codes: 0 no errors; 1 at least one error; 2 wrong usage, a named resource does not exist, or the cluster could
    not be read.
    """

    async def look(session: ClusterSession) -> tuple[ObservedInstallation, list[Evidence]]:
        from ..collect import installation  # noqa: PLC0415 - the client library takes a second to import

        now = datetime.now(UTC)
        place = await installation.find(session, operator_namespace, service_account)
        chosen = await _chosen(session, resources, namespace or session.namespace)
        seen = await installation.collect_installation(session, place, namespace, now=now)
        return seen, await _evidence(session, seen, resources, chosen)

    from ..doctor.checklist import check  # noqa: PLC0415 - as little as possible at start

    seen, cases = with_cluster(kubeconfig, context, look)
    findings = list(check(seen, cases, _policies(seen, resources)))
    _print(findings, output)
    ctx.exit(EXIT_WRONG if worst(findings) else 0)


async def _chosen(session: ClusterSession, targets: Targets, namespace: str) -> list[tuple[Kind, RawObject]]:
    """The named resources. Raises CannotLook where one does not exist."""
    from ..collect import resources  # noqa: PLC0415 - the client library takes a second to import

    found = await resources.named(session, targets.credentials(), namespace)
    if found.missing:
        raise CannotLook("; ".join(found.missing))
    return list(found.resources)


def _policies(seen: ObservedInstallation, targets: Targets) -> Sequence[str]:
    """Names of the AccessPolicies that are meant. Raises CannotLook for one that does not exist."""
    known = [policy.name for policy in seen.policies or ()]
    if POLICY_KIND in targets.kinds:
        return known
    names = [name for kind, name in targets.named if kind == POLICY_KIND]
    if missing := [name for name in names if seen.policies is not None and name not in known]:
        raise CannotLook("; ".join(f"there is no {POLICY_KIND} {name}" for name in missing))
    return names


async def _evidence(
    session: ClusterSession, seen: ObservedInstallation, targets: Targets, chosen: list[tuple[Kind, RawObject]]
) -> list[Evidence]:
    """The named resources; if none is named, those of the given kinds, or of all, that have a problem."""
    from ..collect import evidence, resources  # noqa: PLC0415 - the client library takes a second to import
    from ..doctor.checklist import to_examine  # noqa: PLC0415 - as little as possible at start

    wanted = list(chosen)
    for one in [] if targets.named else to_examine(seen.credentials):
        if not targets.kinds or one.key.kind in targets.kinds:
            kind = KINDS[one.key.kind]
            wanted.append((kind, await resources.one(session.reader, kind, one.key.namespace, one.key.name)))
    return [
        await evidence.examine(session, kind, raw, operator_namespace=seen.namespace, now=seen.now)
        for kind, raw in wanted
    ]


def _print(findings: Sequence[Finding], output: str) -> None:
    if output in ("json", "yaml"):
        click.echo(written(_document(findings), output))
    elif output == "name":
        for one in findings:
            click.echo(f"{one.level}/{one.cause}")
    else:
        print_findings(findings, wide=output == "wide")


def print_findings(findings: Sequence[Finding], *, wide: bool = False) -> None:
    """Prints findings for people, and counts them."""
    from rich.text import Text  # noqa: PLC0415 - only for text output

    from .screen import cell, open_console  # noqa: PLC0415 - the same

    console = open_console(soft_wrap=True)
    for one in findings:
        mark, style = _MARKS[one.level]
        cause = [f"  {one.cause:<{_CAUSE}}"] if wide else []
        console.print(Text.assemble((mark, style), *cause, "  ", cell(one.subject, "bold"), ": ", cell(one.message)))
        if one.remedy:
            console.print(Text.assemble("         ", ("> ", "dim"), cell(as_called(one.remedy))))
    counts = {level: sum(one.level is level for one in findings) for level in Level}
    console.print(
        f"\n{counted(counts[Level.ERROR], 'error')}, {counted(counts[Level.WARNING], 'warning')},"
        f" {counts[Level.OK]} ok, {counts[Level.UNKNOWN]} unknown"
    )


def _document(findings: Sequence[Finding]) -> dict[str, object]:
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
    return {"findings": shown, "failed": worst(findings)}
