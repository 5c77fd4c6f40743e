"""Events: one object for each different thing to say of a resource, counted when it happens again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from ..api.fields import API_VERSION
from ..domain.links import LinkedAccount
from ..domain.resource import Resource
from ..domain.status.events import Event
from ..domain.times import format_time
from ..errors import AlreadyExists, ApiError
from .client import Client
from .objects import EventObject

COMPONENT = "ecr-secret-operator"
CLUSTER_EVENTS = "default"
"""The namespace of events that are about something without a namespace: the API server takes them in no other."""

About = Resource | LinkedAccount
"""What an event is about."""

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
        self, client: Client, *, clock: Callable[[], datetime], on_error: Callable[[About, ApiError], None]
    ) -> None:
        self._client = client
        self._clock = clock
        self._on_error = on_error

    async def record(self, about: About, events: Sequence[Event]) -> None:
        """Stores events about a resource or a ServiceAccount. Never raises ApiError."""
        for event in events:
            try:
                await self._store(about, event)
            except ApiError as error:
                self._on_error(about, error)

    async def _store(self, about: About, event: Event) -> None:
        body = self._manifest(about, event)
        path = f"/api/v1/namespaces/{body['metadata']['namespace']}/events"
        name = body["metadata"]["name"]
        try:
            await self._client.post(path, body, EventObject)
        except AlreadyExists:
            known = await self._client.get(f"{path}/{name}", EventObject)
            again = {
                "count": (known.count or 1) + 1,
                "lastTimestamp": body["lastTimestamp"],
                "message": body["message"],
            }
            await self._client.patch(f"{path}/{name}", again, EventObject)

    def _manifest(self, about: About, event: Event) -> dict[str, Any]:
        now = format_time(self._clock())
        version, key = ("v1", about.key) if isinstance(about, LinkedAccount) else (API_VERSION, about.requester)
        message = event.message[:_MESSAGE_CHARACTERS]
        same = hashlib.sha256("\n".join((about.uid, *sorted(event.identity))).encode()).hexdigest()[:16]
        return {
            "metadata": {"name": f"{key.name[:200].rstrip('-.')}.{same}", "namespace": key.namespace or CLUSTER_EVENTS},
            "involvedObject": {
                "apiVersion": version,
                "kind": key.kind,
                **({"namespace": key.namespace} if key.namespace else {}),
                "name": key.name,
                "uid": about.uid,
                "resourceVersion": about.resource_version,
            },
            **({"related": _namespace(about.key.namespace)} if _is_placement(about) else {}),
            "type": "Warning" if event.warning else "Normal",
            "reason": event.reason,
            "message": message,
            "source": {"component": COMPONENT},
            "reportingComponent": COMPONENT,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }


def _namespace(name: str) -> dict[str, str]:
    """A reference to the namespace that an event about a cluster resource is also about."""
    return {"apiVersion": "v1", "kind": "Namespace", "name": name}


def _is_placement(about: About) -> bool:
    return not isinstance(about, LinkedAccount) and about.cluster is not None
