"""`ecr-secret-operator refresh`: a new token now."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from ..api.duration import format_duration
from ..doctor.credential import Credential, CredentialState
from ..domain.kinds import Kind
from .options import EXIT_WRONG, DurationType, Failed, ResourceType, cluster_options, namespace_option, with_cluster

if TYPE_CHECKING:
    from ..collect.session import ClusterSession


@click.command(
    epilog="""\b
Examples:
  ecr-secret-operator refresh Secret/ecr -n team-a
  ecr-secret-operator refresh ecrpull/ecr-pull --timeout 5m
  ecr-secret-operator refresh ArgoHelmRepoSecret/charts -n argocd --no-wait"""
)
@click.argument("resource", type=ResourceType(), metavar="KIND/NAME")
@namespace_option("Namespace of the resource [default: that of the kubeconfig's context].")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the token has been replaced.")
@click.option(
    "--timeout",
    type=DurationType(),
    default="60s",
    show_default=True,
    metavar="DURATION",
    help="Maximum time to wait, such as 90s or 5m.",
)
@cluster_options
@click.pass_context
def refresh(
    ctx: click.Context,
    *,
    resource: tuple[Kind, str],
    namespace: str | None,
    wait: bool,
    timeout: timedelta,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Replace a token now, and wait until it is replaced.

    Sets the annotation ecr.mobb.redhat.com/refresh to the present time, for which you need the permission to patch the
    resource. Resources that share an identity and a region share the new token.

    Exit codes: 0 done, or asked for with --no-wait; 1 not done in time, or impossible; 2 the cluster or the resource
    cannot be reached.
    """
    kind, name = resource

    async def work(session: ClusterSession) -> Credential | None:
        from ..collect import refreshing  # noqa: PLC0415 - the client library takes a second to import

        place = namespace or session.namespace
        value = await refreshing.ask(session, kind, place, name, now=_now())
        click.echo(f"Asked for a new token of {kind.name}/{name}.", err=True)
        if not wait:
            return None
        found = await refreshing.wait(
            session, kind, place, name, value=value, seconds=timeout.total_seconds(), clock=_now
        )
        if found.handled != value:
            raise Failed(_undone(found, timeout))
        return found

    found = with_cluster(kubeconfig, context, work)
    if found:
        from . import tables  # noqa: PLC0415 - rich is for who sees a table

        screen = tables.console()
        screen.print(tables.show(screen, [found], _now(), wide=False))
        ctx.exit(0 if found.ready else EXIT_WRONG)


def _undone(found: Credential, timeout: timedelta) -> str:
    name = f"{found.key.kind}/{found.key.name}"
    if found.reason and found.state is not CredentialState.READY:
        return f"{name} is not refreshed: {found.reason}: {found.message}"
    hint = "does the operator run? See: ecr-secret-operator doctor"
    return f"{name} was not refreshed within {format_duration(timeout)}: {hint}"


def _now() -> datetime:
    return datetime.now(UTC)
