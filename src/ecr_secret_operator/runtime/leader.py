"""Leader election on a Lease: client-go's rules (`tools/leaderelection`) and its default timings.

What is judged is how long the record has not changed on our own monotonic clock, never the times written in it, so
clocks that differ between nodes do no harm. A leader that cannot renew stops before another candidate may start.
A Lease is no fence: a paused process may wake up and write. So it asks `holds` before each write, and the preconditions
of every write are the fence for what is on its way by then.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime

from ..errors import AlreadyExists, ApiError, Conflict
from .lease import Leases, Record

LEASE_SECONDS = 15.0
RENEW_SECONDS = 10.0
RETRY_SECONDS = 2.0
_RELEASED_SECONDS = 1


class Elector:
    """One candidate.

    Args:
        leases: the Lease.
        identity: unique to this process.
        clock: wall-clock time, for the times that people read.
        monotonic: seconds that go on while the machine sleeps, where there is such a clock.
        on_failure: told why the Lease could not be read or written; the number counts failures of one kind in a row.

    Attributes:
        leading: whether this candidate leads.
    """

    def __init__(
        self,
        leases: Leases,
        *,
        identity: str,
        clock: Callable[[], datetime],
        monotonic: Callable[[], float],
        on_failure: Callable[[str, int], None] = lambda _why, _failures: None,
    ) -> None:
        self._leases = leases
        self._identity = identity
        self._clock = clock
        self.leading = False
        self._monotonic = monotonic
        self._on_failure = on_failure
        self._last: type[Exception] | None = None
        self._failures = 0
        self._observed: Record | None = None
        self._observed_at = monotonic()
        self._renewed_at = 0.0
        self._held_since = 0.0

    def holds(self) -> bool:
        """Whether this candidate leads and no other one can. True no longer than the Lease may be renewed.

        `leading` lags behind where the process, or the machine, stood still: nothing of it runs then.
        """
        return self.leading and self._monotonic() < self._held_since + RENEW_SECONDS

    async def acquire(self) -> None:
        """Waits until this candidate leads."""
        while not await self._try():  # noqa: ASYNC110 - another process holds the Lease: there is nothing to wait on
            await asyncio.sleep(RETRY_SECONDS * random.uniform(1.0, 1.2))
        self.leading = True

    async def keep(self) -> None:
        """Renews until that fails for the renew deadline; then returns, and the process may not act as leader."""
        try:
            while await self._renew():
                pass
        finally:
            self.leading = False

    async def _renew(self) -> bool:
        """Renews once, trying again and again within the renew deadline; False when it is over."""
        try:
            async with asyncio.timeout_at(self._renewed_at + RENEW_SECONDS):
                while True:
                    await asyncio.sleep(RETRY_SECONDS)
                    if await self._try():
                        return True
                    if self._observed and self._observed.holder not in ("", self._identity):
                        return False
        except TimeoutError:
            return False

    async def release(self) -> None:
        """Gives the Lease up, so that the next one leads within a retry period. Does its best, never raises."""
        self.leading = False
        now = self._clock()
        try:
            async with asyncio.timeout(RETRY_SECONDS):
                held = await self._leases.read()  # a renewal may have been cut off half-way: what is stored counts
                if held and held.holder == self._identity:
                    await self._leases.update(
                        replace(held, holder="", duration=_RELEASED_SECONDS, renewed_at=now, acquired_at=now)
                    )
        except (ApiError, TimeoutError):
            return

    async def _try(self) -> bool:
        started, since = asyncio.get_running_loop().time(), self._monotonic()
        try:
            async with asyncio.timeout(RENEW_SECONDS / 2):
                held = await self._acquire_or_renew()
        except (ApiError, TimeoutError) as error:
            self._failed(error)
            return False
        self._last = None
        if held:
            self._renewed_at, self._held_since = started, since  # others count from the write, which came after this
        return held

    def _failed(self, error: Exception) -> None:
        self._failures = self._failures + 1 if type(error) is self._last else 1
        self._last = type(error)
        self._on_failure(str(error) or "the API server did not answer in time", self._failures)

    async def _acquire_or_renew(self) -> bool:
        now = self._clock()
        fresh = Record(
            holder=self._identity, duration=round(LEASE_SECONDS), acquired_at=now, renewed_at=now, transitions=0
        )
        stored = await self._leases.read()
        if stored is None:
            return await self._store(self._leases.create(fresh))
        self._observe(stored)
        mine = stored.holder == self._identity
        if stored.holder and not mine and self._monotonic() < self._observed_at + stored.duration:
            return False
        return await self._store(
            self._leases.update(
                replace(
                    fresh,
                    acquired_at=stored.acquired_at if mine else now,
                    transitions=stored.transitions + (0 if mine else 1),
                    resource_version=stored.resource_version,
                )
            )
        )

    async def _store(self, write: Awaitable[Record]) -> bool:
        try:
            self._observe(await write)
        except (AlreadyExists, Conflict):
            return False
        return True

    def _observe(self, record: Record) -> None:
        if record != self._observed:
            self._observed = record
            self._observed_at = self._monotonic()
