"""Names of resources for the completion of a shell, read from the cluster that the words before them name."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ..api.fields import API_VERSION
from ..domain.identity.access_policy import POLICY_KIND, POLICY_PLURAL
from ..domain.kinds import KINDS
from .options import with_cluster

if TYPE_CHECKING:
    from ..collect.session import ClusterSession

SECONDS = 3.0
"""A user at a shell does not wait longer for a suggestion."""


def names(ctx: click.Context, kinds: Sequence[str], begun: str) -> list[str]:
    """Names of resources of some kinds that begin with a text; none if the cluster cannot be read.

    Args:
        ctx: the command's; its options name the cluster and the namespace.
        kinds: as in `kind:`.
        begun: the beginning of the names.
    """
    options = ctx.params

    async def look(session: ClusterSession) -> list[str]:
        async with asyncio.timeout(SECONDS):
            place = options.get("namespace") or session.namespace
            return [name for kind in kinds for name in await _of_kind(session, kind, place)]

    try:
        found = with_cluster(options.get("kubeconfig"), options.get("context"), look)
    except (click.ClickException, TimeoutError):
        return []
    return sorted({name for name in found if name.startswith(begun)})


async def _of_kind(session: ClusterSession, kind: str, namespace: str) -> list[str]:
    from ..kube.resources import collection  # noqa: PLC0415 - the client library takes a second to import

    if kind == POLICY_KIND:
        path = f"/apis/{API_VERSION}/{POLICY_PLURAL}"
    else:
        path = collection(KINDS[kind], None if KINDS[kind].clustered else namespace)
    return [one["metadata"]["name"] for one in await session.reader.items(path)]
