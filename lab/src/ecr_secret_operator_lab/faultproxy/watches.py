"""The watches that are open, and what is done to them from outside."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import StreamReader

from .records import Do, Handled, OpenWatch


@dataclass(slots=True, eq=False)
class Stream:
    """One watch, from the proxy to its client."""

    request: Handled
    transport: asyncio.Transport | None
    events: int = 0
    silent: bool = False
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Watches:
    """All that are open."""

    def __init__(self) -> None:
        self._open: dict[int, Stream] = {}

    def add(self, stream: Stream) -> None:
        """One begins."""
        self._open[stream.request.number] = stream

    def remove(self, stream: Stream) -> None:
        """One has ended."""
        self._open.pop(stream.request.number, None)

    def shown(self, path: str | None = None) -> list[OpenWatch]:
        """Those whose path matches a regular expression."""
        return [
            OpenWatch(number=number, path=stream.request.path, events=stream.events, silent=stream.silent)
            for number, stream in self._open.items()
            if path is None or re.search(path, stream.request.path)
        ]

    def do(self, what: Do, path: str | None = None) -> list[OpenWatch]:
        """Cuts, ends or silences those that match, and gives them."""
        matching = self.shown(path)
        for one in matching:
            stream = self._open[one.number]
            if what is Do.SILENCE:
                stream.silent = True
            elif what is Do.END:
                stream.ended.set()
            elif stream.transport is not None:
                stream.transport.abort()
        return matching


async def lines(content: StreamReader, *, whole: bool) -> AsyncIterator[bytes]:
    """What a watch says, line by line with its line break; in pieces as they come when it is not made of lines."""
    rest = b""
    async for chunk in content.iter_any():
        if not whole:
            yield chunk
            continue
        *complete, rest = (rest + chunk).split(b"\n")
        for line in complete:
            yield line + b"\n"
    if rest:
        yield rest
