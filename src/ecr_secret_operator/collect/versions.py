"""The versions of the API server and of the operator that a cluster runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..doctor.workload import OperatorVersion, operator_version
from . import installation
from .session import ClusterSession


@dataclass(frozen=True, slots=True)
class ServerVersions:
    """What a cluster says.

    Attributes:
        kubernetes: the API server's answer to `/version`.
        operator: the operator's; None if no Deployment of it was found.
        why: why the operator's version is not known, in words; empty if it was found.
    """

    kubernetes: Mapping[str, Any]
    operator: OperatorVersion | None
    why: str = ""

    def operator_document(self) -> dict[str, Any] | None:
        """The operator as JSON shows it; None if it was not found."""
        return asdict(self.operator) if self.operator else None


async def find(session: ClusterSession, namespace: str | None) -> ServerVersions:
    """Reads both.

    Args:
        session: the way to the cluster.
        namespace: of the operator; None to look for it.

    Raises:
        ApiError: the API server cannot be read.
    """
    kubernetes = await session.reader.get("/version")
    place = await installation.find(session, namespace, None)
    if place.deployments:
        return ServerVersions(kubernetes, operator_version(place.deployments[0]))
    if place.deployments is None or not place.everywhere:
        return ServerVersions(kubernetes, None, f"you may not read the Deployments in namespace {place.namespace}")
    return ServerVersions(kubernetes, None, f"no Deployment of the operator in {_where(place, namespace)}")


def _where(place: installation.Place, namespace: str | None) -> str:
    return f"namespace {place.namespace}" if namespace else "the cluster"
