"""What a list and a watch say, as plain values: the contract between the Kubernetes edge and the runtime."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from enum import Enum
from typing import Generic, Protocol, TypeVar

T_co = TypeVar("T_co", covariant=True)


class Change(Enum):
    """What a watch event says. A bookmark only moves the resource version on."""

    STORED = "stored"
    DELETED = "deleted"
    BOOKMARK = "bookmark"


@dataclass(frozen=True, slots=True)
class WatchEvent(Generic[T_co]):
    """One line of a watch."""

    change: Change
    resource_version: str
    item: T_co | None = None


@dataclass(frozen=True, slots=True)
class Listing(Generic[T_co]):
    """All objects of a source, and the version of the whole."""

    items: list[T_co]
    resource_version: str


T = TypeVar("T")


class ListWatch(Protocol[T]):
    """What can be listed and watched."""

    @property
    def name(self) -> str:
        """For logs and metrics."""

    async def list(self) -> Listing[T]:
        """Everything, now. Raises ApiError."""

    def watch(self, resource_version: str) -> AsyncGenerator[WatchEvent[T], None]:
        """Changes since a version, until the server ends it. Raises ApiError; Expired for a version too old."""

    def covers(self, item: T) -> bool:
        """Whether a list of this source would have the object in it."""
