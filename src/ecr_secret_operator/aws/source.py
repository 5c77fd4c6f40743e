"""The token source: one cached token, one call under way and one back-off for each scope, however many ask."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from ..domain.identity.identity import AMBIENT
from ..domain.identity.scope import Scope
from ..domain.ports import Enqueue
from ..domain.resource import Key
from ..domain.secret.registries import Want
from ..domain.tokens.schedule import Freshness, serves
from ..domain.tokens.token import Token
from ..errors import TokenError
from ..reasons import Reason
from ..runtime.backoff import Backoff
from ..runtime.fairness import SLOW_AT_A_TIME, Fairness
from ..runtime.turns import Turn, Turns
from .errors import where
from .newcomers import Newcomers

CALL_SECONDS = 30.0
"""After this a call is given up, whatever botocore is doing; its thread ends with its own time-outs."""

CALLS, CALLS_OF_ALL, CALLS_OF_ONE = 64, 256, 32
"""How many calls may be under way, each of which has a thread: in all, with those of namespaces that have no other one,
and of one namespace. A namespace whose calls take long has fewer at a time (`SLOW_AT_A_TIME`)."""

SLOW_CALL_SECONDS = 5.0
"""A call that takes longer makes the namespace that it is for slow: AWS answers in a tenth of a second."""

ANSWER_SECONDS = CALL_SECONDS + 10.0
"""The longest that a resource waits for an answer, the wait for its turn included."""

ABANDONED_SECONDS = 120.0
"""A call whose turn comes when it was not asked for during this time is not made."""

MOST_KEPT = 1000
"""Scopes that one namespace was the first to ask for, and that are remembered. The oldest are forgotten first."""

REMEMBERED = timedelta(hours=1)
"""How long a scope that nobody asks for any more keeps its failures in mind."""

LOOK_EVERY = timedelta(minutes=10)
"""How often what may be forgotten is looked for, at least."""


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


class Fetch(Protocol):
    """Gets one token from AWS."""

    async def __call__(self, scope: Scope, requester: Key) -> Token:
        """A new token. Raises TokenError."""


class CallObserver(Protocol):
    """Is told of each call to AWS."""

    def asked_aws(self, scope: Scope, seconds: float, failure: TokenError | None) -> None:
        """One call ended."""


@dataclass(slots=True)
class _State:
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

    def gives(self, freshness: Freshness, now: datetime) -> Token | None:
        """The cached token, if it does."""
        return self.token if self.token and serves(self.token, freshness, now) else None

    def kept_until(self) -> datetime | None:
        """When it may be forgotten, unless something happens until then; None when it may be now."""
        failed = self.failure.retry_at + REMEMBERED if self.failure and self.failure.retry_at else None
        return max((one for one in (self.token and self.token.expires_at, failed) if one), default=None)


class TokenSource:
    """Tokens by scope.

    Args:
        fetch: asks AWS.
        clock: gives the time in UTC.
        observer: is told of each call.
        wake: has those looked at again that were told to come back when a call is over.
    """

    def __init__(
        self, fetch: Fetch, *, clock: Callable[[], datetime], observer: CallObserver, wake: Enqueue[Key]
    ) -> None:
        self._wake = wake
        self._fetch = fetch
        self._clock = clock
        self._observer = observer
        self._states: dict[tuple[object, ...], _State] = {}
        self._expiries: list[tuple[datetime, int, tuple[object, ...]]] = []
        self._entries = itertools.count(1)
        self._timer: asyncio.TimerHandle | None = None
        self._first_asked: dict[str, dict[tuple[object, ...], None]] = {}
        self._newcomers = Newcomers()
        self._backoff = Backoff(base=1.0, cap=30.0, floor=0.5)
        self._longest = timedelta(seconds=self._backoff.cap)  # further away is a time of before the clock was set back
        fairness: Fairness[str] = Fairness(group_of=lambda tenant: tenant, at_a_time=CALLS_OF_ONE, clock=_loop_time)
        self._turns: Turns[str] = Turns(most=CALLS, most_in_all=CALLS_OF_ALL, fairness=fairness)

    def at_hand(self, wants: Sequence[Want]) -> list[Token] | None:
        """A cached token for each want; None when there is not one for all that does."""
        now, found = self._clock(), []
        for want in wants:
            state = self._states.get(want.scope.shared_by)
            token = state.gives(want.freshness, now) if state else None
            if token is None:
                return None
            found.append(token)
        return found

    def under_way(self, wants: Sequence[Want], key: Key, *, low_priority: bool) -> bool:
        """Whether all that is lacking is being fetched already; then the key is woken when the first call is over.

        Ten thousand that need the same token are ten thousand keys then, and not as many reconciles half done. But
        while AWS fails, each waits for the answer: who came again for it would find the next call under way.

        Args:
            wants: what is wanted.
            key: of the resource that wants it.
            low_priority: whether others may come before it then.
        """
        states = [self._states.get(want.scope.shared_by) for want in wants]
        if not any(state and state.call for state in states):
            return False
        now = self._clock()
        lacking = [
            state
            for want, state in zip(wants, states, strict=True)
            if state is None or state.gives(want.freshness, now) is None
        ]
        asked = [state for state in lacking if state and state.call and not (state.failures or state.overdue)]
        if not asked or len(asked) < len(lacking):
            return False
        for state in asked:
            self._want(state, key)
        asked[0].awaiting_token[key] = low_priority and asked[0].awaiting_token.get(key, True)
        return True

    async def tokens(self, wants: Sequence[Want], requester: Key) -> list[Token | TokenError]:
        """For each want, a token that does or why there is none, with the time to ask again. All at the same time.

        Args:
            wants: what is wanted.
            requester: the resource that it is for; AWS's audit log (CloudTrail) names it where a role is assumed.
        """
        return list(await asyncio.gather(*(self._one(want, requester) for want in wants)))

    async def _one(self, want: Want, requester: Key) -> Token | TokenError:
        try:
            return await self.token(want.scope, want.freshness, requester)
        except TokenError as error:
            return error

    async def token(self, scope: Scope, freshness: Freshness, requester: Key) -> Token:
        """A token that does for this freshness: the cached one, the one that is being fetched, or a new one.

        Raises:
            TokenError: with the time to ask again. While a scope backs off, AWS is not asked.
        """
        now = self._clock()
        self._forget(now)
        state = self._states.get(scope.shared_by) or self._new_state(scope, requester, now)
        if token := state.gives(freshness, now):
            return token
        if state.failure and state.failure.retry_at and timedelta() < state.failure.retry_at - now <= self._longest:
            raise state.failure.again()
        if state.call is None:
            state.turn = Turn()
            state.call = asyncio.create_task(self._call(scope, state, state.turn, requester), name=f"token {scope}")
        self._want(state, requester)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await asyncio.shield(state.call)
        except TokenError as error:
            raise error.again() from None
        except TimeoutError:
            raise _no_turn(requester, self._clock() + self._longest) from None

    def _new_state(self, scope: Scope, requester: Key, now: datetime) -> _State:
        """Remembers a scope that is asked for for the first time. Raises TokenError when these are too many."""
        self._newcomers.admit(requester, now)
        state = self._states[scope.shared_by] = _State(requester.tenant)
        of_tenant = self._first_asked.setdefault(requester.tenant, {})
        of_tenant[scope.shared_by] = None
        if len(of_tenant) > MOST_KEPT:
            oldest = next((one for one in of_tenant if self._states[one].call is None), None)
            if oldest is not None and oldest != scope.shared_by:
                self._drop(oldest)
        return state

    def _want(self, state: _State, key: Key) -> None:
        """Has the tenant of a resource wait for a call, too, that was not made yet: whose turn comes first makes it."""
        state.asked_at = asyncio.get_running_loop().time()
        if state.turn:
            self._turns.ask(state.turn, key.tenant)

    def _forget(self, now: datetime) -> None:
        """Drops scopes that nobody asks for any more, such as those of keys that were replaced."""
        while self._expiries and self._expiries[0][0] <= now:
            _, entry, scope = heapq.heappop(self._expiries)
            state = self._states.get(scope)
            if state is None or state.entry != entry:
                continue
            state.entry = 0
            until = state.kept_until()
            if until and until > now:
                self._keep(scope, state)
            elif state.call is None:  # else it is listed when the call ends
                self._drop(scope)

    def _drop(self, scope: tuple[object, ...]) -> None:
        state = self._states.pop(scope)
        of_tenant = self._first_asked[state.tenant]
        del of_tenant[scope]
        if not of_tenant:
            del self._first_asked[state.tenant]

    def _keep(self, scope: tuple[object, ...], state: _State) -> None:
        """Lists when a scope may be forgotten, unless it is listed."""
        if state.entry or self._states.get(scope) is not state:
            return
        soon = self._clock() + LOOK_EVERY  # a scope that is dropped before its time is not listed for long
        state.entry = next(self._entries)
        heapq.heappush(self._expiries, (min(soon, state.kept_until() or soon), state.entry, scope))
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY.total_seconds(), self._look)

    def _look(self) -> None:
        self._timer = None
        self._forget(self._clock())
        if self._expiries:
            self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY.total_seconds(), self._look)

    def _be_overdue(self, state: _State) -> None:
        """Wakes those who were told to come back after a call that does not come to an end: they get to know why."""
        state.overdue = True
        self._wake_waiting(state)

    def _wake_waiting(self, state: _State) -> None:
        awaiting_token, state.awaiting_token = state.awaiting_token, {}
        for key, low_priority in awaiting_token.items():
            self._wake(key, low_priority=low_priority)

    async def _call(self, scope: Scope, state: _State, turn: Turn[str], requester: Key) -> Token:
        """Asks AWS, once it is the turn of this call."""
        loop = asyncio.get_running_loop()
        overdue = loop.call_later(ANSWER_SECONDS, self._be_overdue, state)
        try:
            await turn.begun.wait()
            if loop.time() - state.asked_at > ABANDONED_SECONDS:
                raise _no_turn(requester, self._clock())
            return await self._ask(scope, state, turn, requester)
        finally:
            overdue.cancel()
            self._turns.end(turn)
            state.call, state.turn, state.overdue = None, None, False
            self._wake_waiting(state)
            self._keep(scope.shared_by, state)

    async def _ask(self, scope: Scope, state: _State, turn: Turn[str], requester: Key) -> Token:
        loop = asyncio.get_running_loop()
        slow = loop.call_later(SLOW_CALL_SECONDS, self._turns.mark_slow, turn)
        started = loop.time()
        try:
            async with asyncio.timeout(CALL_SECONDS):
                token = await self._fetch(scope, requester)
        except (TokenError, TimeoutError) as error:
            failure = self._failed(state, error, scope)
            self._observer.asked_aws(scope, loop.time() - started, failure)
            raise failure.again() from None  # the traceback of the one that is kept would keep the keys in memory
        except Exception:
            state.failures += 1
            raise
        finally:
            slow.cancel()
        state.token, state.failures, state.failure = token, 0, None
        self._observer.asked_aws(scope, loop.time() - started, None)
        return token

    def _failed(self, state: _State, error: Exception, scope: Scope) -> TokenError:
        state.failures += 1
        retry_at = self._clock() + timedelta(seconds=self._backoff.delay(state.failures, draw=random.random()))
        if isinstance(error, TokenError):
            failure = error.again(retry_at)
        else:
            asked = where(scope) if scope.identity == AMBIENT else f"AWS, asked for {scope.identity.words},"
            text = f"{asked} did not answer in time"
            failure = TokenError(text, reason=Reason.AWS_UNAVAILABLE, retry_at=retry_at)
        state.failure = failure
        return failure


def _no_turn(requester: Key, retry_at: datetime | None) -> TokenError:
    text = (
        f"AWS has not been asked yet: calls for {requester.tenant} take long, so {SLOW_AT_A_TIME} of them run at a"
        " time, and others come first. It is asked by itself"
    )
    return TokenError(text, reason=Reason.LIMIT_EXCEEDED, retry_at=retry_at)
