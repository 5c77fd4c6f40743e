"""The Lease that leader election contends for, as a port of the runtime: plain values in and out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ..errors import NotFound
from ..runtime.lease import Record
from .client import Client
from .objects import LeaseObject


class LeaseClient:
    """The Lease of a leader election.

    Args:
        client: the API server.
        namespace: that it is in.
        name: of the Lease.
    """

    def __init__(self, client: Client, *, namespace: str, name: str) -> None:
        self._client = client
        self._collection = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._name = name
        self._namespace = namespace

    async def read(self) -> Record | None:
        """Reads the Lease; None if it does not exist. Raises ApiError."""
        try:
            return _record(await self._client.get(f"{self._collection}/{self._name}", LeaseObject))
        except NotFound:
            return None

    async def create(self, record: Record) -> Record:
        """Creates the Lease. Raises ApiError; AlreadyExists if another candidate was first."""
        return _record(await self._client.post(self._collection, self._manifest(record), LeaseObject))

    async def update(self, record: Record) -> Record:
        """Updates the version that was read. Raises ApiError; Conflict if another candidate was first."""
        path = f"{self._collection}/{self._name}"
        return _record(await self._client.put(path, self._manifest(record), LeaseObject))

    def _manifest(self, record: Record) -> dict[str, Any]:
        version = {"resourceVersion": record.resource_version} if record.resource_version else {}
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self._name, "namespace": self._namespace, **version},
            "spec": {
                "holderIdentity": record.holder,
                "leaseDurationSeconds": record.duration,
                "acquireTime": _micro(record.acquired_at),
                "renewTime": _micro(record.renewed_at),
                "leaseTransitions": record.transitions,
            },
        }


def _micro(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _time(text: str | None) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.fromtimestamp(0, UTC)


def _record(lease: LeaseObject) -> Record:
    spec = lease.spec
    return Record(
        holder=spec.holder_identity or "",
        duration=spec.lease_duration_seconds or 0,
        acquired_at=_time(spec.acquire_time),
        renewed_at=_time(spec.renew_time),
        transitions=spec.lease_transitions or 0,
        resource_version=lease.metadata.resource_version,
    )
