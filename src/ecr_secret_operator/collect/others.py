"""The objects of other tools that keep ECR tokens fresh, as far as one may list them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from ..api.fields import API_VERSION
from ..domain.environment import VariableSources
from ..domain.kinds import KINDS
from ..domain.raw import RawObject
from ..migrate.translate import sources
from .session import ClusterSession
from .sources import read

_ESO, _GENERATORS = "/apis/external-secrets.io", "/apis/generators.external-secrets.io/v1alpha1"

_COLLECTIONS = (
    ("CronJob", ("/apis/batch/v1", "cronjobs")),
    ("Deployment", ("/apis/apps/v1", "deployments")),
    ("ReplicationController", ("/api/v1", "replicationcontrollers")),
    ("ServiceAccount", ("/api/v1", "serviceaccounts")),
    ("ExternalSecret", (f"{_ESO}/v1", "externalsecrets")),
    ("ExternalSecret", (f"{_ESO}/v1beta1", "externalsecrets")),
    ("ECRAuthorizationToken", (_GENERATORS, "ecrauthorizationtokens")),
    *((kind.name, (f"/apis/{API_VERSION}", kind.plural)) for kind in KINDS.values() if not kind.clustered),
)
_CLUSTERED = (
    ("ClusterExternalSecret", f"{_ESO}/v1/clusterexternalsecrets"),
    ("ClusterExternalSecret", f"{_ESO}/v1beta1/clusterexternalsecrets"),
    ("ClusterGenerator", f"{_GENERATORS}/clustergenerators"),
)


@dataclass(frozen=True, slots=True)
class Others:
    """What was found.

    Attributes:
        objects: with their kind, which lists leave out.
        unseen: kinds that one may not list.
        sources: the ConfigMaps, and the Secrets without their values, that the objects take variables from.
    """

    objects: Sequence[RawObject]
    unseen: Sequence[str]
    sources: VariableSources


async def find(session: ClusterSession, namespace: str | None) -> Others:
    """Looks in one namespace, or in all and at what is in none. No value of a Secret is read. Raises ApiError."""
    reader = session.reader
    places = [(kind, _path(base, plural, namespace)) for kind, (base, plural) in _COLLECTIONS]
    places += [] if namespace else list(_CLUSTERED)
    found = await asyncio.gather(*(reader.some(path) for _, path in places))
    objects: dict[tuple[str, str, str], RawObject] = {}
    for (kind, path), listed in zip(places, found, strict=True):
        version = path.removeprefix("/apis/").removeprefix("/api/").split("/namespaces/")[0].rpartition("/")[0]
        for one in listed or ():
            meta = one["metadata"]
            complete = {**one, "apiVersion": one.get("apiVersion") or version, "kind": kind}
            objects.setdefault((kind, meta.get("namespace", ""), meta["name"]), complete)
    unseen = {kind for (kind, _), listed in zip(places, found, strict=True) if listed is None}
    return Others(list(objects.values()), sorted(unseen), await read(session, sources(objects.values())))


def _path(base: str, plural: str, namespace: str | None) -> str:
    return f"{base}/namespaces/{namespace}/{plural}" if namespace else f"{base}/{plural}"
