"""The story: observe, decide, act, tell. Imports the domain only; the world comes in through its ports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from ...api.model import CommonSpec
from ...domain.identity.authorization import audited
from ...domain.resource import InvalidSpec, Key, Resource
from ...domain.secret.conflict import (
    CONFLICT_RETRY,
    Claim,
    claim,
    conflict_retry,
    conflicted,
    held,
    is_worth_keeping,
    needs_replacing,
)
from ...domain.secret.deletion import terminating
from ...domain.secret.plan import (
    Observed,
    Plan,
    Write,
    at_rest,
    decide,
    hosts_missing_token,
    intact,
    merge_failures,
    named,
    newest,
    refresh_requested,
)
from ...domain.secret.removal import secret_removed, why_removed, withdrawn
from ...domain.secret.render import Desired, differences, render
from ...domain.secret.rivals import gives_way, taken
from ...domain.secret.stored import StoredSecret, StoredToken, StoredTokens
from ...domain.status.conditions import next_status
from ...domain.status.events import events, recorded, slow_event
from ...domain.status.outcome import Happened, Outcome
from ...domain.status.reported import Reported
from ...domain.status.timing import next_look, too_soon_to_tell
from ...domain.tokens.schedule import LONGEST_SPACING, replaces
from ...domain.tokens.token import Token
from ...errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Forbidden,
    Internal,
    Invalid,
    NotFound,
    TokenError,
    Unavailable,
)
from ...reasons import FROM_AWS, EventReason, Failure, Reason, Removal
from ...runtime.damping import Damper, contested
from ...runtime.result import AGAIN, AWAITING_TOKEN, DONE, Result

if TYPE_CHECKING:
    from ...domain.ports import Authorizer, Clock, Links, ReconcileObserver, Recorder, Resources, Secrets, Tokens


class SecretReconciler:
    """Brings one resource's Secret and status to what they should be.

    Args:
        resources, secrets, authorizer, tokens, links, recorder, observer, clock: the ports.
        waiting: entered while AWS is waited for, so that others are looked at meanwhile.
        low_priority: whether a key that is being reconciled has low priority.
        claim_slow_report: returns True for one resource of a namespace in which the API server is slow, now and then.
    """

    def __init__(
        self,
        *,
        resources: Resources,
        secrets: Secrets,
        authorizer: Authorizer,
        tokens: Tokens,
        links: Links,
        recorder: Recorder,
        observer: ReconcileObserver,
        clock: Clock,
        waiting: Callable[[Key], AbstractAsyncContextManager[None]] = lambda _key: nullcontext(),
        low_priority: Callable[[Key], bool] = lambda _key: True,
        claim_slow_report: Callable[[Key], bool] = lambda _key: False,
    ) -> None:
        self._low_priority = low_priority
        self._claim_slow_report = claim_slow_report
        self._resources = resources
        self._secrets = secrets
        self._authorizer = authorizer
        self._tokens = tokens
        self._links = links
        self._recorder = recorder
        self._observer = observer
        self._clock = clock
        self._waiting = waiting
        self._remembered: dict[Key, tuple[str, StoredTokens]] = {}
        self._reported = Reported()
        self._refresh_answers: dict[Key, tuple[str, str, dict[str, datetime]]] = {}
        self._failing: dict[Key, tuple[str, datetime]] = {}
        self._damper: Damper[Key] = Damper()

    async def reconcile(self, key: Key) -> Result:
        """Reconciles one resource.

        Raises:
            ApiError: the API server did not answer, so nothing can be said of the resource either.
        """
        observed = self._gather(key)
        if observed is None:
            return DONE  # it was deleted: Kubernetes garbage-collects its Secret
        if observed.authorization.waiting:
            return DONE  # what it waits for wakes it
        plan = decide(observed, now=self._clock())
        write = plan.write
        urgent = write and (write.repairs or write.takes_away)  # must not wait for another resource's call
        if write and not urgent and self._tokens.under_way(write.wants, key, low_priority=self._low_priority(key)):
            return AWAITING_TOKEN  # until that token is there
        try:
            outcome = await self._execute(observed, plan)
        except Conflict:
            return AGAIN  # what was judged is no longer what is stored
        except ApiError as error:
            if isinstance(error, Unavailable) and not isinstance(error, Internal):
                raise
            outcome = Outcome(held=plan.held, failure=error.failure)
        lacking = hosts_missing_token(observed.authorization, outcome.held, self._clock())
        link_status = self._links.link_status(observed.resource)
        refreshed = self._refreshed(observed.resource, outcome)
        reported = audited(observed.authorization, outcome.held or dict(observed.recorded_tokens))
        outcome = replace(
            outcome,
            lacking=lacking,
            refreshed=refreshed,
            audited=reported,
            link_status=link_status,
            terminating=terminating(observed.resource, observed.made),
        )
        self._remember(observed.resource, outcome)
        try:
            await self._publish(observed.resource, outcome)
        except Conflict:
            return AGAIN  # somebody else wrote at the same time, or another resource of this name is there by now
        failed = outcome.failure is not None and outcome.failure.reason is Reason.KUBERNETES_ERROR
        return Result(again_at=next_look(observed.resource, outcome, now=self._clock()), failed=failed)

    def _gather(self, key: Key) -> Observed | None:
        resource = self._resources.get(key)
        if resource is None:
            self._remembered.pop(key, None)
            self._reported.forget(key)
            self._refresh_answers.pop(key, None)
            self._failing.pop(key, None)
            self._damper.forget(key)
            return None
        if not refresh_requested(resource):
            self._refresh_answers.pop(key, None)
        secrets = self._secrets.of(resource)
        remembered, made = self._last_stored(resource), [secret for secret in secrets if secret.made_for(resource)]
        stored = {host: one for secret in made for host, one in secret.stored_tokens.items()}
        return Observed(
            resource=resource,
            secrets=secrets,
            authorization=self._authorizer.authorize(resource, {**remembered, **stored}),
            remembered=remembered,
            released=frozenset(secret.name for secret in secrets if self._released(secret, resource)),
            answered=self._hosts_refreshed(resource, stored),
            rivals=self._resources.rivals(resource),
        )

    def _check_still_wanted(self, resource: Resource, write: Write, answers: Sequence[Token | TokenError]) -> None:
        """Raises Conflict when what AWS was asked for is no longer so, or its answer has died: AWS can take long.

        The token stays cached, and the next reconcile uses it if it still fits.
        """
        present = self._resources.get(resource.key)
        if present is None or _token_inputs(present) != _token_inputs(resource):
            raise Conflict(f"{resource.key} changed while AWS was asked")
        authorization = self._authorizer.authorize(present, {})
        scopes = {login.host: login.scope for login in authorization.logins}
        if authorization.denied or any(scopes.get(want.host) != want.scope for want in write.wants):
            raise Conflict(f"what {resource.key} may use changed while AWS was asked")
        if any(isinstance(answer, Token) and answer.expired(self._clock()) for answer in answers):
            raise Conflict(f"a token for {resource.key} expired before it could be stored")

    def _hosts_refreshed(self, resource: Resource, stored: StoredTokens) -> frozenset[str]:
        """The registries whose stored token answers the present request for a refresh."""
        uid, request, answers = self._refresh_answers.get(resource.key, ("", "", {}))
        if not answers or (uid, request) != (resource.uid, resource.refresh_request):
            return frozenset()
        return frozenset(
            host for host, since in answers.items() if host in stored and stored[host].token.issued_at >= since
        )

    def _released(self, secret: StoredSecret, resource: Resource) -> bool:
        """Whether the resource that a Secret was made for is there, and leaves the name to this one."""
        owner = self._resources.get(secret.owner_key) if secret.managed and secret.owner_key else None
        return owner is not None and gives_way(owner, secret, resource)

    def _last_stored(self, resource: Resource) -> StoredTokens:
        uid, known = self._remembered.get(resource.key, ("", {}))
        return known if uid == resource.uid else {}

    def _remember(self, resource: Resource, outcome: Outcome) -> None:
        if outcome.held:
            self._remembered[resource.key] = (resource.uid, outcome.held)
        elif not resource.selected or (outcome.failure and outcome.failure.reason is Reason.POLICY_DENIED):
            self._remembered.pop(resource.key, None)

    async def _execute(self, observed: Observed, plan: Plan) -> Outcome:
        refused = withdrawn(observed, plan)
        for unwanted in refused:
            await self._remove(observed.resource, unwanted, Removal.TOKEN_DENIED)
        outcome = Outcome(held=plan.held, failure=plan.failure, retry_at=plan.retry_at)
        if plan.write:
            outcome = await self._write(observed, plan, plan.write)
        outcome = self._with_contest_failure(observed.resource, outcome)
        if outcome.held or not plan.write:
            for unwanted in plan.remove:
                if unwanted not in refused:
                    await self._remove(observed.resource, unwanted, why_removed(observed, unwanted))
        return outcome

    async def _write(self, observed: Observed, plan: Plan, write: Write) -> Outcome:
        """Writes the Secret; a repair only if the damper lets it."""
        resource, is_repair = observed.resource, not write.wants and not write.takes_away
        of = f"{resource.uid}/{resource.generation}"
        not_before = self._damper.damaged(resource.key, of, self._clock()) if is_repair else None
        if is_repair and self._damper.is_suspect(resource.key):
            name = write.spec.generated_secret_name
            self._damper.note_others(resource.key, await self._secrets.managers(resource.key.namespace, name))
        if not_before:
            stored = write.stored or await self._out_of_sight(resource, write.spec)
            return Outcome(held=at_rest(stored, write.spec), retry_at=not_before)
        outcome = await self._serve(resource, plan, write)
        if is_repair and outcome.written:
            self._damper.repaired(resource.key, of, self._clock())
        return outcome

    async def _out_of_sight(self, resource: Resource, spec: CommonSpec) -> StoredSecret | None:
        """The resource's Secret that no watch shows, since another client took the operator's label from it."""
        existing = await self._secrets.read(resource.key.namespace, spec.generated_secret_name)
        return existing.stored if existing and existing.stored.made_for(resource) else None

    def _with_contest_failure(self, resource: Resource, outcome: Outcome) -> Outcome:
        """The outcome, and that the Secret is contested while it is."""
        until = self._damper.contested_until(resource.key, self._clock())
        if until is None or isinstance(resource.spec, InvalidSpec):
            return outcome
        what = f"Secret {resource.spec.generated_secret_name}"
        failure = Failure(Reason.SECRET_CONTESTED, contested(what, self._damper.others(resource.key)), (what,))
        return outcome.beside(failure, passing=False, retry_at=until)

    async def _serve(self, resource: Resource, plan: Plan, write: Write) -> Outcome:
        if write.stored is None and conflicted(resource):
            still = await self._still_taken(resource, write)
            if still:
                return still
        answers: Sequence[Token | TokenError] | None = self._tokens.at_hand(write.wants)
        if answers is None:
            async with self._waiting(resource.key):
                answers = await self._tokens.tokens(write.wants, resource.requester)
            self._check_still_wanted(resource, write, answers)
        fetched: dict[str, StoredToken] = {}
        failed: list[tuple[str, TokenError]] = []
        for want, answer in zip(write.wants, answers, strict=True):
            if isinstance(answer, Token):
                fetched[want.host] = StoredToken.of(want.scope, answer)
            else:
                failed.append((want.host, answer))
        told = [named(host, error.failure, write.spec) for host, error in failed]
        failure = merge_failures([*write.problems, *told])
        passing = not write.problems and FROM_AWS.issuperset(error.reason for _, error in failed)
        retry_at = min((error.retry_at for _, error in failed if error.retry_at), default=None)
        tokens = {**write.keep, **fetched}
        if not tokens and write.takes_away and write.stored:
            await self._remove(resource, write.stored, Removal.TOKEN_DENIED)
            return Outcome(failure=failure, retry_at=retry_at)
        if not tokens:
            return Outcome(held=plan.held, failure=failure, passing=passing, retry_at=retry_at)
        stale = self._note_answers(resource, write, fetched)
        outcome = await self._apply(resource, write, render(resource, write.spec, tokens), theirs=plan.held)
        if stale and not outcome.failure:
            outcome = replace(outcome, retry_at=max(stale) + LONGEST_SPACING)
        return outcome.beside(failure, passing=passing, retry_at=retry_at)

    def _note_answers(self, resource: Resource, write: Write, fetched: StoredTokens) -> Sequence[datetime]:
        """Notes which tokens answer a request for a refresh, before they are stored: that may end without an answer.

        Gives when those that are no newer than what was there were issued: for these it has to wait a moment. While a
        registry fails, the request stands, and the others are not asked once more for it.
        """
        answers, stale = {}, []
        for want in write.wants:
            if want.host in fetched:
                token, kept = fetched[want.host].token, write.keep.get(want.host)
                if replaces(token, want.freshness.newer_than, kept.token if kept else None):
                    answers[want.host] = token.issued_at
                else:
                    stale.append(token.issued_at)
        if answers and refresh_requested(resource):
            uid, request, before = self._refresh_answers.get(resource.key, ("", "", {}))
            same = (uid, request) == (resource.uid, resource.refresh_request)
            noted = {**before, **answers} if same else answers
            self._refresh_answers[resource.key] = (resource.uid, resource.refresh_request, noted)
        return stale

    def _refreshed(self, resource: Resource, outcome: Outcome) -> bool:
        """Whether a request for a refresh is done: once all stored tokens answer it."""
        if isinstance(resource.spec, InvalidSpec) or outcome.failure:
            return False
        answered = self._hosts_refreshed(resource, outcome.held)
        return bool(answered) and answered.issuperset(resource.spec.hosts)

    async def _still_taken(self, resource: Resource, write: Write) -> Outcome | None:
        """Whether the name that was taken is so still: asked before a token is spent on it."""
        existing = await self._secrets.read(resource.key.namespace, write.spec.generated_secret_name)
        if existing is None or self._released(existing.stored, resource):
            return None
        if claim(existing.stored, existing.data, resource, write.spec) is Claim.FOREIGN:
            return self._taken(existing.stored, resource, write)
        return None

    def _taken(self, stored: StoredSecret, resource: Resource, write: Write) -> Outcome:
        now, rivals = self._clock(), self._resources.rivals(resource)
        failure = taken(resource, write.spec.generated_secret_name, stored, rivals)
        return Outcome(failure=failure, retry_at=now + conflict_retry(resource, now))

    async def _apply(self, resource: Resource, write: Write, desired: Desired, *, theirs: StoredTokens) -> Outcome:
        happened = _repaired(desired, write.repairs)
        if write.stored:
            return await self._overwrite(resource, write, write.stored, desired, happened, theirs=theirs)
        try:
            await self._secrets.create(desired)
        except AlreadyExists:
            return await self._claim(resource, write, desired, happened)
        return Outcome(held=desired.held, written=True, happened=happened)

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
        if verdict is Claim.FOREIGN and not self._released(existing.stored, resource):
            return self._taken(existing.stored, resource, write)
        if existing.stored.deleting:
            return Outcome(failure=held(existing.stored), retry_at=self._clock() + CONFLICT_RETRY)
        if happened:
            happened = _repaired(desired, differences(existing.stored, desired))
        if verdict is Claim.UPSTREAM:
            text = f"Secret {desired.name}, which the operator's predecessor made for this resource, was taken over"
            happened = ((EventReason.ADOPTED, text),)
        theirs = intact(existing.stored, resource, write.spec)
        return await self._overwrite(resource, write, existing.stored, desired, happened, theirs=theirs)

    async def _overwrite(
        self,
        resource: Resource,
        write: Write,
        stored: StoredSecret,
        desired: Desired,
        happened: Happened,
        *,
        theirs: StoredTokens,
    ) -> Outcome:
        best = newest(desired.held, theirs)
        if best != desired.held:
            desired = render(resource, write.spec, best)
        if not differences(stored, desired):
            return Outcome(held=desired.held)
        if needs_replacing(stored, desired.secret_type):
            keep = is_worth_keeping(stored, self._clock()) and not write.takes_away
            await self._secrets.replace(stored, desired, keep=keep)
            await self._report_removed(resource, stored, Removal.REPLACED)
            return Outcome(held=desired.held, written=True, happened=happened)
        try:
            await self._secrets.update(stored, desired)
        except (Forbidden, Invalid):
            if write.takes_away:
                # What policy refuses does not stay because an update is refused.
                await self._remove(resource, stored, Removal.TOKEN_DENIED)
            raise
        return Outcome(held=desired.held, written=True, happened=happened)

    async def _remove(self, resource: Resource, stale: StoredSecret, cause: Removal) -> None:
        """Removes a Secret and reports it at once: what comes after may fail."""
        try:
            await self._secrets.delete(stale)
        except NotFound:
            return
        if not stale.deleting:  # one that a finalizer holds was reported when it was first deleted
            await self._report_removed(resource, stale, cause)

    async def _report_removed(self, resource: Resource, stale: StoredSecret, cause: Removal) -> None:
        event = secret_removed(stale, cause)
        self._observer.removed(resource.key, event, cause)
        await self._recorder.record(resource, recorded(resource, [event]))

    async def _publish(self, resource: Resource, outcome: Outcome) -> None:
        shown = replace(outcome, failure=None) if self._hold_back_failure(resource, outcome) else outcome
        gone = not resource.selected and outcome.failure is None
        status = {} if gone else next_status(resource, shown, now=self._clock())
        told = self._reported.new(resource, tuple(events(resource, status, shown)), failing=shown.failure is not None)
        if self._claim_slow_report(resource.key):
            told = (*told, slow_event(resource.key.namespace))
        if status != resource.status:
            try:
                await self._resources.publish(resource, status)
            except NotFound:
                return  # it is gone
            except Invalid as error:
                # An old API server validates the whole of a stored invalid resource: the event has to tell.
                outcome = replace(outcome, failure=outcome.failure or error.failure)
        self._observer.finished(resource, outcome, told)
        stored = recorded(resource, told)
        if stored:
            await self._recorder.record(resource, stored)

    def _hold_back_failure(self, resource: Resource, outcome: Outcome) -> bool:
        """Whether a failure is not told of yet: it has only just begun, and harms nobody so far."""
        if outcome.failure is None:
            self._failing.pop(resource.key, None)
            return False
        now = self._clock()
        uid, since = self._failing.get(resource.key, ("", now))
        self._failing[resource.key] = resource.uid, since if uid == resource.uid else now
        return too_soon_to_tell(resource, outcome, self._failing[resource.key][1], now)


def _token_inputs(resource: Resource) -> tuple[str, int, bool, bool]:
    """What of a resource decides which tokens it wants, and where."""
    return resource.uid, resource.generation, resource.selected, resource.deleting


def _repaired(desired: Desired, found: tuple[str, ...]) -> Happened:
    """The event that tells of a repair; none when nothing was repaired."""
    if not found:
        return ()
    return ((EventReason.REPAIRED, f"Secret {desired.name} was restored: {', '.join(found)}"),)
