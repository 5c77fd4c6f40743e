"""What the reconciler needs from the world. The edges implement these; the errors are those of `errors`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from .generated import Desired, StoredSecret
    from .kinds import SecretData
    from .resource import Key, Resource
    from .schedule import Freshness
    from .status import Event, Outcome, Status
    from .token import Scope, Token


class Clock(Protocol):
    """Gives the time in UTC."""

    def __call__(self) -> datetime:
        """Now."""


class Resources(Protocol):
    """The custom resources."""

    def get(self, key: Key) -> Resource | None:
        """The resource as last seen; None when it is gone."""

    async def publish(self, resource: Resource, status: Status) -> None:
        """Stores a status. Raises ApiError; NotFound and Conflict when the resource is not this one any more."""


class Existing(NamedTuple):
    """A Secret read from the API server, with its data."""

    stored: StoredSecret
    data: SecretData

    def __repr__(self) -> str:
        return f"Existing({self.stored!r}, ***)"


class Secrets(Protocol):
    """The generated Secrets. Every write raises ApiError."""

    def of(self, resource: Resource) -> tuple[StoredSecret, ...]:
        """Managed Secrets, as last seen, that carry its generated name or were made for it."""

    async def read(self, namespace: str, name: str) -> Existing | None:
        """What is stored under a name right now, managed or not."""

    async def create(self, desired: Desired) -> StoredSecret:
        """Creates; AlreadyExists when the name is taken."""

    async def update(self, stored: StoredSecret, desired: Desired) -> StoredSecret:
        """Updates just the version that was judged; Conflict when it is no longer the stored one."""

    async def delete(self, stored: StoredSecret) -> None:
        """Deletes just the version that was judged; Conflict when it is no longer the stored one."""


class Tokens(Protocol):
    """The token source."""

    async def token(self, scope: Scope, freshness: Freshness) -> Token:
        """A token that does; raises TokenError, with the time to ask again."""


class Recorder(Protocol):
    """Where events go. Never raises: an event that cannot be stored is not worth a failure."""

    async def record(self, resource: Resource, events: Sequence[Event]) -> None:
        """Tells of a resource."""


class Journal(Protocol):
    """Counts and logs what the reconciler does. Never raises."""

    def finished(self, resource: Resource, outcome: Outcome, told: Sequence[Event]) -> None:
        """One reconcile of this resource came to an end; `told` is what was new about it."""
