"""The token source: for each scope one cached token, one call under way and one back-off, shared by all resources."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from ..domain.identity.identity import AMBIENT
from ..domain.identity.scope import Scope
from ..domain.ports import Enqueue
from ..domain.resource import Key
from ..domain.secret.registries import Want
from ..domain.tokens.schedule import Freshness
from ..domain.tokens.token import Token
from ..errors import TokenError
from ..reasons import Reason
from ..runtime.backoff import Backoff
from ..runtime.fairness import SLOW_AT_A_TIME, Fairness
from ..runtime.turns import Turn, Turns
from .denials import Denials
from .newcomers import Newcomers
from .scope_states import ScopeState, ScopeStates

CALL_SECONDS = 30.0
"""The longest that one call may take. botocore's own time-outs end the thread of a call that is given up."""

CALLS, CALLS_OF_ALL, CALLS_OF_ONE = 64, 256, 32
"""How many calls may be under way, each in a thread of its own. CALLS_OF_ONE bounds those of one namespace. Once CALLS
are under way, only a namespace without a call gets another one, up to CALLS_OF_ALL. A namespace whose calls are slow
has fewer at a time (`SLOW_AT_A_TIME`)."""

SLOW_CALL_SECONDS = 5.0
"""A call that takes longer makes its namespace slow. AWS usually answers in a tenth of a second."""

ANSWER_SECONDS = CALL_SECONDS + 10.0
"""The longest that a resource waits for a token, including the wait for the turn of the call."""

ABANDONED_SECONDS = 120.0
"""A call is dropped when its turn comes and no resource has asked for its token for this long."""


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


class Fetch(Protocol):
    """Gets one token from AWS."""

    async def __call__(self, scope: Scope, requester: Key) -> Token:
        """Requests a new token.

        Args:
            scope: what the token is for.
            requester: the resource that the token is for.

        Raises:
            TokenError: AWS or the identity gave no token.
        """


class CallObserver(Protocol):
    """Logs and counts the calls to AWS."""

    def asked_aws(self, scope: Scope, seconds: float, failure: TokenError | None) -> None:
        """A call ended after so many seconds; `failure` is None if it returned a token."""


class TokenSource:
    """Gives tokens by scope. All resources that need the same scope share one token and one call.

    Args:
        fetch: requests a token from AWS.
        clock: gives the time in UTC.
        observer: logs and counts the calls.
        wake: enqueues the resources that wait for a call, when the call ends.
    """

    def __init__(
        self, fetch: Fetch, *, clock: Callable[[], datetime], observer: CallObserver, wake: Enqueue[Key]
    ) -> None:
        self._wake = wake
        self._fetch = fetch
        self._clock = clock
        self._observer = observer
        self._states = ScopeStates(clock)
        self._newcomers = Newcomers()
        self._backoff = Backoff(base=1.0, cap=30.0, floor=0.5)
        self._denials = Denials(self._backoff, draw=random.random)
        self._longest = timedelta(seconds=self._backoff.cap)  # a later time dates from before the clock was set back
        fairness: Fairness[str] = Fairness(group_of=lambda tenant: tenant, at_a_time=CALLS_OF_ONE, clock=_loop_time)
        self._turns: Turns[str] = Turns(most=CALLS, most_in_all=CALLS_OF_ALL, fairness=fairness)

    def at_hand(self, wants: Sequence[Want]) -> list[Token] | None:
        """A cached token for each want; None if the token for one of them is missing or not fresh enough."""
        now, found = self._clock(), []
        for want in wants:
            state = self._states.get(want.scope)
            token = state.fresh_token(want.freshness, now) if state else None
            if token is None:
                return None
            found.append(token)
        return found

    def join_calls(self, wants: Sequence[Want], key: Key, *, low_priority: bool) -> bool:
        """Registers a resource to be woken when a call ends, if calls for all tokens that it lacks are under way.

        Ten thousand resources that need the same token are then ten thousand keys, and not as many suspended
        reconciles. While the calls of a scope fail, this returns False and each resource waits for its answer. A
        resource that came back later would find the next call under way, and would never see the failure.

        Args:
            wants: the tokens that the resource needs.
            key: of the resource.
            low_priority: whether the resource is enqueued with low priority.

        Returns:
            whether the resource was registered.
        """
        states = [self._states.get(want.scope) for want in wants]
        if not any(state and state.call for state in states):
            return False
        now = self._clock()
        lacking = [
            state
            for want, state in zip(wants, states, strict=True)
            if state is None or state.fresh_token(want.freshness, now) is None
        ]
        asked = [state for state in lacking if state and state.call and not (state.failures or state.overdue)]
        if not asked or len(asked) < len(lacking):
            return False
        for state in asked:
            self._want(state, key)
        asked[0].awaiting_token[key] = low_priority and asked[0].awaiting_token.get(key, True)
        return True

    async def tokens(self, wants: Sequence[Want], requester: Key) -> list[Token | TokenError]:
        """Gets all tokens at the same time: for each want a token, or the error with the time to ask again.

        Args:
            wants: the tokens that the resource needs.
            requester: the resource. CloudTrail, AWS's audit log, names it where a role is assumed.
        """
        return list(await asyncio.gather(*(self._one(want, requester) for want in wants)))

    async def _one(self, want: Want, requester: Key) -> Token | TokenError:
        try:
            return await self.token(want.scope, want.freshness, requester)
        except TokenError as error:
            return error

    async def token(self, scope: Scope, freshness: Freshness, requester: Key) -> Token:
        """Gets a token that satisfies this freshness: the cached one, that of the call under way, or a new one.

        Raises:
            TokenError: there is none; it has the time to ask again. During a back-off AWS is not called.
        """
        now = self._clock()
        self._states.forget_expired()
        state = self._states.get(scope)
        if state and (token := state.fresh_token(freshness, now)):
            return token
        if (
            state
            and state.failure
            and state.failure.retry_at
            and timedelta() < state.failure.retry_at - now <= self._longest
        ):
            raise state.failure.again()
        if state is None or state.call is None:
            self._denials.check(scope, now)
            state = state or self._new_state(scope, requester, now)
            state.turn = Turn()
            state.call = asyncio.create_task(self._call(scope, state, state.turn, requester), name=f"token {scope}")
            state.call.add_done_callback(_note_failure)
        self._want(state, requester)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await asyncio.shield(state.call)
        except TokenError as error:
            raise error.again() from None
        except TimeoutError:
            raise _no_turn(requester, self._clock() + self._longest) from None

    def _new_state(self, scope: Scope, requester: Key, now: datetime) -> ScopeState:
        """Adds a scope that is not remembered. Raises TokenError if the requester adds too many."""
        self._newcomers.admit(requester, now)
        return self._states.add(scope, requester.tenant)

    def _want(self, state: ScopeState, key: Key) -> None:
        """Lets a tenant wait for the turn of a call, too. The call starts when the first of its tenants has a turn."""
        state.asked_at = asyncio.get_running_loop().time()
        if state.turn:
            self._turns.ask(state.turn, key.tenant)

    def _be_overdue(self, state: ScopeState) -> None:
        """Wakes the resources that wait for a call which takes too long, so that they report why they have no token."""
        state.overdue = True
        self._wake_waiting(state)

    def _wake_waiting(self, state: ScopeState) -> None:
        awaiting_token, state.awaiting_token = state.awaiting_token, {}
        for key, low_priority in awaiting_token.items():
            self._wake(key, low_priority=low_priority)

    async def _call(self, scope: Scope, state: ScopeState, turn: Turn[str], requester: Key) -> Token:
        """Waits for the turn of this call, and calls AWS."""
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
            self._states.call_ended(scope, state)

    async def _ask(self, scope: Scope, state: ScopeState, turn: Turn[str], requester: Key) -> Token:
        loop = asyncio.get_running_loop()
        slow = loop.call_later(SLOW_CALL_SECONDS, self._turns.mark_slow, turn)
        started = loop.time()
        try:
            async with asyncio.timeout(CALL_SECONDS):
                token = await self._fetch(scope, requester)
        except (TokenError, TimeoutError) as error:
            failure = self._failed(state, error, scope)
            self._denials.answered(scope, failure, self._clock())
            self._observer.asked_aws(scope, loop.time() - started, failure)
            raise failure.again() from None  # `failure` is kept: with a traceback it would keep the keys in memory
        except Exception:
            state.failures += 1
            raise
        finally:
            slow.cancel()
        state.token, state.failures, state.failure = token, 0, None
        self._denials.answered(scope, None, self._clock())
        self._observer.asked_aws(scope, loop.time() - started, None)
        return token

    def _failed(self, state: ScopeState, error: Exception, scope: Scope) -> TokenError:
        state.failures += 1
        retry_at = self._clock() + timedelta(seconds=self._backoff.delay(state.failures, draw=random.random()))
        if isinstance(error, TokenError):
            failure = error.again(retry_at)
        else:
            asked = scope.place if scope.identity == AMBIENT else f"AWS, asked for {scope.identity.words},"
            text = f"{asked} did not answer in time"
            failure = TokenError(text, reason=Reason.AWS_UNAVAILABLE, retry_at=retry_at)
        state.failure = failure
        return failure


def _note_failure(call: asyncio.Task[Token]) -> None:
    """Keeps asyncio from logging a failure as an error if no resource waits for the call any more."""
    if not call.cancelled():
        call.exception()


def _no_turn(requester: Key, retry_at: datetime | None) -> TokenError:
    text = (
        f"AWS has not been asked yet: calls for {requester.tenant} take long, so {SLOW_AT_A_TIME} of them run at a"
        " time, and others come first. It is asked by itself"
    )
    return TokenError(text, reason=Reason.LIMIT_EXCEEDED, retry_at=retry_at)
