"""Publishes the status of cluster resources, which sums up their placements."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ...domain.status.placements import NEWS_EVERY, Placements, cluster_events, cluster_status, patience
from ...errors import Conflict, NotFound
from ...runtime.result import AGAIN, DONE, Result

if TYPE_CHECKING:
    from ...domain.ports import Clock, Clusters, Recorder
    from ...domain.resource import Key


@dataclass(slots=True)
class Memory:
    """What is remembered of one cluster resource, to limit how often its status is written.

    Attributes:
        published: when its status was last written (UTC).
        incomplete: whether placements were still unknown then.
        pending_since: since when placements have been unknown (UTC).
    """

    published: datetime | None = None
    incomplete: bool = False
    pending_since: datetime | None = None

    def note_pending(self, placements: Placements, now: datetime) -> None:
        """Notes since when placements have been unknown."""
        if not placements.unknown:
            self.pending_since = None
        elif self.pending_since is None:
            self.pending_since = now

    def next_publish(self, now: datetime) -> datetime | None:
        """When the status may be written again; None for now."""
        if self.published and self.published <= now < self.published + NEWS_EVERY:
            return self.published + NEWS_EVERY
        return None

    def not_before(self, placements: Placements, now: datetime) -> datetime:
        """When the status may be written: not while placements are unknown, and not too often."""
        soonest = self.published + NEWS_EVERY if self.published and self.published <= now else now
        if not placements.unknown:
            return now if self.incomplete else soonest  # that all are known is worth a write at once
        since = min(self.pending_since or now, now)
        # A status that an earlier process wrote stays longer than one of this process.
        return max(soonest, since + (NEWS_EVERY if self.published else patience(placements)))


class ClusterSecretReconciler:
    """Publishes the status of cluster resources; their placements are reconciled like any resource.

    Args:
        clusters, recorder, clock: the world, by its ports.
    """

    def __init__(self, *, clusters: Clusters, recorder: Recorder, clock: Clock) -> None:
        self._clusters = clusters
        self._recorder = recorder
        self._clock = clock
        self._memories: dict[Key, Memory] = {}

    async def reconcile(self, key: Key) -> Result:
        """Reconciles one cluster resource.

        Raises:
            ApiError: the API server did not take the status.
        """
        now, memory = self._clock(), self._memories.setdefault(key, Memory())
        next_publish = memory.next_publish(now)
        if next_publish and not memory.incomplete:
            return Result(again_at=next_publish)  # before all the placements are summed up
        placements = self._clusters.placements(key)
        if placements is None:
            del self._memories[key]
            return DONE
        memory.note_pending(placements, now)
        not_before = memory.not_before(placements, now)
        if not_before > now:
            return Result(again_at=not_before)
        return await self._publish(placements, memory, now)

    async def _publish(self, placements: Placements, memory: Memory, now: datetime) -> Result:
        status = cluster_status(placements, now=now)
        if status == placements.resource.status:
            return DONE
        memory.published, memory.incomplete = now, bool(placements.unknown)
        try:
            await self._clusters.publish(placements.resource, status)
        except NotFound:
            return DONE
        except Conflict:
            return AGAIN  # another resource of the same name is there, or another client wrote meanwhile
        found = tuple(cluster_events(placements, status))
        if found:
            await self._recorder.record(placements.resource, found)
        return DONE
