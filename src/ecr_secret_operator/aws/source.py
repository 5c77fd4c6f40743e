"""The token source: one cached token, one call under way and one back-off for each scope, however many ask."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from ..domain.backoff import Backoff
from ..domain.errors import TokenError
from ..domain.reasons import Reason
from ..domain.schedule import Freshness, serves
from ..domain.token import Scope, Token
from .errors import where

CALL_SECONDS = 30.0
"""After this a call is given up, whatever botocore is doing; its thread ends with its own time-outs."""


class Fetch(Protocol):
    """Gets one token from AWS, blocking."""

    def __call__(self, scope: Scope) -> Token:
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


class TokenSource:
    """Tokens by scope.

    Args:
        fetch: asks AWS; runs in a thread of its own.
        clock: gives the time in UTC.
        observer: is told of each call.
    """

    def __init__(self, fetch: Fetch, *, clock: Callable[[], datetime], observer: CallObserver) -> None:
        self._fetch = fetch
        self._clock = clock
        self._observer = observer
        self._states: dict[Scope, _State] = {}
        self._backoff = Backoff(base=1.0, cap=30.0, floor=0.5)

    async def token(self, scope: Scope, freshness: Freshness) -> Token:
        """A token that does for this freshness: the cached one, the one that is being fetched, or a new one.

        Raises:
            TokenError: with the time to ask again. While a scope backs off, AWS is not asked.
        """
        state = self._states.setdefault(scope, _State())
        now = self._clock()
        if state.token and serves(state.token, freshness, now):
            return state.token
        if state.failure and state.failure.retry_at and now < state.failure.retry_at:
            raise _again(state.failure)
        if state.call is None:
            state.call = asyncio.create_task(self._call(scope, state), name=f"token {scope}")
        try:
            return await asyncio.shield(state.call)
        except TokenError as error:
            raise _again(error) from None

    async def _call(self, scope: Scope, state: _State) -> Token:
        loop = asyncio.get_running_loop()
        started = loop.time()
        try:
            async with asyncio.timeout(CALL_SECONDS):
                token = await in_thread(lambda: self._fetch(scope))
        except (TokenError, TimeoutError) as error:
            failure = self._failed(state, error, scope)
            self._observer.asked_aws(scope, loop.time() - started, failure)
            raise failure from None
        finally:
            state.call = None
        state.token, state.failures, state.failure = token, 0, None
        self._observer.asked_aws(scope, loop.time() - started, None)
        return token

    def _failed(self, state: _State, error: Exception, scope: Scope) -> TokenError:
        state.failures += 1
        retry_at = self._clock() + timedelta(seconds=self._backoff.delay(state.failures, draw=random.random()))
        if isinstance(error, TokenError):
            failure = TokenError(str(error), reason=error.reason, retry_at=retry_at)
        else:
            text = f"{where(scope)} did not answer in time"
            failure = TokenError(text, reason=Reason.AWS_UNAVAILABLE, retry_at=retry_at)
        state.failure = failure
        return failure


def _again(failure: TokenError) -> TokenError:
    """A copy: one exception object raised to many would collect their tracebacks."""
    return TokenError(str(failure), reason=failure.reason, retry_at=failure.retry_at)


async def in_thread(function: Callable[[], Token]) -> Token:
    """Runs a blocking function in a daemon thread: the process can end while AWS hangs, which no executor allows."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Token] = loop.create_future()

    def settle(result: Token | None, error: BaseException | None) -> None:
        if future.done():
            return
        if result is None:
            future.set_exception(error or RuntimeError("no result"))
        else:
            future.set_result(result)

    def run() -> None:
        result, problem = None, None
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - it is handed to whoever waits
            problem = error
        try:
            loop.call_soon_threadsafe(settle, result, problem)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    threading.Thread(target=run, name="aws", daemon=True).start()
    return await future
