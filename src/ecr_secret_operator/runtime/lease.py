"""What a Lease says: the contract between the Kubernetes edge and leader election."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Record:
    """What a Lease says.

    Attributes:
        holder: identity of the leader; empty when it was released.
        duration: seconds that a follower has to wait for a silent leader.
        acquired_at, renewed_at: for people to read (UTC).
        transitions: how often the leader changed.
        resource_version: of the Lease that was read; empty for one that does not exist.
    """

    holder: str
    duration: int
    acquired_at: datetime
    renewed_at: datetime
    transitions: int
    resource_version: str = ""


class Leases(Protocol):
    """The Lease that is contended for. All raise ApiError."""

    async def read(self) -> Record | None:
        """The record; None when there is no Lease."""

    async def create(self, record: Record) -> Record:
        """Creates it; AlreadyExists when another one was quicker."""

    async def update(self, record: Record) -> Record:
        """Updates the version that was read; Conflict if another candidate was first."""
