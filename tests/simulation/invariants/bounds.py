"""Invariants of amounts: calls to AWS, writes, and where secret texts may be."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ..aws import CANARY, Call
from .base import Change, Invariant, named

if TYPE_CHECKING:
    from ..world import World

WINDOW_SECONDS = 600.0


class _Window:
    """Counts what happened in the last ten minutes."""

    __slots__ = ("_times",)

    def __init__(self) -> None:
        self._times: deque[float] = deque()

    def add(self, now: float) -> int:
        """Counts one more, and returns how many there were."""
        times = self._times
        times.append(now)
        while times[0] < now - WINDOW_SECONDS:
            times.popleft()
        return len(times)


class BoundedCalls(Invariant):
    """AWS is asked for a scope no more often than its tokens are shared, and less and less often while it fails.

    A token serves all resources for a tenth of its life. Each action may make one more call necessary, and so does each
    start of a replica, which remembers no token.
    """

    FAILURES = 100
    """With a back-off of half a second to thirty seconds, about fifty calls fail in ten minutes."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._answered: dict[object, _Window] = {}
        self._failed: dict[object, _Window] = {}

    def on_call(self, call: Call) -> None:
        """Counts a call."""
        scope = (call.replica.partition("#")[0], *call.scope.shared_by)
        counts = self._answered if call.token else self._failed
        count = counts.setdefault(scope, _Window()).add(call.at)
        lifetime = min(self.world.plan.lifetime, self.world.plan.role_lifetime)
        allowed = 3 + WINDOW_SECONDS / (lifetime / 10) + 2 * self.world.disturbances(WINDOW_SECONDS + 300)
        if call.token is None or self.world.clocks_jumped:  # a token that has expired by a wrong clock is refused
            allowed = self.FAILURES + 4 * self.world.disturbances(WINDOW_SECONDS + 300)
        if count > allowed:
            what = "gave tokens" if call.token else "failed"
            self.fail(f"{count} calls for {call.scope} {what} within ten minutes")


class BoundedWrites(Invariant):
    """An object is written a bounded number of times in any ten minutes, whatever others do to it."""

    WRITES, FOR_EACH = 40, 6

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._writes: dict[tuple[str, tuple[str, str]], _Window] = {}

    def on_change(self, change: Change) -> None:
        """Counts a write of a replica."""
        if not change.by_operator:
            return
        count = self._writes.setdefault((change.plural, change.key), _Window()).add(change.at)
        if count > self.WRITES + self.FOR_EACH * self.world.disturbances(WINDOW_SECONDS + 300, change.key[0]):
            self.fail(f"{change.plural} {named(change.key)} was written {count} times within ten minutes")


class NoCanaryOutsideSecrets(Invariant):
    """No token and no key is anywhere but in Secrets: not in statuses, events, annotations, or logs."""

    def on_change(self, change: Change) -> None:
        """Searches what a replica writes."""
        if not change.by_operator or change.after is None:
            return
        found = change.after if change.plural != "secrets" else change.after["metadata"]
        if CANARY in str(found):
            self.fail(f"{change.plural} {named(change.key)} shows a secret text")

    def on_log(self, line: str) -> None:
        """Searches a line of the log."""
        if CANARY in line:
            self.fail("the log shows a secret text")
