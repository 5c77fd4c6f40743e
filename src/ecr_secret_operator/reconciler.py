"""The story: observe, decide, act, tell. Imports the domain only; the world comes in through its ports."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from .domain.decide import (
    Claim,
    Failure,
    Observed,
    Plan,
    Write,
    claim,
    conflict,
    conflict_retry,
    conflicted,
    decide,
    held,
    needs_replacing,
    superseded,
)
from .domain.errors import AlreadyExists, ApiError, Conflict, Invalid, NotFound, TokenError, Unavailable
from .domain.generated import Desired, StoredSecret, differences, render
from .domain.reasons import EventReason, Reason
from .domain.resource import InvalidSpec, Key, Resource
from .domain.schedule import LONGEST_SPACING
from .domain.status import Event, Happened, Outcome, events, next_look, next_status
from .domain.token import Scope, Token

if TYPE_CHECKING:
    from .domain.ports import Clock, Journal, Recorder, Resources, Secrets, Tokens


@dataclass(frozen=True, slots=True)
class Result:
    """What the queue is to do with the key.

    Attributes:
        again_at: when to reconcile it although nothing has changed (UTC); None for never.
        failed: back off and try again soon.
    """

    again_at: datetime | None = None
    failed: bool = False


DONE = Result()
AGAIN = Result(failed=True)


class Reconciler:
    """Brings one resource's Secret and status to what they should be."""

    def __init__(
        self,
        *,
        resources: Resources,
        secrets: Secrets,
        tokens: Tokens,
        recorder: Recorder,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._resources = resources
        self._secrets = secrets
        self._tokens = tokens
        self._recorder = recorder
        self._journal = journal
        self._clock = clock
        self._served: dict[Key, tuple[str, Scope, Token]] = {}
        self._told: dict[Key, tuple[str, frozenset[Event]]] = {}

    async def reconcile(self, key: Key) -> Result:
        """Reconciles one resource.

        Raises:
            ApiError: the API server did not answer, so nothing can be said of the resource either.
        """
        observed = self._gather(key)
        if observed is None:
            return DONE  # ownerReferences clean up
        plan = decide(observed, now=self._clock())
        try:
            outcome = await self._execute(observed.resource, plan)
        except Conflict:
            return AGAIN  # what was judged is no longer what is stored
        except Unavailable:
            raise
        except ApiError as error:
            outcome = Outcome(token=plan.token, failure=Failure(Reason.KUBERNETES_ERROR, str(error)))
        self._remember(observed.resource, outcome)
        await self._publish(observed.resource, outcome)
        failed = outcome.failure is not None and outcome.failure.reason is Reason.KUBERNETES_ERROR
        return Result(again_at=next_look(observed.resource, outcome, now=self._clock()), failed=failed)

    def _gather(self, key: Key) -> Observed | None:
        resource = self._resources.get(key)
        if resource is None or resource.deleting:
            self._served.pop(key, None)
            self._told.pop(key, None)
            return None
        secrets = self._secrets.of(resource)
        return Observed(
            resource=resource,
            secrets=secrets,
            served=self._last_served(resource),
            released=frozenset(secret.name for secret in secrets if self._released(secret)),
        )

    def _released(self, secret: StoredSecret) -> bool:
        """Whether the resource that a Secret was made for is there, and wants another name now."""
        owner = self._resources.get(secret.owner_key) if secret.managed and secret.owner_key else None
        if owner is None or isinstance(owner.spec, InvalidSpec) or not secret.made_for(owner):
            return False
        return owner.spec.generated_secret_name != secret.name

    def _last_served(self, resource: Resource) -> Token | None:
        uid, scope, token = self._served.get(resource.key, (None, None, None))
        if uid != resource.uid or isinstance(resource.spec, InvalidSpec):
            return None
        return token if scope == Scope.of(resource.spec.registry) else None

    def _remember(self, resource: Resource, outcome: Outcome) -> None:
        if outcome.token and not isinstance(resource.spec, InvalidSpec):
            self._served[resource.key] = (resource.uid, Scope.of(resource.spec.registry), outcome.token)

    async def _execute(self, resource: Resource, plan: Plan) -> Outcome:
        outcome = Outcome(token=plan.token, failure=plan.failure, retry_at=plan.retry_at)
        if plan.write:
            outcome = await self._serve(resource, plan, plan.write)
        if outcome.failure is None:
            for stale in plan.remove:
                await self._remove(stale)
        return outcome

    async def _serve(self, resource: Resource, plan: Plan, write: Write) -> Outcome:
        if write.stored is None and conflicted(resource):
            taken = await self._still_taken(resource, write)
            if taken:
                return taken
        token, failure, retry_at = write.token, None, None
        if token is None:
            try:
                token = await self._tokens.token(Scope.of(write.spec.registry), write.freshness)
            except TokenError as error:
                token, failure, retry_at = write.fallback, Failure(error.reason, str(error)), error.retry_at
        if token is None:
            return Outcome(token=plan.token, failure=failure, retry_at=retry_at)
        outcome = await self._apply(resource, write, render(resource, write.spec, token))
        if failure:
            return replace(outcome, failure=outcome.failure or failure, retry_at=outcome.retry_at or retry_at)
        return self._refreshed(outcome, write, token)

    @staticmethod
    def _refreshed(outcome: Outcome, write: Write, token: Token) -> Outcome:
        """Marks a request for a refresh as done, if the token is a newer one; else it has to wait a moment."""
        if outcome.failure or write.token:
            return outcome
        known = write.freshness.newer_than
        if known is None or token.issued_at > known:
            return replace(outcome, refreshed=True)
        return replace(outcome, retry_at=token.issued_at + LONGEST_SPACING)

    async def _still_taken(self, resource: Resource, write: Write) -> Outcome | None:
        """Whether the name that was taken is so still: asked before a token is spent on it."""
        existing = await self._secrets.read(resource.key.namespace, write.spec.generated_secret_name)
        if existing and claim(existing.stored, existing.data, resource, write.spec) is Claim.FOREIGN:
            return self._taken(existing.stored, resource)
        return None

    def _taken(self, stored: StoredSecret, resource: Resource) -> Outcome:
        now = self._clock()
        return Outcome(failure=conflict(stored, resource), retry_at=now + conflict_retry(resource, now))

    async def _apply(self, resource: Resource, write: Write, desired: Desired) -> Outcome:
        happened = _repaired(desired, write.repairs)
        if write.stored:
            return await self._overwrite(resource, write, write.stored, desired, happened)
        try:
            await self._secrets.create(desired)
        except AlreadyExists:
            return await self._claim(resource, write, desired, happened)
        return Outcome(token=desired.token, written=True, happened=happened)

    async def _claim(
        self,
        resource: Resource,
        write: Write,
        desired: Desired,
        happened: Happened,
    ) -> Outcome:
        """The name is taken by a Secret that no watch told of: ours without its label, upstream's, or foreign."""
        existing = await self._secrets.read(desired.namespace, desired.name)
        if existing is None:
            raise Conflict(f"Secret {desired.name} came and went")
        verdict = claim(existing.stored, existing.data, resource, write.spec)
        if verdict is Claim.FOREIGN:
            return self._taken(existing.stored, resource)
        if existing.stored.deleting:
            return Outcome(failure=held(existing.stored))
        if happened:
            happened = _repaired(desired, differences(existing.stored, desired))
        if verdict is Claim.UPSTREAM:
            text = f"Secret {desired.name}, which the operator's predecessor made for this resource, was taken over"
            happened = ((EventReason.ADOPTED, text),)
        return await self._overwrite(resource, write, existing.stored, desired, happened)

    async def _overwrite(
        self,
        resource: Resource,
        write: Write,
        stored: StoredSecret,
        desired: Desired,
        happened: Happened,
    ) -> Outcome:
        newer = superseded(stored, resource, write.spec, desired.token)
        if newer:
            return Outcome(token=newer)
        if not differences(stored, desired):
            return Outcome(token=desired.token)
        if needs_replacing(stored, desired):
            await self._secrets.delete(stored)
            await self._secrets.create(desired)
        else:
            await self._secrets.update(stored, desired)
        return Outcome(token=desired.token, written=True, happened=happened)

    async def _remove(self, stale: StoredSecret) -> None:
        try:
            await self._secrets.delete(stale)
        except NotFound:
            return

    async def _publish(self, resource: Resource, outcome: Outcome) -> None:
        status = next_status(resource, outcome, now=self._clock())
        told = self._not_told_yet(resource, outcome, tuple(events(resource, status, outcome)))
        if status != resource.status:
            try:
                await self._resources.publish(resource, status)
            except (NotFound, Conflict):
                return  # it is gone, or another one of the same name is there
            except Invalid as error:
                # An old API server validates the whole of a stored invalid resource: the event has to tell.
                outcome = replace(outcome, failure=outcome.failure or Failure(Reason.KUBERNETES_ERROR, str(error)))
        self._journal.finished(resource, outcome, told)
        if told:
            await self._recorder.record(resource, told)

    def _not_told_yet(self, resource: Resource, outcome: Outcome, told: tuple[Event, ...]) -> tuple[Event, ...]:
        """Leaves out what was told already: the Go operator's definition keeps no conditions that would show it."""
        uid, known = self._told.get(resource.key, ("", frozenset()))
        lasting = {event for event in told if event.warning or event.reason == EventReason.FREQUENCY_CLAMPED}
        remembered = (known if uid == resource.uid else frozenset()) | lasting
        if outcome.failure is None:
            remembered = frozenset(event for event in remembered if not event.warning)
        if remembered:
            self._told[resource.key] = (resource.uid, remembered)
        else:
            self._told.pop(resource.key, None)
        return tuple(event for event in told if uid != resource.uid or event not in known)


def _repaired(desired: Desired, found: tuple[str, ...]) -> Happened:
    """The event that tells of a repair; none when nothing was repaired."""
    if not found:
        return ()
    return ((EventReason.REPAIRED, f"Secret {desired.name} was restored: {', '.join(found)}"),)
