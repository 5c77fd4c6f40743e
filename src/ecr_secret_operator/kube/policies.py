"""AccessPolicies, as they are watched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from ..domain.errors import Expired, NotFound
from ..domain.fields import API_VERSION
from ..domain.policy import POLICY_PLURAL, Policy, parse_policy
from ..domain.watching import Listing, WatchEvent
from .client import Client
from .objects import CustomObject
from .source import KubeSource


def convert(raw: CustomObject) -> Policy:
    """A policy as it is kept in memory. Never fails, whatever is stored."""
    return Policy(raw.metadata.name, raw.metadata.resource_version, parse_policy(raw.spec))


NOT_INSTALLED = "not installed"
LOOK_AGAIN_SECONDS = 20.0


class PolicySource(KubeSource[CustomObject, Policy]):
    """All AccessPolicies of the cluster.

    A cluster that has the Go operator's definitions only has no such kind, and so no policy: that is no error, and
    looked at again every 20 s.
    """

    async def list(self) -> Listing[Policy]:
        """Everything, now. Raises ApiError."""
        try:
            return await super().list()
        except NotFound:
            return Listing([], NOT_INSTALLED)

    async def watch(self, resource_version: str) -> AsyncGenerator[WatchEvent[Policy], None]:
        """Changes since a version, until the server ends it. Raises ApiError; Expired for a version too old."""
        if resource_version == NOT_INSTALLED:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            raise Expired("AccessPolicies are not installed")
        async for event in super().watch(resource_version):
            yield event


def source(client: Client) -> PolicySource:
    """All AccessPolicies of the cluster."""
    path = f"/apis/{API_VERSION}/{POLICY_PLURAL}"
    return PolicySource(client, path, raw=CustomObject, convert=convert, covers=lambda _: True)
