"""Objects as they are stored, and the difference between `there is none` and `you may not look`."""

from __future__ import annotations

from typing import Any

import msgspec

from ..errors import Forbidden, NotFound, Unauthorized
from ..kube.client import Client

Object = dict[str, Any]

PAGE = 500


class _ListMeta(msgspec.Struct):
    continue_: str = msgspec.field(default="", name="continue")


class _Page(msgspec.Struct):
    items: list[Object]
    metadata: _ListMeta = msgspec.field(default_factory=_ListMeta)


class Reader:
    """Reads objects.

    Args:
        client: the API server.
    """

    def __init__(self, client: Client) -> None:
        self._client = client

    async def get(self, path: str) -> Object:
        """One object. Raises ApiError."""
        return await self._client.get(path, Object)

    async def items(self, path: str, **query: str) -> list[Object]:
        """All objects of a collection. Raises ApiError."""
        found: list[Object] = []
        asked = {**query, "limit": str(PAGE)}
        while True:
            page = await self._client.get(path, _Page, asked)
            found.extend(page.items)
            if not page.metadata.continue_:
                return found
            asked["continue"] = page.metadata.continue_

    async def some(self, path: str, **query: str) -> list[Object] | None:
        """All objects of a collection; none where its kind is not installed; None where one may not look."""
        try:
            return await self.items(path, **query)
        except NotFound:
            return []
        except Unauthorized:
            raise  # credentials that are refused are no lack of a permission: nothing can be looked at
        except Forbidden:
            return None

    async def one(self, path: str) -> Object | None:
        """An object; empty when there is none; None where one may not look."""
        try:
            return await self.get(path)
        except NotFound:
            return {}
        except Unauthorized:
            raise  # credentials that are refused are no lack of a permission: nothing can be looked at
        except Forbidden:
            return None
