"""The token source: one cached token, one call under way and one back-off for each scope, however many ask."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from ..domain.backoff import Backoff
from ..domain.decide import Want
from ..domain.errors import TokenError
from ..domain.identity import AMBIENT
from ..domain.ports import Enqueue
from ..domain.reasons import Reason
from ..domain.resource import Key
from ..domain.schedule import Freshness, serves
from ..domain.scope import Scope
from ..domain.token import Token
from .errors import where

CALL_SECONDS = 30.0
"""After this a call is given up, whatever botocore is doing; its thread ends with its own time-outs."""

CALLS = 64
"""How many calls may be under way: each has a thread. Calls that hang are given up, so no scope waits for ever."""

REMEMBERED = timedelta(hours=1)
"""How long a scope that nobody asks for any more keeps its failures in mind."""


class Fetch(Protocol):
    """Gets one token from AWS."""

    async def __call__(self, scope: Scope, asker: Key) -> Token:
        """A new token. Raises TokenError."""


class CallObserver(Protocol):
    """Is told of each call to AWS."""

    def asked_aws(self, scope: Scope, seconds: float, failure: TokenError | None) -> None:
        """One call ended."""


@dataclass(slots=True)
class _State:
    token: Token | None = None
    call: asyncio.Task[Token] | None = None
    failures: int = 0
    failure: TokenError | None = None
    parked: dict[Key, bool] = field(default_factory=dict)

    def gives(self, freshness: Freshness, now: datetime) -> Token | None:
        """The cached token, if it does."""
        return self.token if self.token and serves(self.token, freshness, now) else None


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
        self._backoff = Backoff(base=1.0, cap=30.0, floor=0.5)
        self._longest = timedelta(seconds=self._backoff.cap)  # further away is a time of before the clock was set back
        self._calls = asyncio.Semaphore(CALLS)

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

    def under_way(self, wants: Sequence[Want], key: Key, *, patient: bool) -> bool:
        """Whether all that is lacking is being fetched already; then the key is woken when the first call is over.

        Ten thousand that need the same token are ten thousand keys then, and not as many reconciles half done. But
        while AWS fails, each waits for the answer: who came again for it would find the next call under way.

        Args:
            wants: what is wanted.
            key: of the resource that wants it.
            patient: whether others may come before it then.
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
        asked = [state for state in lacking if state and state.call and not state.failures]
        if not asked or len(asked) < len(lacking):
            return False
        asked[0].parked[key] = patient and asked[0].parked.get(key, True)
        return True

    async def tokens(self, wants: Sequence[Want], asker: Key) -> list[Token | TokenError]:
        """For each want, a token that does or why there is none, with the time to ask again. All at the same time.

        Args:
            wants: what is wanted.
            asker: the resource that it is for; AWS's audit log (CloudTrail) names it where a role is assumed.
        """
        return list(await asyncio.gather(*(self._one(want, asker) for want in wants)))

    async def _one(self, want: Want, asker: Key) -> Token | TokenError:
        try:
            return await self.token(want.scope, want.freshness, asker)
        except TokenError as error:
            return error

    async def token(self, scope: Scope, freshness: Freshness, asker: Key) -> Token:
        """A token that does for this freshness: the cached one, the one that is being fetched, or a new one.

        Raises:
            TokenError: with the time to ask again. While a scope backs off, AWS is not asked.
        """
        now = self._clock()
        if scope.shared_by not in self._states:
            self._forget(now)
        state = self._states.setdefault(scope.shared_by, _State())
        if token := state.gives(freshness, now):
            return token
        if state.failure and state.failure.retry_at and timedelta() < state.failure.retry_at - now <= self._longest:
            raise state.failure.again()
        if state.call is None:
            state.call = asyncio.create_task(self._call(scope, state, asker), name=f"token {scope}")
        try:
            return await asyncio.shield(state.call)
        except TokenError as error:
            raise error.again() from None

    def _forget(self, now: datetime) -> None:
        """Drops scopes that nobody asks for any more, such as those of keys that were replaced."""
        for scope, state in list(self._states.items()):
            failed_at = state.failure.retry_at if state.failure else None
            recent = (state.token and not state.token.expired(now)) or (failed_at and now < failed_at + REMEMBERED)
            if state.call is None and not recent:
                del self._states[scope]

    async def _call(self, scope: Scope, state: _State, asker: Key) -> Token:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with self._calls, asyncio.timeout(CALL_SECONDS):
                token = await self._fetch(scope, asker)
        except (TokenError, TimeoutError) as error:
            failure = self._failed(state, error, scope)
            self._observer.asked_aws(scope, loop.time() - started, failure)
            raise failure.again() from None  # the traceback of the one that is kept would keep the keys in memory
        except Exception:
            state.failures += 1
            raise
        finally:
            state.call = None
            parked, state.parked = state.parked, {}
            for key, patient in parked.items():
                self._wake(key, patient=patient)
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
