"""What the token source remembers of each scope: its token, its call under way, its failures; and when it forgets them.

The memory is bounded for each namespace, so that one namespace cannot fill the memory that all share.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..domain.identity.scope import Scope
from ..domain.resource import Key
from ..domain.tokens.schedule import Freshness, serves
from ..domain.tokens.token import Token
from ..errors import TokenError
from ..runtime.turns import Turn

MOST_KEPT = 1000
"""How many scopes are remembered that one namespace was the first to ask for. The oldest are forgotten first."""

REMEMBERED = timedelta(hours=1)
"""How long the failures of a scope are remembered after the time at which it may be asked for again."""

LOOK_EVERY = timedelta(minutes=10)
"""The longest time between two searches for scopes that can be forgotten."""


@dataclass(slots=True)
class ScopeState:
    """What is remembered of one scope.

    Attributes:
        tenant: the namespace, or the cluster resource, that was the first to ask for the scope.
        token: the latest token.
        call: the call to AWS under way, the wait for its turn included.
        turn: the turn of that call.
        asked_at: when the scope was last asked for, in seconds of the event loop's clock.
        entry: number of its entry in the list of expiries; 0 for none.
        overdue: whether the call takes longer than a resource waits for its answer.
        failures: how many calls failed in a row.
        failure: the latest failure; None after a success.
        awaiting_token: the resources to wake when the call ends, each with whether its priority is low.
    """

    tenant: str
    token: Token | None = None
    call: asyncio.Task[Token] | None = None
    turn: Turn[str] | None = None
    asked_at: float = 0.0
    entry: int = 0
    overdue: bool = False
    failures: int = 0
    failure: TokenError | None = None
    awaiting_token: dict[Key, bool] = field(default_factory=dict)

    def fresh_token(self, freshness: Freshness, now: datetime) -> Token | None:
        """The remembered token if it satisfies this freshness at this time (UTC), else None."""
        return self.token if self.token and serves(self.token, freshness, now) else None

    def kept_until(self) -> datetime | None:
        """When the scope may be forgotten (UTC), unless it is asked for before; None for now."""
        failed = self.failure.retry_at + REMEMBERED if self.failure and self.failure.retry_at else None
        return max((one for one in (self.token and self.token.expires_at, failed) if one), default=None)


class ScopeStates:
    """The states of all scopes. A scope whose call is under way is never forgotten.

    Args:
        clock: gives the time in UTC.
    """

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._states: dict[tuple[object, ...], ScopeState] = {}
        self._first_asked: dict[str, dict[tuple[object, ...], None]] = {}
        self._expiries: list[tuple[datetime, int, tuple[object, ...]]] = []
        self._entries = itertools.count(1)
        self._timer: asyncio.TimerHandle | None = None

    def get(self, scope: Scope) -> ScopeState | None:
        """The state of a scope; None if nothing is remembered."""
        return self._states.get(scope.shared_by)

    def add(self, scope: Scope, tenant: str) -> ScopeState:
        """Adds a scope. If its tenant has too many, the oldest one without a call under way is forgotten."""
        state = self._states[scope.shared_by] = ScopeState(tenant)
        of_tenant = self._first_asked.setdefault(tenant, {})
        of_tenant[scope.shared_by] = None
        if len(of_tenant) > MOST_KEPT:
            oldest = next((one for one in of_tenant if self._states[one].call is None), None)
            if oldest is not None and oldest != scope.shared_by:
                self._drop(oldest)
        return state

    def call_ended(self, scope: Scope, state: ScopeState) -> None:
        """Schedules when the scope may be forgotten."""
        if self._states.get(scope.shared_by) is state and not state.entry:
            self._schedule(scope.shared_by, state)

    def forget_expired(self) -> None:
        """Forgets scopes that are not asked for any more, such as those of access keys that were replaced."""
        now = self._clock()
        while self._expiries and self._expiries[0][0] <= now:
            _, entry, scope = heapq.heappop(self._expiries)
            state = self._states.get(scope)
            if state is None or state.entry != entry:
                continue
            state.entry = 0
            until = state.kept_until()
            if until and until > now:
                self._schedule(scope, state)
            elif state.call is None:  # otherwise it is scheduled when the call ends
                self._drop(scope)

    def _drop(self, scope: tuple[object, ...]) -> None:
        state = self._states.pop(scope)
        of_tenant = self._first_asked[state.tenant]
        del of_tenant[scope]
        if not of_tenant:
            del self._first_asked[state.tenant]

    def _schedule(self, scope: tuple[object, ...], state: ScopeState) -> None:
        soon = self._clock() + LOOK_EVERY  # the entry of a scope that is dropped earlier does not stay for long
        state.entry = next(self._entries)
        heapq.heappush(self._expiries, (min(soon, state.kept_until() or soon), state.entry, scope))
        self._start_timer()

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY.total_seconds(), self._timer_fired)

    def _timer_fired(self) -> None:
        self._timer = None
        self.forget_expired()
        if self._expiries:
            self._start_timer()
