"""Requests a new token by an annotation, and waits until the operator has handled it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..doctor.credential import Credential, CredentialState, credential
from ..domain.kinds import Kind
from ..errors import NotFound
from ..kube.resources import REFRESH_ANNOTATION, collection
from ..reasons import Reason
from . import resources
from .session import ClusterSession

LOOK_SECONDS = 0.5
SETTLE_SECONDS = 5.0
"""A failure that was reported before the request may still be in the status for this time."""

_NEVER = (Reason.INVALID_SPEC, Reason.SECRET_CONFLICT, Reason.POLICY_DENIED, Reason.SUSPENDED)


async def ask(session: ClusterSession, kind: Kind, namespace: str | None, name: str, *, now: datetime) -> Credential:
    """Sets the annotation to `annotation_at(now)`; gives the resource as it then is. Raises ApiError."""
    value = annotation_at(now)
    path = f"{collection(kind, None if kind.clustered else namespace)}/{name}"
    try:
        body = {"metadata": {"annotations": {REFRESH_ANNOTATION: value}}}
        return credential(kind, await session.client.patch(path, body, dict[str, Any]), now=now)
    except NotFound:
        await resources.one(session.reader, kind, namespace, name)  # says in words what there is not
        raise


def annotation_at(now: datetime) -> str:
    """The value of the annotation that asks for a token at this time."""
    return now.isoformat(timespec="microseconds").replace("+00:00", "Z")


async def wait(
    session: ClusterSession,
    kind: Kind,
    namespace: str | None,
    name: str,
    *,
    value: str,
    seconds: float,
    clock: Callable[[], datetime],
) -> Credential:
    """Waits until the request is handled, cannot be, or the time is over; gives how it stands then. Raises ApiError."""
    begun = time.monotonic()
    while True:
        found = credential(kind, await resources.one(session.reader, kind, namespace, name), now=clock())
        waited = time.monotonic() - begun
        hopeless = found.reason in _NEVER and found.state is not CredentialState.PENDING and waited > SETTLE_SECONDS
        if found.handled == value or hopeless or waited > seconds:
            return found
        await asyncio.sleep(LOOK_SECONDS)
