"""`ecr-secret-operator status`: every credential, its expiry and its problems."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from ..domain.printable import one_line
from .options import EXIT_CANNOT_LOOK, EXIT_WRONG, cluster_options, namespace_option, with_cluster
from .output import TABLES, output_option
from .targets import Targets, resource_arguments

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
  ecr-secret-operator status secret/web -n team-a
  ecr-secret-operator status ecrsecret,ecrargo -A
  ecr-secret-operator status --watch
  ecr-secret-operator status -A -o json"""
)
@resource_arguments()
@namespace_option("Namespace [default: all that you may list; for named resources, that of the context].")
@click.option("-A", "--all-namespaces", is_flag=True, help="All namespaces. Fails if you may not list them all.")
@click.option("-w", "--watch", is_flag=True, help="Refresh the output every two seconds until Ctrl-C.")
@output_option(TABLES, "Output format. wide adds all registries, identities and messages, and the next refresh.")
@cluster_options
@click.pass_context
def status(
    ctx: click.Context,
    *,
    resources: Targets,
    namespace: str | None,
    all_namespaces: bool,
    watch: bool,
    output: str,
    kubeconfig: str | None,
    context: str | None,
) -> None:
    """Show every credential, its expiry and its problems.

    Shows the Secrets, ArgoHelmRepoSecrets and ClusterPullSecrets that you name, or all that you may list. Only these
    resources are read: you need no permission to read generated Secrets.

    Exit codes: 0 all are Ready and linked; 1 some are not; 2 wrong usage, a named resource does not exist, or the
    cluster cannot be read. A resource that is Ready and cannot be refreshed counts as Ready.
    """
    _check_usage(resources, namespace, output, watch=watch, everywhere=all_namespaces)
    look = _look(resources, namespace, everywhere=all_namespaces)
    if watch:
        ctx.exit(with_cluster(kubeconfig, context, lambda session: _watch(session, look, wide=output == "wide")))
    found, now = with_cluster(kubeconfig, context, look), datetime.now(UTC)
    for sentence in found.unseen:
        click.echo(f"Note: {one_line(sentence)}", err=True)
    for sentence in found.missing:
        click.echo(f"Error: {one_line(sentence)}", err=True)
    seen = _credentials(found, now)
    if seen or not found.missing:
        from . import tables  # noqa: PLC0415 - no other command pays for it

        tables.display(seen, now, output)
    ctx.exit(EXIT_CANNOT_LOOK if found.missing else _exit_code(seen))


def _check_usage(resources: Targets, namespace: str | None, output: str, *, watch: bool, everywhere: bool) -> None:
    """Raises UsageError for options that exclude each other."""
    if namespace and everywhere:
        raise click.UsageError("--namespace and --all-namespaces exclude each other")
    if resources.named and everywhere:
        raise click.UsageError("a resource cannot be named together with --all-namespaces: use --namespace")
    if watch and output not in ("table", "wide"):
        raise click.UsageError("--watch shows tables only")
    resources.require_credentials()


def _look(targets: Targets, namespace: str | None, *, everywhere: bool) -> Look:
    """What reads the resources that are meant."""

    async def look(session: ClusterSession) -> Found:
        from ..collect import resources  # noqa: PLC0415 - the client library takes a second to import

        if targets.named:
            return await resources.named(session, targets.credentials(), namespace or session.namespace)
        kinds = targets.credential_kinds()
        if namespace:
            return await resources.of_namespace(session.reader, namespace, kinds or resources.NAMESPACED)
        if everywhere:
            return await resources.of_all(session.reader, kinds or resources.ALL_KINDS)
        return await resources.of_all_that_may_be_seen(session, kinds or resources.ALL_KINDS)

    return look


def _credentials(found: Found, now: datetime) -> list[Credential]:
    from ..doctor.credential import credential  # noqa: PLC0415 - as little as possible at start

    seen = [credential(kind, raw, now=now) for kind, raw in found.resources]
    return sorted(seen, key=lambda one: (one.counts is None, one.key.namespace, one.key.kind, one.key.name))


def _exit_code(seen: list[Credential]) -> int:
    return 0 if all(one.healthy for one in seen) else EXIT_WRONG


async def _watch(session: ClusterSession, look: Look, *, wide: bool) -> int:
    """Shows them every two seconds until Ctrl-C, and gives the last exit code. Reports an API server that is away."""
    from ..errors import Unavailable  # noqa: PLC0415 - for watching alone
    from . import tables  # noqa: PLC0415 - the same
    from .screen import cell, redrawing  # noqa: PLC0415 - the same

    code = 0
    screen = tables.console(wide=wide)
    with redrawing(screen) as draw:
        try:
            while True:
                now = datetime.now(UTC)
                try:
                    found = await look(session)
                except Unavailable as error:
                    draw(cell(f"{error}; trying again"))
                else:
                    seen = _credentials(found, now)
                    code = EXIT_CANNOT_LOOK if found.missing else _exit_code(seen)
                    draw(tables.show(screen, seen, now, wide=wide))
                await asyncio.sleep(WATCH_SECONDS)
        except asyncio.CancelledError:
            return code
