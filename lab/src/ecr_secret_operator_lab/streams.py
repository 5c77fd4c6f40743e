"""Copies bytes between two connections."""

from __future__ import annotations

import asyncio

CHUNK = 1 << 18


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Writes all that is read, and passes on the end of the stream. The writer stays open for its other direction."""
    while chunk := await reader.read(CHUNK):
        writer.write(chunk)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
