"""The resources that generate Secrets: of one namespace, of all, or of as many as one may see."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from ..api.fields import GROUP
from ..domain.kinds import KINDS, Kind
from ..domain.raw import RawObject
from ..errors import Forbidden, NotFound
from ..kube.resources import collection
from .reading import Reader
from .session import ClusterSession

_PROJECTS = "/apis/project.openshift.io/v1/projects"
"""OpenShift lists to everybody the namespaces that they may see; other clusters have no such list."""


class NotInstalled(NotFound):
    """The cluster does not know the operator's kinds."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found.

    Attributes:
        resources: each with its kind.
        unseen: sentences on what could not be looked at.
    """

    resources: Sequence[tuple[Kind, RawObject]]
    unseen: Sequence[str] = ()


async def of_namespace(reader: Reader, namespace: str) -> Found:
    """Those in one namespace. Raises ApiError."""
    return Found(await _listed(reader, [namespace]))


async def of_all(reader: Reader) -> Found:
    """Those of the whole cluster. Raises ApiError: Forbidden where not all may be seen."""
    found = await asyncio.gather(_listed(reader, [None]), *(_of_kind(reader, kind, None) for kind in _clustered()))
    return Found([one for part in found for one in part])


async def of_all_that_may_be_seen(session: ClusterSession) -> Found:
    """As many as one may see: those of the cluster, else of one's OpenShift projects, else of one's own namespace.

    Raises:
        ApiError: none may be seen.
    """
    reader, unseen = session.reader, []
    try:
        found = await _listed(reader, [None])
    except Forbidden as error:
        namespaces = await _own_namespaces(session)
        found = await _listed(reader, namespaces)
        unseen.append(f"only {', '.join(namespaces)} is shown: {error}")
    for kind in _clustered():
        try:
            found += await _of_kind(reader, kind, None)
        except Forbidden:
            unseen.append(f"{kind.name}s are not shown: you may not list them")
    return Found(found, unseen)


async def one(reader: Reader, kind: Kind, namespace: str | None, name: str) -> RawObject:
    """One resource. Raises ApiError."""
    try:
        return await reader.get(f"{collection(kind, None if kind.clustered else namespace)}/{name}")
    except NotFound as error:
        if "could not find the requested resource" in str(error):
            raise _not_installed(kind) from error
        where = "" if kind.clustered else f" in namespace {namespace}"
        raise NotFound(f"there is no {kind.name} {name}{where}", status=error.status) from error


async def _own_namespaces(session: ClusterSession) -> list[str]:
    projects = await session.reader.some(_PROJECTS)
    return [one["metadata"]["name"] for one in projects or ()] or [session.namespace]


def _clustered() -> list[Kind]:
    return [kind for kind in KINDS.values() if kind.clustered]


async def _listed(reader: Reader, namespaces: Sequence[str | None]) -> list[tuple[Kind, RawObject]]:
    kinds = [kind for kind in KINDS.values() if not kind.clustered]
    pages = await asyncio.gather(*(_of_kind(reader, kind, place) for place in namespaces for kind in kinds))
    return [one for page in pages for one in page]


async def _of_kind(reader: Reader, kind: Kind, namespace: str | None) -> list[tuple[Kind, RawObject]]:
    try:
        return [(kind, one) for one in await reader.items(collection(kind, namespace))]
    except NotFound as error:
        if kind.clustered:
            return []  # the Go operator's definitions know of none
        raise _not_installed(kind) from error


def _not_installed(kind: Kind) -> NotInstalled:
    return NotInstalled(
        f"the cluster has no definition {kind.plural}.{GROUP}. Install it with: ecr-secret-operator crds |"
        " kubectl apply --server-side -f -"
    )
