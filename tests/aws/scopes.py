"""A token source with identities of several kinds, and a fake AWS that counts."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from ecr_secret_operator.aws import source as module
from ecr_secret_operator.aws.source import TokenSource
from ecr_secret_operator.domain.identity.identity import Identity
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.resource import Key
from ecr_secret_operator.domain.secret.registries import Want
from ecr_secret_operator.domain.tokens.schedule import wanted
from ecr_secret_operator.domain.tokens.token import Token
from ecr_secret_operator.errors import TokenError
from ecr_secret_operator.reasons import Reason
from ecr_secret_operator.runtime.queue import ignore
from tests.factories import a_token
from tests.virtual_time import running

ANY = wanted(timedelta(hours=6), newer_than=None)


def at(identity: Identity) -> Scope:
    return Scope("aws", "us-east-2", identity)


def wants(*scopes: Scope) -> list[Want]:
    return [Want(f"host-{number}", scope, ANY) for number, scope in enumerate(scopes)]


class Aws:
    """AWS: answers after a while, or refuses; remembers who asked. Time is the loop's."""

    def __init__(self) -> None:
        self.calls: list[tuple[Scope, Key]] = []
        self.seconds: dict[Scope, float] = {}
        self.refused: set[Scope] = set()
        self.told: list[tuple[Scope, str]] = []
        self.source = TokenSource(self.fetch, clock=self.now, observer=self, wake=ignore)

    def now(self) -> datetime:
        return running().now()

    async def fetch(self, scope: Scope, requester: Key) -> Token:
        self.calls.append((scope, requester))
        number = len(self.calls)
        await asyncio.sleep(self.seconds.get(scope, 0.0))
        if scope in self.refused:
            raise TokenError("AWS refused it", reason=Reason.AWS_ACCESS_DENIED)
        return a_token(issued_at=self.now(), password=f"token {number}")

    def asked_aws(self, scope: Scope, seconds: float, failure: TokenError | None) -> None:
        assert seconds <= module.CALL_SECONDS
        self.told.append((scope, str(failure or "ok")))

    @property
    def asked(self) -> list[Scope]:
        return [scope for scope, _ in self.calls]


def kept(source: TokenSource) -> set[tuple[object, ...]]:
    """Looks inside: that nothing is kept for ever cannot be seen from outside."""
    return set(source._states._states)  # noqa: SLF001
