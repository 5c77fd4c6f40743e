"""Reads objects, and tells an object that does not exist from one that the user may not read."""

from __future__ import annotations

from typing import Any

import msgspec

from ..domain.raw import RawObject
from ..errors import Forbidden, NotFound, Unauthorized
from ..kube.client import Client
from ..kube.errors import decoded
from ..kube.paging import read_list


class Reader:
    """Reads objects and collections as they are stored.

    Args:
        client: the API server.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def get(self, path: str) -> RawObject:
        """The object at a path. Raises ApiError."""
        return await self._client.get(path, dict[str, Any])

    async def items(self, path: str, **query: str) -> list[RawObject]:
        """All objects of a collection. Raises ApiError.

        Args:
            path: of the collection.
            query: selectors, such as `labelSelector`.
        """
        found: list[RawObject] = []

        def take(raw: msgspec.Raw) -> None:
            found.append(decoded(raw, dict[str, Any]))

        await read_list(self._client, path, query, take)
        return found

    async def some(self, path: str, **query: str) -> list[RawObject] | None:
        """All objects of a collection; empty if its kind is not installed, None if the user may not list it.

        Raises:
            ApiError: any other error, such as credentials that are refused.
        """
        try:
            return await self.items(path, **query)
        except NotFound:
            return []
        except Unauthorized:
            raise
        except Forbidden:
            return None

    async def one(self, path: str) -> RawObject | None:
        """The object at a path; empty if it does not exist, None if the user may not read it.

        Raises:
            ApiError: any other error, such as credentials that are refused.
        """
        try:
            return await self.get(path)
        except NotFound:
            return {}
        except Unauthorized:
            raise
        except Forbidden:
            return None
