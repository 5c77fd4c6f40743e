"""Events: one object for each different thing to say of a resource, counted when it happens again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from ..domain.errors import AlreadyExists, ApiError
from ..domain.fields import API_VERSION
from ..domain.generated import format_time
from ..domain.resource import Resource
from ..domain.status import Event
from .client import Client
from .objects import EventObject

COMPONENT = "ecr-secret-operator"
CLUSTER_EVENTS = "default"
"""The namespace of events that are about something without a namespace: the API server takes them in no other."""

_MESSAGE_CHARACTERS = 1024
"""The API server's limit."""


class EventRecorder:
    """Stores events.

    Args:
        client: the API server.
        clock: gives the time in UTC.
        on_error: told when an event could not be stored; nothing else comes of that.
    """

    def __init__(
        self, client: Client, *, clock: Callable[[], datetime], on_error: Callable[[Resource, ApiError], None]
    ) -> None:
        self._client = client
        self._clock = clock
        self._on_error = on_error

    async def record(self, resource: Resource, events: Sequence[Event]) -> None:
        """Tells of a resource. Never raises ApiError."""
        for event in events:
            try:
                await self._store(resource, event)
            except ApiError as error:
                self._on_error(resource, error)

    async def _store(self, resource: Resource, event: Event) -> None:
        path = f"/api/v1/namespaces/{resource.asker.namespace or CLUSTER_EVENTS}/events"
        body = self._manifest(resource, event)
        name = body["metadata"]["name"]
        try:
            await self._client.post(path, body, EventObject)
        except AlreadyExists:
            known = await self._client.get(f"{path}/{name}", EventObject)
            again = {"count": (known.count or 1) + 1, "lastTimestamp": body["lastTimestamp"]}
            await self._client.patch(f"{path}/{name}", again, EventObject)

    def _manifest(self, resource: Resource, event: Event) -> dict[str, Any]:
        now, key = format_time(self._clock()), resource.asker
        message = event.message[:_MESSAGE_CHARACTERS]
        same = hashlib.sha256(f"{resource.uid}\n{event.reason}\n{message}".encode()).hexdigest()[:16]
        return {
            "metadata": {"name": f"{key.name[:200].rstrip('-.')}.{same}", "namespace": key.namespace or CLUSTER_EVENTS},
            "involvedObject": {
                "apiVersion": API_VERSION,
                "kind": key.kind,
                **({"namespace": key.namespace} if key.namespace else {}),
                "name": key.name,
                "uid": resource.uid,
                "resourceVersion": resource.resource_version,
            },
            "type": "Warning" if event.warning else "Normal",
            "reason": event.reason,
            "message": message,
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
