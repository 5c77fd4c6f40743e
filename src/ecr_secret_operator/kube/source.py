"""One kind of object in one namespace, or in all, as something that a Reflector can list and watch."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from typing import Any, Generic, TypeVar

import msgspec

from ..errors import Expired, NotFound
from ..runtime.allowance import Allowance
from ..runtime.watching import EventType, Listing, WatchEvent
from .client import Client
from .errors import StatusBody, decoded, decoded_by, error_of
from .objects import Version, Which
from .paging import read_list

T = TypeVar("T")
Raw = TypeVar("Raw")

Absorb = Callable[[Version, Callable[[], T]], bool]

WATCH_SECONDS = (240, 480)
"""Each watch asks the server to end it after a time in this range, so that not all end at once."""

_EVENT_TYPES = {
    "ADDED": EventType.STORED,
    "MODIFIED": EventType.STORED,
    "DELETED": EventType.DELETED,
    "BOOKMARK": EventType.BOOKMARK,
}


class _Line(msgspec.Struct):
    """A line of a watch, to tell what it is about."""

    type: str
    object: Which


class _Whole(msgspec.Struct):
    """The same line, for what it is about."""

    object: msgspec.Raw


class KubeSource(Generic[Raw, T]):
    """Lists in pages and watches with bookmarks.

    Args:
        client: the API server.
        path: of the collection, such as /api/v1/namespaces/x/secrets.
        raw: the msgspec struct to decode into.
        convert: from that to what the cache holds.
        covers: whether a list of this source would have the object in it.
        selector: label selector; the server filters.
        only: the name of the one object that is wanted; the server filters.
        absorb: takes a watch event of an object that this process is writing; returns whether the event needs no
            decoding. Arguments: name and version of the object, and what decodes it later if that is needed.
        allowance: makes what bounds the memory of all that is listed at once.
    """

    def __init__(
        self,
        client: Client,
        path: str,
        *,
        raw: type[Raw],
        convert: Callable[[Raw], T],
        covers: Callable[[T], bool],
        selector: str = "",
        only: str = "",
        absorb: Absorb[T] = lambda _meta, _read: False,
        allowance: Callable[[], Allowance[T]] | None = None,
    ) -> None:
        self._client = client
        self._path = path
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(raw)
        self._convert = convert
        self._covers = covers
        self._only = only
        self._absorb = absorb
        self._allowance = allowance
        self._query = {
            **({"labelSelector": selector} if selector else {}),
            **({"fieldSelector": f"metadata.name={only}"} if only else {}),
        }

    @property
    def name(self) -> str:
        """The path of the collection, or of the only object, for logs and metrics."""
        return f"{self._path}/{self._only}" if self._only else self._path

    def covers(self, item: T) -> bool:
        """Whether a list of this source would have the object in it."""
        return self._covers(item)

    async def list(self) -> Listing[T]:
        """All objects now. No page is in memory for longer than it takes to convert it. Raises ApiError."""
        items: list[T] = []
        allowance = self._allowance() if self._allowance else None

        def take(raw: msgspec.Raw) -> None:
            item = self._convert(self._decoded(raw))
            items.append(allowance.put(item) if allowance else item)

        return Listing(items, await read_list(self._client, self._path, self._query, take, name=self.name))

    async def watch(self, resource_version: str) -> AsyncGenerator[WatchEvent[T], None]:
        """Yields changes since a version until the server ends the watch. Raises ApiError; Expired if it is too old."""
        query = {
            **self._query,
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(random.randint(*WATCH_SECONDS)),
        }
        async for line in self._client.stream(self._path, query):
            yield self._event(line)

    def _event(self, line: bytes) -> WatchEvent[T]:
        head = decoded(line, _Line)
        event, meta = _EVENT_TYPES.get(head.type), head.object.metadata
        if event is None:
            status = bytes(decoded(line, _Whole).object)
            raise error_of(decoded(status, StatusBody).code, status)
        version = meta.resource_version
        if event is EventType.BOOKMARK or (event is EventType.STORED and self._absorb(meta, lambda: self._read(line))):
            return WatchEvent(event, version)
        return WatchEvent(event, version, self._read(line))

    def _read(self, line: bytes) -> T:
        return self._convert(self._decoded(decoded(line, _Whole).object))

    def _decoded(self, raw: msgspec.Raw) -> Raw:
        found: Raw = decoded_by(self._decoder, raw)
        return found


NOT_INSTALLED = "not installed"
LOOK_AGAIN_SECONDS = 20.0


class OptionalSource(KubeSource[Raw, T]):
    """Objects of a kind that the cluster may not have.

    A cluster with the definitions of the Go operator lacks the newer kinds. This is no error: the list is empty, and is
    read again after about 20 s.
    """

    async def list(self) -> Listing[T]:
        """All objects now; none if their kind is not installed. Raises ApiError."""
        try:
            return await super().list()
        except NotFound:
            return Listing([], NOT_INSTALLED)

    async def watch(self, resource_version: str) -> AsyncGenerator[WatchEvent[T], None]:
        """Yields changes since a version until the server ends the watch. Raises ApiError; Expired if it is too old."""
        if resource_version == NOT_INSTALLED:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            raise Expired(f"{self.name} is not installed")
        async for event in super().watch(resource_version):
            yield event
