"""The server's side of the control APIs under `/_lab/`, with which tests and the demo steer the laboratory's servers.

JSON, checked strictly: a bad body or query is answered with 400 and `{"error": why}`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from aiohttp import web

T = TypeVar("T")


class Problem(Exception):
    """Why a request to a control API is refused."""


def checked(handler: Callable[[web.Request], Awaitable[object]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    """Sends what a handler returns as JSON, and says why when it cannot."""

    async def handle(request: web.Request) -> web.Response:
        try:
            return _json(await handler(request))
        except (msgspec.MsgspecError, Problem) as error:
            return _json({"error": str(error)}, status=400)

    return handle


async def body_of(request: web.Request, kind: type[T]) -> T:
    """A request's body."""
    return msgspec.json.decode(await request.read(), type=kind)


def query_of(request: web.Request, kind: type[T]) -> T:
    """A request's query."""
    return msgspec.convert(dict(request.query), type=kind, strict=False)


def _json(content: object, *, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(content), content_type="application/json")
