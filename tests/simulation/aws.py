"""A simulated AWS at the port `Fetch`: identities, expiring tokens, throttling, outages, and a record of calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Protocol

from ecr_secret_operator.domain.identity.identity import AccountRole, AssumedRole, StoredKeys
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.resource import Key
from ecr_secret_operator.domain.tokens.token import Sensitive, Token
from ecr_secret_operator.errors import TokenError
from ecr_secret_operator.reasons import Reason

from .loop import PROCESS, running

CANARY = "canary-of-the-simulation"
"""Is part of each token and each key: it may be found in Secrets only."""

HUNG_SECONDS = 300.0


class Proofs(Protocol):
    """Gives ServiceAccount tokens, as `kube.accounts.AccountTokens` does."""

    async def of(self, identity: AccountRole) -> Sensitive:
        """Requests a token of the ServiceAccount. Raises TokenError."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A token that AWS issued. Times are those of AWS (UTC)."""

    number: int
    password: str
    scope: Scope
    issued_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Call:
    """A call that ended, or was given up."""

    at: float
    replica: str
    scope: Scope
    requester: Key
    token: Issued | None


@dataclass(slots=True)
class Weather:
    """What is wrong with AWS now. Each lasts until a time of the loop's clock.

    Attributes:
        down_until: no call is answered with a token.
        hung_until: no call is answered at all.
        slow_until: answers take seconds.
        throttled_until: most calls are throttled.
    """

    down_until: float = 0.0
    hung_until: float = 0.0
    slow_until: float = 0.0
    throttled_until: float = 0.0

    @property
    def clear_at(self) -> float:
        """When all of it is over."""
        return max(self.down_until, self.hung_until, self.slow_until, self.throttled_until)


@dataclass(slots=True)
class SimulatedAws:
    """AWS.

    Attributes:
        random: draws latencies and which calls are throttled.
        skew: what its clock is ahead of the true time.
        lifetime: of tokens.
        role_lifetime: of tokens of roles: a session may end earlier.
        ambient: whether the operator has an identity of its own.
        trusted: roles that the operator may assume, each with the external id that it needs; empty for none.
        account_roles: roles that ServiceAccounts may assume, each with the subjects that it trusts.
        keys: the valid keys, by access key id.
        calls: all calls, in order.
        issued: all tokens, by password.
    """

    random: Random
    skew: timedelta = timedelta(0)
    lifetime: timedelta = timedelta(hours=12)
    role_lifetime: timedelta = timedelta(hours=12)
    ambient: bool = True
    weather: Weather = field(default_factory=Weather)
    trusted: dict[str, str] = field(default_factory=dict)
    account_roles: dict[str, set[str]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    issued: dict[str, Issued] = field(default_factory=dict)
    listeners: list[Callable[[Call], None]] = field(default_factory=list)

    def now(self) -> datetime:
        """The clock of AWS."""
        return running().utc() + self.skew

    def fetch_of(self, proofs: Proofs, clock: Callable[[], datetime]) -> SimulatedFetch:
        """What a replica requests tokens with.

        Args:
            proofs: gives the ServiceAccount tokens.
            clock: of the replica's machine.
        """
        return SimulatedFetch(self, proofs, clock)

    def recorded(self, scope: Scope, requester: Key, token: Issued | None) -> None:
        """Records a call."""
        call = Call(running().since_boot(), PROCESS.get(), scope, requester, token)
        self.calls.append(call)
        for listener in self.listeners:
            listener(call)

    def issue(self, scope: Scope) -> Issued:
        """Issues a token. Raises TokenError if the identity may not have one."""
        self._check_identity(scope)
        number = len(self.issued) + 1
        role = bool(scope.identity.role_arn)
        now = self.now().replace(microsecond=0)
        expires = now + (self.role_lifetime if role else self.lifetime)
        token = Issued(number, f"{CANARY}-token-{number}", scope, now, expires)
        self.issued[token.password] = token
        return token

    def refuses(self, scope: Scope) -> Reason | None:
        """Why an identity gets no token; None if it gets one."""
        try:
            self._check_identity(scope)
        except TokenError as error:
            return error.reason
        return None

    def _check_identity(self, scope: Scope) -> None:
        identity = scope.identity
        if isinstance(identity, AssumedRole):
            wanted = self.trusted.get(identity.role_arn)
            if not self.ambient or wanted is None or wanted != identity.external_id:
                raise _denied(f"AssumeRole of {identity.role_arn}")
        elif isinstance(identity, AccountRole):
            subject = f"{identity.namespace}/{identity.service_account}"
            if subject not in self.account_roles.get(identity.role_arn, ()):
                raise _denied(f"AssumeRoleWithWebIdentity of {identity.role_arn} to {subject}")
        elif isinstance(identity, StoredKeys):
            keys = identity.keys
            if self.keys.get(keys.access_key_id) != keys.secret_access_key.reveal():
                raise TokenError(
                    f"AWS does not accept the keys in Secret {identity.secret}", reason=Reason.IDENTITY_UNAVAILABLE
                )
        elif not self.ambient:
            raise TokenError("the operator has no AWS credentials", reason=Reason.IDENTITY_UNAVAILABLE)


class SimulatedFetch:
    """Implements the port `Fetch` for one replica."""

    def __init__(self, aws: SimulatedAws, proofs: Proofs, clock: Callable[[], datetime]) -> None:
        self._aws = aws
        self._proofs = proofs
        self._clock = clock

    async def __call__(self, scope: Scope, requester: Key) -> Token:
        """Requests a new token. Raises TokenError."""
        if isinstance(scope.identity, AccountRole):
            await self._proofs.of(scope.identity)
        aws, issued = self._aws, None
        try:
            await self._latency()
            issued = aws.issue(scope)
        finally:
            aws.recorded(scope, requester, issued)
        await asyncio.sleep(aws.random.uniform(0.01, 0.1))  # the answer is on its way, and the token exists
        issued_at = self._clock().replace(microsecond=0)
        if issued.expires_at <= issued_at:
            raise TokenError("AWS gave a token that has expired already", reason=Reason.AWS_UNAVAILABLE)
        return Token(password=Sensitive(issued.password), issued_at=issued_at, expires_at=issued.expires_at)

    async def _latency(self) -> None:
        """The way to AWS, and its weather. Raises TokenError."""
        weather, random, now = self._aws.weather, self._aws.random, running().since_boot()
        if now < weather.hung_until:
            await asyncio.sleep(HUNG_SECONDS)
        slow = now < weather.slow_until
        await asyncio.sleep(random.uniform(5.0, 35.0) if slow else random.uniform(0.02, 0.3))
        if now < weather.down_until:
            raise TokenError("AWS cannot be reached", reason=Reason.AWS_UNAVAILABLE)
        if now < weather.throttled_until and random.random() < 0.7:
            raise TokenError("AWS failed (ThrottlingException)", reason=Reason.AWS_UNAVAILABLE)


def _denied(what: str) -> TokenError:
    return TokenError(f"AWS refused {what} (AccessDenied)", reason=Reason.AWS_ACCESS_DENIED)
