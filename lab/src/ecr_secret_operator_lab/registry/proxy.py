"""A proxy that leads the registry's host names to the front, and nothing anywhere else.

Container tools are configured by HTTPS_PROXY. They then ask for the real name, speak TLS with the server that
answers, and check that its certificate bears the name: the way is another, what is checked is the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress

from ..streams import copy

LOOPBACK = "127.0.0.1"
HTTPS = "443"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Proxy:
    """Serves CONNECT.

    Args:
        hosts: that are led to the front.
        port: of the front.
    """

    def __init__(self, hosts: Collection[str], port: int) -> None:
        self._targets = {f"{host}:{HTTPS}" for host in hosts}
        self._port = port

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, from its first to its last byte."""
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await self._serve(reader, writer)
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        method, _, rest = head.decode("latin-1").partition(" ")
        if method != "CONNECT" or rest.partition(" ")[0] not in self._targets:
            writer.write(REFUSED)
            await writer.drain()
            return
        front_reader, front_writer = await asyncio.open_connection(LOOPBACK, self._port)
        try:
            writer.write(ESTABLISHED)
            await asyncio.gather(copy(reader, front_writer), copy(front_reader, writer))
        finally:
            front_writer.close()
