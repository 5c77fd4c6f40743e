"""A token source with its AWS, clock and observer, for the tests of how calls are shared."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from ecr_secret_operator.aws.source import TokenSource
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.resource import Key
from ecr_secret_operator.domain.tokens.schedule import wanted
from ecr_secret_operator.domain.tokens.token import Token
from ecr_secret_operator.errors import TokenError
from ecr_secret_operator.reasons import Reason
from ecr_secret_operator.runtime.threads import in_thread
from tests.factories import NOW, a_key, a_token

OHIO = Scope("aws", "us-east-2")
IRELAND = Scope("aws", "eu-west-1")
ANY = wanted(timedelta(hours=6), newer_than=None)
KEY = a_key()


class World:
    """AWS, the clock and the observer, as a test sets them."""

    def __init__(self) -> None:
        self.now = NOW
        self.calls: list[Scope] = []
        self.told: list[tuple[Scope, TokenError | None]] = []
        self.error: Exception | None = None
        self.woken: list[tuple[Key, bool]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.source = TokenSource(self.fetch, clock=self.clock, observer=self, wake=self.wake)

    def clock(self) -> datetime:
        return self.now

    async def fetch(self, scope: Scope, requester: Key) -> Token:
        assert requester == KEY
        return await in_thread(lambda: self.ask(scope), name="aws")

    def ask(self, scope: Scope) -> Token:
        self.calls.append(scope)
        self.gate.wait(10)
        if self.error:
            raise self.error
        return a_token(issued_at=self.now, password=f"token {len(self.calls)} for {scope}")

    def asked_aws(self, scope: Scope, seconds: float, failure: TokenError | None) -> None:
        assert seconds >= 0
        self.told.append((scope, failure))

    def wake(self, key: Key, /, *, low_priority: bool = False) -> None:
        self.woken.append((key, low_priority))

    def fails(self, reason: Reason = Reason.AWS_UNAVAILABLE, text: str = "AWS is down") -> None:
        self.error = TokenError(text, reason=reason)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in a thread
            await asyncio.sleep(0.002)


async def refusal(world: World, scope: Scope = OHIO) -> TokenError:
    with pytest.raises(TokenError) as caught:
        await world.source.token(scope, ANY, KEY)
    return caught.value
