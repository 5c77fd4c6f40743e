"""The results of lists and watches: the contract between the Kubernetes client and the runtime."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Protocol, TypeVar

T_co = TypeVar("T_co", covariant=True)


class EventType(Enum):
    """The kind of a watch event. A bookmark only brings a newer resource version."""

    STORED = "stored"
    DELETED = "deleted"
    BOOKMARK = "bookmark"


@dataclass(frozen=True, slots=True)
class WatchEvent(Generic[T_co]):
    """One event of a watch; `item` is None for an event that needs no decoding."""

    type: EventType
    resource_version: str
    item: T_co | None = None


@dataclass(frozen=True, slots=True)
class Listing(Generic[T_co]):
    """All objects of a source, and the resource version of the list."""

    items: list[T_co]
    resource_version: str


T = TypeVar("T")


class ListWatch(Protocol[T]):
    """A source of objects that can be listed and watched."""

    @property
    def name(self) -> str:
        """The name of the source, for logs and metrics."""

    async def list(self) -> Listing[T]:
        """All objects now. Raises ApiError."""

    def watch(self, resource_version: str) -> AsyncGenerator[WatchEvent[T], None]:
        """Yields changes since a version until the server ends the watch. Raises ApiError; Expired if it is too old."""

    def covers(self, item: T) -> bool:
        """Whether a list of this source would have the object in it."""
