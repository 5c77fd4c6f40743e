"""A resource that is reconciled, over objects in memory and a token source that a test sets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ecr_secret_operator.controllers.secret.ports import Ports
from ecr_secret_operator.controllers.secret.reconciler import SecretReconciler
from ecr_secret_operator.domain.identity.authorization import WAITING, Authorization
from ecr_secret_operator.domain.links import LinkedAccount
from ecr_secret_operator.domain.ports import Authorizer
from ecr_secret_operator.domain.resource import Key, Resource, condition_of
from ecr_secret_operator.domain.secret.annotations import StoredTokens
from ecr_secret_operator.domain.secret.registries import Want
from ecr_secret_operator.domain.status.events import Event
from ecr_secret_operator.domain.status.outcome import Outcome
from ecr_secret_operator.domain.tokens.token import Token
from ecr_secret_operator.errors import (
    ApiError,
    NotFound,
    TokenError,
)
from ecr_secret_operator.reasons import Reason, Removal
from ecr_secret_operator.runtime.result import Result

from ..factories import NOW, a_token
from ..scenes import GROUP, Scene

KEY = Key("Secret", "team-a", "pull")
RESOURCE = f"{GROUP}/namespaces/team-a/secrets/pull"
SECRET = "/api/v1/namespaces/team-a/secrets/ecr-pull"
REFUSED = TokenError("AWS refused", reason=Reason.AWS_ACCESS_DENIED)


@dataclass
class Aws:
    """The token source: gives a token for each want, unless a registry has an error."""

    clock: Callable[[], datetime]
    errors: dict[str, TokenError] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    requesters: list[Key] = field(default_factory=list)
    joined: list[tuple[Key, bool]] = field(default_factory=list)
    fetching: bool = False
    cached: bool = False
    meanwhile: Callable[[], Awaitable[None]] | None = None

    def _token(self) -> Token:
        return a_token(issued_at=self.clock())

    def at_hand(self, wants: Sequence[Want]) -> list[Token] | None:
        return [self._token() for _ in wants] if self.cached or not wants else None

    def join_calls(self, wants: Sequence[Want], key: Key, *, low_priority: bool) -> bool:
        self.joined.append((key, low_priority))
        return self.fetching and bool(wants)

    async def tokens(self, wants: Sequence[Want], requester: Key) -> list[Token | TokenError]:
        self.asked += [want.host for want in wants]
        self.requesters.append(requester)
        answers = [self.errors.get(want.host) or self._token() for want in wants]
        if self.meanwhile:
            await self.meanwhile()
        return answers


class Waits:
    """An authorizer that has not read yet what a resource names."""

    def authorize(self, resource: Resource, stored: StoredTokens) -> Authorization:
        return WAITING


@dataclass
class Case:
    """One operator with one scene, a clock that a test sets, and what it reports.

    Attributes:
        key: what is reconciled, unless a test says otherwise; all that is reported is about it.
    """

    scene: Scene = field(default_factory=Scene)
    key: Key = KEY
    now: datetime = NOW
    events: list[Event] = field(default_factory=list)
    removed_for: list[Removal] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    slow: bool = False
    low_priority: bool = True
    waited: list[Key] = field(default_factory=list)
    authorizer: Authorizer | None = None

    def __post_init__(self) -> None:
        self.aws = Aws(lambda: self.now)
        self.wire = self.scene.wire
        self.restart()

    def restart(self) -> None:
        state = self.scene.state
        self.reconciler = SecretReconciler(
            Ports(
                resources=state.resources,
                secrets=state.secrets,
                authorizer=self.authorizer or state.dependencies,
                tokens=self.aws,
                links=state.service_accounts,
                recorder=self,
                observer=self,
                clock=lambda: self.now,
                waiting=self._waiting,
                low_priority=self._is_low_priority,
                claim_slow_report=self._claim_slow_report,
            )
        )

    @asynccontextmanager
    async def _waiting(self, key: Key) -> AsyncIterator[None]:
        self.waited.append(key)
        yield

    def _is_low_priority(self, key: Key) -> bool:
        assert key == self.key
        return self.low_priority

    def _claim_slow_report(self, key: Key) -> bool:
        assert key == self.key
        return self.slow

    async def record(self, about: Resource | LinkedAccount, events: Sequence[Event]) -> None:
        assert about.key == self.key
        self.events += events

    def finished(self, resource: Resource, outcome: Outcome, told: Sequence[Event]) -> None:
        assert resource.key == self.key
        assert all(isinstance(event, Event) for event in told)
        self.outcomes.append(outcome)

    def removed(self, key: Key, event: Event, cause: Removal) -> None:
        assert (key, event.reason) == (self.key, "SecretRemoved")
        self.removed_for.append(cause)

    async def reconcile(self, after: float = 0, *, key: Key = KEY) -> Result:
        """Reconciles, some seconds later, and lets what was written be seen."""
        self.now += timedelta(seconds=after)
        self.key = key
        result = await self.reconciler.reconcile(key)
        await self.scene.settle()
        return result

    def fail(self, method: str, plural: str, error: ApiError) -> None:
        self.wire.errors.append((method, plural, error))

    def condition(self, kind: str = "Ready", *, key: Key = KEY) -> dict[str, Any]:
        return dict(condition_of(self.scene.get(key.kind, key.namespace, key.name).status, kind))

    async def metadata(self) -> dict[str, Any]:
        """The metadata of the generated Secret."""
        found = await self.secret()
        assert found
        return dict(found["metadata"])

    async def damage(self, **change: Any) -> None:
        """Changes the generated Secret, as another client does."""
        found = await self.secret()
        assert found
        self.wire.put(SECRET, {**found, **change})
        await self.scene.settle()

    @property
    def reasons(self) -> list[str]:
        return [event.reason for event in self.events]

    async def secret(self, path: str = SECRET) -> dict[str, Any] | None:
        try:
            return await self.wire.get(path, dict[str, Any])
        except NotFound:
            return None


@asynccontextmanager
async def a_case(*, served: bool = False, **spec: Any) -> AsyncIterator[Case]:
    """A resource that is new, or that is served already."""
    case = Case()
    case.scene.resource(status={}, **spec)
    async with case.scene.watching():
        if served:
            await case.reconcile()
            case.events.clear()
            case.wire.writes.clear()
            case.aws.asked.clear()
        yield case


async def request_refresh(case: Case, value: str = "now") -> None:
    """Sets the refresh annotation, as `refresh` does."""
    found = await case.wire.get(RESOURCE, dict[str, Any])
    found["metadata"]["annotations"] = {"ecr.mobb.redhat.com/refresh": value}
    case.wire.put(RESOURCE, found)
    await case.scene.settle()
