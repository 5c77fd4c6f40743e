"""`ecr-secret-operator refresh`: new tokens now."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from ..api.duration import format_duration
from ..doctor.credential import Credential, CredentialState
from ..domain.kinds import Kind
from ..domain.printable import one_line
from ..errors import ApiError, Unauthorized, Unavailable
from .naming import as_called
from .options import (
    EXIT_CANNOT_LOOK,
    EXIT_WRONG,
    DurationType,
    cluster_options,
    explained,
    namespace_option,
    with_cluster,
)
from .output import TABLES, output_option
from .targets import Targets, resource_arguments

if TYPE_CHECKING:
    from ..collect.session import ClusterSession


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of one request: the resource as it then is, or why there is none; and the exit code."""

    code: int
    found: Credential | None = None
    problem: str = ""


@click.command(
    epilog="""\b
Examples:
  ecr-secret-operator refresh secret/web -n team-a
  ecr-secret-operator refresh secret web api -n team-a
  ecr-secret-operator refresh ecrpull/ecr-pull --timeout 5m
  ecr-secret-operator refresh ecrargo/charts -n argocd --no-wait"""
)
@resource_arguments(required=True)
@namespace_option("Namespace of the resources [default: that of the kubeconfig's context].")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the tokens have been replaced.")
@click.option(
    "--timeout",
    type=DurationType(),
    default="60s",
    show_default=True,
    metavar="DURATION",
    help="Maximum time to wait, such as 90s or 5m.",
)
@output_option(TABLES)
@cluster_options
@click.pass_context
def refresh(
    ctx: click.Context,
    *,
    resources: Targets,
    namespace: str | None,
    wait: bool,
    timeout: timedelta,
    output: str,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Request new tokens now, and wait until they are stored.

    Sets the annotation ecr.mobb.redhat.com/refresh to the current time. You need the permission to patch the resources.
    Resources with the same identity and region share the new token.

    Exit codes: 0 done, or requested with --no-wait; 1 not done in time, or impossible; 2 wrong usage, a resource does
    not exist, or the cluster cannot be reached.
    """
    resources.require_credentials()
    resources.require_names()

    async def work(session: ClusterSession) -> list[_Outcome]:
        place = namespace or session.namespace
        each = (
            _refreshed(session, kind, place, name, limit=timeout if wait else None)
            for kind, name in resources.credentials()
        )
        return await asyncio.gather(*each)

    outcomes = with_cluster(kubeconfig, context, work)
    for one in outcomes:
        if one.problem:
            click.echo(f"Error: {one_line(as_called(one.problem))}", err=True)
    found = [one.found for one in outcomes if one.found]
    if found and (wait or output != "table"):
        from . import tables  # noqa: PLC0415 - rich is for who sees a table

        tables.display(found, _now(), output)
    ctx.exit(max(one.code for one in outcomes))


async def _refreshed(
    session: ClusterSession, kind: Kind, namespace: str, name: str, *, limit: timedelta | None
) -> _Outcome:
    """Requests a token for one resource, and waits for it unless the limit is None.

    Raises ApiError where no resource can be reached at all.
    """
    from ..collect import refreshing  # noqa: PLC0415 - the client library takes a second to import

    now = _now()
    try:
        found = await refreshing.ask(session, kind, namespace, name, now=now)
        click.echo(f"Requested a new token for {one_line(found.key.spoken)}.", err=True)
        if limit is None:
            return _Outcome(0, found)
        value, seconds = refreshing.annotation_at(now), limit.total_seconds()
        found = await refreshing.wait(session, kind, namespace, name, value=value, seconds=seconds, clock=_now)
    except (Unavailable, Unauthorized):
        raise
    except ApiError as error:
        return _Outcome(EXIT_CANNOT_LOOK, problem=explained(error, session.client.server))
    if found.handled != value:
        return _Outcome(EXIT_WRONG, problem=_undone(found, limit))
    return _Outcome(0 if found.ready else EXIT_WRONG, found)


def _undone(found: Credential, timeout: timedelta) -> str:
    name = found.key.spoken
    if found.reason and found.state is not CredentialState.READY:
        return f"{name} is not refreshed: {found.reason}: {found.message}"
    hint = "does the operator run? See: ecr-secret-operator doctor"
    return f"{name} was not refreshed within {format_duration(timeout)}: {hint}"


def _now() -> datetime:
    return datetime.now(UTC)
