"""Bounds how many connections a server has, and how long one may do nothing.

aiohttp waits without end for the rest of a request, so that any client that reaches the port could fill the process
with open connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

MOST_CONNECTIONS = 256
REQUEST_SECONDS = 10.0
"""How long the first request of a connection may take to arrive."""
ANSWER_SECONDS = 60.0
"""How long an answer may take, with the time that its reader needs."""
IDLE_SECONDS = 120.0
"""How long a connection waits for another request."""


class Connections:
    """The connections of one server.

    Args:
        accept: makes the protocol of a connection, such as `aiohttp.web.Server`.
        most: how many to keep. One more ends the oldest of those that wait for a request: a probe always gets through.
    """

    def __init__(self, accept: Callable[[], asyncio.Protocol], *, most: int = MOST_CONNECTIONS) -> None:
        self._accept = accept
        self._most = most
        self._waiting: dict[asyncio.Protocol, _Bounded] = {}
        self._answering: dict[asyncio.Protocol, _Bounded] = {}

    def __len__(self) -> int:
        return len(self._waiting) + len(self._answering)

    def protocol(self) -> asyncio.Protocol:
        """The protocol of a new connection, for `loop.create_server`."""
        return _Bounded(self._accept(), self)

    def request_began(self, protocol: asyncio.Protocol) -> None:
        """Notes that a whole request has arrived on the connection of this protocol."""
        found = self._waiting.pop(protocol, None)
        if found:
            self._answering[protocol] = found
            found.end_after(ANSWER_SECONDS)

    def request_ended(self, protocol: asyncio.Protocol) -> None:
        """Notes that the request on the connection of this protocol was answered."""
        found = self._answering.pop(protocol, None)
        if found:
            self._waiting[protocol] = found
            found.end_after(IDLE_SECONDS)

    def add(self, found: _Bounded) -> None:
        """Adds a connection, and closes another one if there are too many."""
        self._waiting[found.inner] = found
        if len(self) > self._most:
            next(iter(self._waiting.values())).end()

    def remove(self, found: _Bounded) -> None:
        """Removes a closed connection."""
        self._waiting.pop(found.inner, None)
        self._answering.pop(found.inner, None)


class _Bounded(asyncio.Protocol):
    """Passes everything on to another protocol, and ends the connection when its time is over."""

    def __init__(self, inner: asyncio.Protocol, connections: Connections) -> None:
        self.inner = inner
        self._connections = connections
        self._transport: asyncio.BaseTransport | None = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self.inner.connection_made(transport)
        self.end_after(REQUEST_SECONDS)
        self._connections.add(self)

    def end_after(self, seconds: float) -> None:
        """Ends the connection after this time, unless that is called again."""
        self._cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self.end)

    def end(self) -> None:
        """Ends the connection at once."""
        self._cancel()
        self._connections.remove(self)
        if isinstance(self._transport, asyncio.Transport):
            self._transport.abort()

    def _cancel(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel()
        self._connections.remove(self)
        self.inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self.inner.data_received(data)

    def eof_received(self) -> bool | None:
        return self.inner.eof_received()

    def pause_writing(self) -> None:
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self.inner.resume_writing()
