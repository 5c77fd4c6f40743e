"""Reads a list page by page, so that the memory that pages take is bounded however large the objects are."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from ..errors import Unavailable
from .client import PAGE_BYTES, Client
from .errors import decoded
from .objects import ListMeta

PAGE = 500
"""The most objects of a page."""

_USUAL_BYTES = PAGE_BYTES // 2
"""The size that the next page is asked for, if its objects are as large as those of the last one."""

_FEWER = 8
"""A page that is too long is asked for again, with so many times fewer objects. One object is never too long."""


class _Page(msgspec.Struct):
    metadata: ListMeta
    items: list[msgspec.Raw]


async def read_list(
    client: Client, path: str, query: Mapping[str, str], take: Callable[[msgspec.Raw], None], *, name: str = ""
) -> str:
    """Reads all objects of a collection, and returns the resource version of the list.

    `limit` bounds the objects of a page and not its bytes: where objects are large, pages have fewer of them.

    Args:
        client: the API server.
        path: of the collection.
        query: selectors.
        take: called with each object, as JSON. It must not keep the JSON, which is a part of the whole page.
        name: of the collection, for errors; by default its path.

    Raises:
        ApiError: the list could not be read; Unavailable if a single object is longer than `PAGE_BYTES`.
    """
    asked, limit = dict(query), PAGE
    while True:
        async with client.pages:
            answer = await client.page(path, {**asked, "limit": str(limit)})
            meta = _taken(answer, take) if answer is not None else None
            length = len(answer or b"")
            del answer
        if meta is None:
            if limit == 1:
                raise Unavailable(f"an object of {name or path} is longer than {PAGE_BYTES >> 20} MiB")
            limit = max(1, limit // _FEWER)
        elif meta.continue_:
            asked["continue"] = meta.continue_
            limit = min(PAGE, 2 * limit, max(1, limit * _USUAL_BYTES // max(1, length)))
        else:
            return meta.resourceVersion


def _taken(answer: bytes, take: Callable[[msgspec.Raw], None]) -> ListMeta:
    page = decoded(answer, _Page)
    for item in page.items:
        take(item)
    return page.metadata
