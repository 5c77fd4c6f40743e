"""Sums up, in the status of a cluster resource, how it stands in each namespace."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from ...domain.status.placements import NEWS_EVERY, Placements, cluster_events, cluster_status, patience
from ...errors import Conflict, NotFound
from ...runtime.result import AGAIN, DONE, Result

if TYPE_CHECKING:
    from ...domain.ports import Clock, Clusters, Recorder
    from ...domain.resource import Key


class ClusterSecretReconciler:
    """Publishes the status of cluster resources; their placements are reconciled like any resource.

    Args:
        clusters, recorder, clock: the world, by its ports.
    """

    def __init__(self, *, clusters: Clusters, recorder: Recorder, clock: Clock) -> None:
        self._clusters = clusters
        self._recorder = recorder
        self._clock = clock
        self._published: dict[Key, datetime] = {}
        self._partly: set[Key] = set()
        self._waiting: dict[Key, datetime] = {}

    async def reconcile(self, key: Key) -> Result:
        """Reconciles one cluster resource.

        Raises:
            ApiError: the API server did not take the status.
        """
        now, last = self._clock(), self._published.get(key)
        if last and last <= now < last + NEWS_EVERY and key not in self._partly:
            return Result(again_at=last + NEWS_EVERY)  # before all the placements are looked through
        placements = self._clusters.placements(key)
        if placements is None:
            self._published.pop(key, None)
            self._partly.discard(key)
            self._waiting.pop(key, None)
            return DONE
        not_before = self._not_before(key, placements, now)
        if not_before > now:
            return Result(again_at=not_before)
        return await self._publish(key, placements, now)

    async def _publish(self, key: Key, placements: Placements, now: datetime) -> Result:
        status = cluster_status(placements, now=now)
        if status == placements.resource.status:
            return DONE
        self._published[key] = now
        (self._partly.add if placements.unknown else self._partly.discard)(key)
        try:
            await self._clusters.publish(placements.resource, status)
        except NotFound:
            return DONE
        except Conflict:
            return AGAIN  # another one of the same name is there, or it was written to meanwhile
        told = tuple(cluster_events(placements, status))
        if told:
            await self._recorder.record(placements.resource, told)
        return DONE

    def _not_before(self, key: Key, placements: Placements, now: datetime) -> datetime:
        """When news may be published: not while placements have not been looked at, and not too often."""
        last = self._published.get(key)
        soonest = last + NEWS_EVERY if last and last <= now else now
        if not placements.unknown:
            self._waiting.pop(key, None)
            return now if key in self._partly else soonest  # that all are known is worth saying at once
        since = min(self._waiting.setdefault(key, now), now)
        # What this process has said is no news of an earlier one that has to be spared.
        return max(soonest, since + (NEWS_EVERY if last else patience(placements)))
