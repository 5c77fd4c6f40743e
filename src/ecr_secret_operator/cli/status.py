"""`ecr-secret-operator status`: every credential, until when it is good, and what is wrong with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from ..domain.printable import one_line
from .options import EXIT_WRONG, cluster_options, namespace_option, with_cluster

if TYPE_CHECKING:
    from ..collect.resources import Found
    from ..collect.session import ClusterSession
    from ..doctor.credential import Credential

Look = Callable[["ClusterSession"], Awaitable["Found"]]

WATCH_SECONDS = 2.0


@click.command(
    epilog="""\b
Examples:
  ecr-secret-operator status
  ecr-secret-operator status -n team-a -o wide
  ecr-secret-operator status --watch
  ecr-secret-operator status -A -o json"""
)
@namespace_option("Only this namespace, without ClusterPullSecrets.")
@click.option("-A", "--all-namespaces", is_flag=True, help="All namespaces. Fails if you may not list them all.")
@click.option("-w", "--watch", is_flag=True, help="Refresh the output every two seconds until Ctrl-C.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["table", "wide", "json", "yaml"]),
    default="table",
    show_default=True,
    help="wide adds all registries and identities, the next refresh, and the message of each resource.",
)
@cluster_options
@click.pass_context
def status(
    ctx: click.Context,
    *,
    namespace: str | None,
    all_namespaces: bool,
    watch: bool,
    output: str,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Show every credential: where, as whom, how long it is good, and what is wrong with it.

    Shown are the Secrets, ArgoHelmRepoSecrets and ClusterPullSecrets that you may list. Only they are read: you need no
    permission to read generated Secrets.

    Exit codes: 0 all are Ready and linked; 1 some are not; 2 cannot look. A resource that is Ready and cannot be
    refreshed counts as Ready.
    """
    if namespace and all_namespaces:
        raise click.UsageError("--namespace and --all-namespaces exclude each other")
    if watch and output in ("json", "yaml"):
        raise click.UsageError("--watch shows tables only")
    from . import tables  # noqa: PLC0415 - no other command pays for it

    async def look(session: ClusterSession) -> Found:
        from ..collect import resources  # noqa: PLC0415 - the client library takes a second to import

        if namespace:
            return await resources.of_namespace(session.reader, namespace)
        if all_namespaces:
            return await resources.of_all(session.reader)
        return await resources.of_all_that_may_be_seen(session)

    if watch:
        ctx.exit(with_cluster(kubeconfig, context, lambda session: _watch(session, look, wide=output == "wide")))
    found, now = with_cluster(kubeconfig, context, look), datetime.now(UTC)
    for sentence in found.unseen:
        click.echo(f"Note: {one_line(sentence)}", err=True)
    seen = _credentials(found, now)
    if output in ("json", "yaml"):
        click.echo(tables.written(tables.document(seen, now), output))
    else:
        screen = tables.console(wide=output == "wide")
        screen.print(tables.show(screen, seen, now, wide=output == "wide"))
    ctx.exit(_exit_code(seen))


def _credentials(found: Found, now: datetime) -> list[Credential]:
    from ..doctor.credential import credential  # noqa: PLC0415 - as little as possible at start

    seen = [credential(kind, raw, now=now) for kind, raw in found.resources]
    return sorted(seen, key=lambda one: (one.counts is None, one.key.namespace, one.key.kind, one.key.name))


def _exit_code(seen: list[Credential]) -> int:
    return 0 if all(one.healthy for one in seen) else EXIT_WRONG


async def _watch(session: ClusterSession, look: Look, *, wide: bool) -> int:
    """Shows it again and again until Ctrl-C, which is its ordinary end; an API server that is away is said so."""
    from rich.live import Live  # noqa: PLC0415 - for watching alone

    from ..errors import Unavailable  # noqa: PLC0415 - the same
    from . import tables  # noqa: PLC0415 - the same
    from .screen import cell  # noqa: PLC0415 - the same

    code = 0
    screen = tables.console(wide=wide)
    with Live(console=screen, auto_refresh=False, vertical_overflow="visible") as live:
        try:
            while True:
                now = datetime.now(UTC)
                try:
                    seen = _credentials(await look(session), now)
                except Unavailable as error:
                    live.update(cell(f"{error}; trying again"), refresh=True)
                else:
                    code = _exit_code(seen)
                    live.update(tables.show(screen, seen, now, wide=wide), refresh=True)
                await asyncio.sleep(WATCH_SECONDS)
        except asyncio.CancelledError:
            return code
