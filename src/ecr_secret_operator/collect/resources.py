"""The resources that generate Secrets: of one namespace, of all, or of as many as one may see."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from ..api.fields import API_VERSION, GROUP
from ..domain.identity.access_policy import POLICY_KIND, POLICY_PLURAL
from ..domain.kinds import KINDS, Kind
from ..domain.raw import RawObject, text
from ..errors import Forbidden, NotFound
from ..kube.resources import collection
from .reading import Reader
from .session import ClusterSession

_PROJECTS = "/apis/project.openshift.io/v1/projects"
"""OpenShift lists to everybody the namespaces that they may see; other clusters have no such list."""


_UNSERVED = "could not find the requested resource"
"""How the API server answers for a kind that it does not serve (k8s.io/apimachinery, api/errors)."""


class NotInstalled(NotFound):
    """The cluster does not know the operator's kinds."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found.

    Attributes:
        resources: each with its kind.
        unseen: sentences on what could not be read.
        missing: sentences on the named resources that do not exist.
    """

    resources: Sequence[tuple[Kind, RawObject]]
    unseen: Sequence[str] = ()
    missing: Sequence[str] = ()


ALL_KINDS = tuple(KINDS.values())
NAMESPACED = tuple(kind for kind in ALL_KINDS if not kind.clustered)


async def of_namespace(reader: Reader, namespace: str, kinds: Sequence[Kind] = NAMESPACED) -> Found:
    """Those of some kinds in one namespace; of cluster-scoped kinds, all. Raises ApiError."""
    found = await asyncio.gather(_listed(reader, [namespace], kinds), _all_clustered(reader, kinds))
    return Found([one for part in found for one in part])


async def of_all(reader: Reader, kinds: Sequence[Kind] = ALL_KINDS) -> Found:
    """Those of the whole cluster. Raises ApiError: Forbidden where not all may be seen."""
    found = await asyncio.gather(_listed(reader, [None], kinds), _all_clustered(reader, kinds))
    return Found([one for part in found for one in part])


async def named(session: ClusterSession, wanted: Sequence[tuple[Kind, str]], namespace: str) -> Found:
    """Single resources: their kinds and names; those of namespaced kinds are in one namespace. Raises ApiError."""
    found, missing = [], []
    for kind, name in wanted:
        raws, absent = await stored(session, [(kind.name, name)], namespace)
        found += [(kind, raw) for raw in raws]
        missing += absent
    return Found(found, missing=missing)


async def stored(
    session: ClusterSession, wanted: Sequence[tuple[str, str]], namespace: str
) -> tuple[list[RawObject], list[str]]:
    """Single resources of any kind, by kind and name, and sentences on those that do not exist. Raises ApiError."""
    found, missing = [], []
    for kind, name in wanted:
        try:
            if kind == POLICY_KIND:
                found.append(await policy(session.reader, name))
            else:
                found.append(await one(session.reader, KINDS[kind], namespace, name))
        except NotInstalled:
            raise
        except NotFound as error:
            missing.append(str(error))
    return found, missing


async def policy(reader: Reader, name: str) -> RawObject:
    """One AccessPolicy. Raises ApiError."""
    try:
        return await reader.get(f"/apis/{API_VERSION}/{POLICY_PLURAL}/{name}")
    except NotFound as error:
        if _UNSERVED in str(error):
            raise _not_installed(POLICY_PLURAL) from error
        raise NotFound(f"there is no {POLICY_KIND} {name}", status=error.status) from error


async def of_all_that_may_be_seen(session: ClusterSession, kinds: Sequence[Kind] = ALL_KINDS) -> Found:
    """As many as one may see: those of the cluster, else of one's OpenShift projects, else of one's own namespace.

    Raises:
        ApiError: none may be seen.
    """
    reader, unseen = session.reader, []
    try:
        found = await _listed(reader, [None], kinds)
    except Forbidden as error:
        namespaces = await _own_namespaces(session)
        found = await _listed(reader, namespaces, kinds)
        unseen.append(f"only {', '.join(namespaces)} is shown: {error}")
    for kind in _clustered(kinds):
        try:
            found += await _of_kind(reader, kind, None)
        except Forbidden:
            if all(one.clustered for one in kinds):
                raise  # nothing else was asked for
            unseen.append(f"{kind.name}s are not shown: you may not list them")
    return Found(found, unseen)


async def one(reader: Reader, kind: Kind, namespace: str | None, name: str) -> RawObject:
    """One resource, with the permission to get or to list it. Raises ApiError."""
    place = collection(kind, None if kind.clustered else namespace)
    try:
        return await reader.get(f"{place}/{name}")
    except Forbidden:
        # The operator itself may only list: `kubectl exec` runs the commands with its permissions.
        for found in await reader.some(place, fieldSelector=f"metadata.name={name}") or ():
            if text(found, "metadata", "name") == name:
                return found
        raise
    except NotFound as error:
        if _UNSERVED in str(error):
            raise _not_installed(kind.plural) from error
        where = "" if kind.clustered else f" in namespace {namespace}"
        raise NotFound(f"there is no {kind.name} {name}{where}", status=error.status) from error


async def _own_namespaces(session: ClusterSession) -> list[str]:
    projects = await session.reader.some(_PROJECTS)
    return [one["metadata"]["name"] for one in projects or ()] or [session.namespace]


def _clustered(kinds: Sequence[Kind]) -> list[Kind]:
    return [kind for kind in kinds if kind.clustered]


async def _all_clustered(reader: Reader, kinds: Sequence[Kind]) -> list[tuple[Kind, RawObject]]:
    pages = await asyncio.gather(*(_of_kind(reader, kind, None) for kind in _clustered(kinds)))
    return [one for page in pages for one in page]


async def _listed(
    reader: Reader, namespaces: Sequence[str | None], kinds: Sequence[Kind]
) -> list[tuple[Kind, RawObject]]:
    spread = [kind for kind in kinds if not kind.clustered]
    pages = await asyncio.gather(*(_of_kind(reader, kind, place) for place in namespaces for kind in spread))
    return [one for page in pages for one in page]


async def _of_kind(reader: Reader, kind: Kind, namespace: str | None) -> list[tuple[Kind, RawObject]]:
    try:
        return [(kind, one) for one in await reader.items(collection(kind, namespace))]
    except NotFound as error:
        if kind.clustered:
            return []  # the Go operator's definitions know of none
        raise _not_installed(kind.plural) from error


def _not_installed(plural: str) -> NotInstalled:
    return NotInstalled(
        f"the cluster has no definition {plural}.{GROUP}. Install it with: ecr-secret-operator crds |"
        " kubectl apply --server-side -f -"
    )
