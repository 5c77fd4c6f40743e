"""What a resource says of itself: status, conditions and events, from the outcome of a reconcile. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from ...api.duration import format_duration
from ...api.model import CommonSpec
from ...reasons import NEEDS_A_PERSON, OF_LINKS, EventReason, Failure, Reason
from ..links import LinkStatus
from ..resource import InvalidSpec, Resource, condition_of, text_of
from ..secret.generated import StoredTokens, format_time
from ..tokens.schedule import due_at, is_clamped, safe_interval
from ..tokens.token import Token

READY = "Ready"
REFRESHING = "Refreshing"
POLICY_ALLOWED = "PolicyAllowed"
"""Only there while enforcing the AccessPolicies in mode Audit would deny or change something of the resource."""
LINKED = "Linked"
"""Only there when the spec names ServiceAccounts to link."""
TERMINATING = "Terminating"
"""Only there, and True, while the resource or a Secret of it is being deleted and finalizers hold it."""

_HAPPENED = frozenset(
    (EventReason.REPAIRED, EventReason.ADOPTED, EventReason.SECRET_REMOVED, EventReason.NAMESPACE_SLOW)
)
_NEVER_READY = frozenset((Reason.INVALID_SPEC, Reason.SECRET_CONFLICT, Reason.POLICY_DENIED))

SOONEST_LOOK = timedelta(seconds=1)
"""Not even a token that lives a second makes a hot loop."""

PATIENCE = timedelta(seconds=10)
PATIENT_PART = 10
"""AWS may fail for so long, and for this part of a token's life, before a resource that has a valid token says so."""

Status = Mapping[str, Any]
Happened = tuple[tuple[EventReason, str], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reconcile achieved.

    Attributes:
        held: the tokens that are stored in an intact Secret now.
        lacking: the registries that have no valid token there.
        failure: what went wrong, if anything.
        passing: whether all of that is what AWS says, or that it says nothing: another attempt may go better.
        written: whether the Secret was written just now.
        refreshed: whether the token source gave all tokens, so that a request for a refresh is done.
        happened: things beyond the conditions, with a sentence each.
        retry_at: when to try again (UTC); None when only a change helps.
        audited: what AccessPolicies in mode Audit would deny or change if they were enforced; empty for nothing.
        link_status: how the links of the spec stand; None when it has none.
        terminating: what is being deleted and is still there, in a sentence; empty for nothing.
    """

    held: StoredTokens = field(default_factory=dict)
    lacking: tuple[str, ...] = ()
    failure: Failure | None = None
    passing: bool = False
    written: bool = False
    refreshed: bool = False
    happened: Happened = ()
    retry_at: datetime | None = None
    audited: str = ""
    link_status: LinkStatus | None = None
    terminating: str = ""

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens that are stored."""
        return tuple(one.token for one in self.held.values())

    @property
    def first(self) -> Token | None:
        """The one of them that expires first."""
        return min(self.tokens, key=lambda token: token.expires_at, default=None)

    def beside(self, failure: Failure | None, *, passing: bool, retry_at: datetime | None) -> Outcome:
        """This, with what failed beside it: what this failed at itself comes first, and is nothing that passes."""
        if failure is None:
            return self
        passing = passing and self.failure is None
        return replace(self, failure=self.failure or failure, passing=passing, retry_at=self.retry_at or retry_at)

    def good(self, now: datetime) -> bool:
        """Whether every registry has a valid token."""
        first = self.first
        return first is not None and not first.expired(now) and not self.lacking


@dataclass(frozen=True, slots=True)
class Event:
    """Something to tell of a resource.

    Attributes:
        reason, message: of the event.
        warning: whether a person may have to act.
        causes: what makes this the same event as another one (see `Failure`); empty where the message does.
    """

    reason: str
    message: str
    warning: bool
    causes: tuple[str, ...] = ()

    @property
    def identity(self) -> frozenset[str]:
        """One element for each thing that is reported: two events with the same ones report the same."""
        return frozenset(f"{self.reason}: {cause}" for cause in self.causes or (self.message,))


def next_status(resource: Resource, outcome: Outcome, *, now: datetime) -> Status:
    """The status that follows from an outcome; equal to the stored one when nothing has changed."""
    old, spec, token = resource.status, resource.spec, outcome.first
    suspended = not isinstance(spec, InvalidSpec) and spec.suspend
    ready, refreshing = _conditions(spec, outcome, now)
    status: dict[str, Any] = {
        "phase": _phase(ready, outcome.failure, suspended=suspended),
        "observedGeneration": resource.generation,
        "conditions": [
            condition(old, READY, ready, resource.generation, now),
            condition(old, REFRESHING, refreshing, resource.generation, now),
            *_audit(old, outcome, resource.generation, now),
            *_links(old, outcome, resource, now),
            *_terminating(old, outcome, resource.generation, now),
        ],
    }
    if outcome.written:
        status["lastUpdatedTime"] = format_time(now)
    elif text_of(old, "lastUpdatedTime") or token:
        status["lastUpdatedTime"] = text_of(old, "lastUpdatedTime") or format_time(token.issued_at if token else now)
    if token:
        status["expiresAt"] = format_time(token.expires_at)
    if token and not isinstance(spec, InvalidSpec) and not suspended:
        due = [due_at(one, spec.interval, seed=resource.uid) for one in outcome.tokens]
        status["nextRefreshTime"] = format_time(min(due))
    handled = resource.refresh_request if outcome.refreshed else text_of(old, "lastHandledRefresh")
    if handled:
        status["lastHandledRefresh"] = handled
    return status


def _audit(old: Status, outcome: Outcome, generation: int, now: datetime) -> list[dict[str, Any]]:
    if not outcome.audited:
        return []
    value = (False, Reason.POLICY_DENIED, f"reported only, because an AccessPolicy is in mode Audit: {outcome.audited}")
    return [condition(old, POLICY_ALLOWED, value, generation, now)]


def _terminating(old: Status, outcome: Outcome, generation: int, now: datetime) -> list[dict[str, Any]]:
    value = (True, Reason.TERMINATING, outcome.terminating)
    return [condition(old, TERMINATING, value, generation, now)] if outcome.terminating else []


def _links(old: Status, outcome: Outcome, resource: Resource, now: datetime) -> list[Mapping[str, Any]]:
    link_status, spec = outcome.link_status, resource.spec
    value: Value
    if link_status is None or isinstance(spec, InvalidSpec):
        return []
    if outcome.failure and outcome.failure.reason in (Reason.POLICY_DENIED, Reason.SECRET_CONFLICT):
        value = (False, outcome.failure.reason, f"nothing is linked: {outcome.failure.message}")
    elif link_status.failed:
        value = (False, Reason.KUBERNETES_ERROR, "; ".join(sentence for _, sentence in link_status.failed))
    elif link_status.pending and spec.suspend:
        value = (False, Reason.SUSPENDED, "spec.suspend is true: nothing is linked until this is false again")
    elif link_status.pending or link_status.unseen:
        stored = condition_of(old, LINKED)
        return [stored] if stored else []
    elif link_status.absent:
        text = f"ServiceAccounts that do not exist: {', '.join(link_status.absent)}. Each is linked as soon as it does"
        value = (False, Reason.ACCOUNT_MISSING, text)
    else:
        text = f"Secret {spec.generated_secret_name} is linked to {', '.join(link_status.linked)}"
        value = (True, Reason.LINKED, text)
    return [condition(old, LINKED, value, resource.generation, now)]


Value = tuple[bool, Reason, str]
"""Status, reason and message of a condition."""


def _conditions(spec: CommonSpec | InvalidSpec, outcome: Outcome, now: datetime) -> tuple[Value, Value]:
    failure, good = outcome.failure, outcome.good(now)
    if isinstance(spec, InvalidSpec) or (failure and (failure.reason in _NEVER_READY or not good)):
        broken = failure or Failure(Reason.INVALID_SPEC, "the spec is invalid")
        return (False, broken.reason, broken.message), (False, broken.reason, broken.message)
    if spec.suspend:
        kept = good or any(not token.expired(now) for token in outcome.tokens)
        what = "the stored token is kept" if kept else "no valid token is stored"
        text = f"spec.suspend is true: {what} and nothing is refreshed"
        return (good, Reason.SUSPENDED, text), (False, Reason.SUSPENDED, text)
    ready = (good, Reason.REFRESHED, _served_message(spec, outcome.first, good=good))
    if failure:
        return ready, (False, failure.reason, failure.message)
    return ready, (True, Reason.REFRESHED, "The token is refreshed on schedule")


def _served_message(spec: CommonSpec, token: Token | None, *, good: bool) -> str:
    what = "a valid token" if good else "a token that has expired, which is being replaced,"
    hosts = spec.hosts
    where = hosts[0] if len(hosts) == 1 else f"each of {len(hosts)} registries"
    text = f"Secret {spec.generated_secret_name} holds {what} for {where}"
    if token and is_clamped(spec.interval, token.lifetime):
        text = f"{text}. {clamped_message(spec, token)}"
    return f"{text}. {spec.caution}" if spec.caution else text


def clamped_message(spec: CommonSpec, token: Token) -> str:
    """The sentence that says that, and why, a frequency is not kept as it is written."""
    lifetime = _to_the_minute(token.lifetime)
    return (
        f"{_clamped(spec)} for a token that lives"
        f" {format_duration(lifetime)}: it is refreshed every {format_duration(safe_interval(lifetime))}"
    )


def _to_the_minute(lifetime: timedelta) -> timedelta:
    """A lifetime as it is reported. The time that AWS took to answer is part of what is measured."""
    return timedelta(minutes=round(lifetime / timedelta(minutes=1))) or lifetime


def clamped_in(spec: CommonSpec | InvalidSpec, status: Status) -> str:
    """That sentence, where a status says it of this spec; else empty."""
    if isinstance(spec, InvalidSpec):
        return ""
    _, begins, rest = str(condition_of(status, READY).get("message")).partition(_clamped(spec))
    return begins + rest


def _clamped(spec: CommonSpec) -> str:
    return f"frequency {spec.frequency} is longer than is safe"


def _phase(ready: Value, failure: Failure | None, *, suspended: bool) -> str:
    if failure is None and suspended:
        return "Suspended"
    if ready[0]:
        return "Updated"
    return "Error" if failure and failure.reason in NEEDS_A_PERSON else "Pending"


def condition(old: Status, kind: str, value: Value, generation: int, now: datetime) -> dict[str, Any]:
    """A condition with this value; it keeps the transition time of the one before where its status is the same."""
    state, reason, message = value
    stored, status = condition_of(old, kind), "True" if state else "False"
    since = text_of(stored, "lastTransitionTime") if stored.get("status") == status else ""
    return {
        "type": kind,
        "status": status,
        "reason": str(reason),
        "message": message,
        "observedGeneration": generation,
        "lastTransitionTime": since or format_time(now),
    }


def next_look(resource: Resource, outcome: Outcome, *, now: datetime) -> datetime | None:
    """When the resource has to be reconciled again although nothing changes: for a retry, a refresh, or an expiry."""
    spec, times = resource.spec, [outcome.retry_at]
    resting = isinstance(spec, InvalidSpec) or spec.suspend
    if resting or outcome.failure:
        times.extend(token.expires_at for token in outcome.tokens if not token.expired(now))
    if not isinstance(spec, InvalidSpec) and not spec.suspend:
        due = [due_at(token, spec.interval, seed=resource.uid) for token in outcome.tokens]
        times.extend(moment for moment in due if moment > now or not outcome.failure)
    soonest = min((moment for moment in times if moment), default=None)
    return max(soonest, now + SOONEST_LOOK) if soonest else None


def too_soon_to_tell(resource: Resource, outcome: Outcome, since: datetime, now: datetime) -> bool:
    """Whether a refresh that fails is not told of yet: AWS has just begun to fail, and nobody is without a token.

    Else a moment's failure would cost, for each resource that is due, four writes: that it fails, and that it is over.
    The one who asked for a refresh is told at once, as is everybody who has been told of a failure before.

    Args:
        resource: as it is stored.
        outcome: of this attempt.
        since: when the first of the attempts failed.
        now: the time.
    """
    spec, token, refreshing = resource.spec, outcome.first, condition_of(resource.status, REFRESHING)
    if isinstance(spec, InvalidSpec) or not outcome.passing or token is None or not outcome.good(now):
        return False
    as_told = refreshing.get("status") == "True" and refreshing.get("observedGeneration") == resource.generation
    asked = resource.refresh_request not in ("", text_of(resource.status, "lastHandledRefresh"))
    patience = min(PATIENCE, token.lifetime / PATIENT_PART)
    due = min(due_at(one, spec.interval, seed=resource.uid) for one in outcome.tokens)
    return as_told and not asked and since <= now < min(since, due) + patience


def status_patch(old: Status, new: Status) -> dict[str, Any]:
    """The JSON merge patch from one status to the next: what is gone is null."""
    return {**dict.fromkeys(old.keys() - new.keys()), **new}


def recorded(resource: Resource, told: Iterable[Event]) -> tuple[Event, ...]:
    """Which of the events are stored as such: of a placement, only what happened to it.

    How it stands is told of the cluster resource as a whole, or five hundred namespaces would say the same.
    """
    if resource.cluster is None:
        return tuple(told)
    where = f"In namespace {resource.key.namespace}: "
    return tuple(replace(one, message=where + one.message) for one in told if one.reason in _HAPPENED)


def slow_event(namespace: str) -> Event:
    """The event that reports a namespace in which the API server is slow."""
    text = (
        f"The API server is slow for requests in namespace {namespace}. An admission webhook may be the cause: see"
        " kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations. The operator makes few requests at"
        " a time in this namespace, so that other namespaces do not wait"
    )
    return Event(EventReason.NAMESPACE_SLOW, text, warning=True)


def events(resource: Resource, status: Status, outcome: Outcome) -> Iterator[Event]:
    """What is worth an event: a new failure, also of links, a recovery, a repair, an adoption, a clamped frequency.

    Compared with the stored status, so that a failure that lasts is told once, across restarts too. An ordinary
    refresh is no event: the status tells of it.
    """
    before, after = condition_of(resource.status, REFRESHING), condition_of(status, REFRESHING)
    was, now_is = (before.get("status"), before.get("reason")), (after.get("status"), after.get("reason"))
    changed = (*was, before.get("message")) != (*now_is, after.get("message"))
    if outcome.failure and outcome.failure.reason is Reason.TERMINATING:
        pass  # a deletion takes its time as a rule, and the condition tells of it
    elif outcome.failure and changed:
        causes = outcome.failure.causes if outcome.failure.reason == after["reason"] else ()
        yield Event(str(after["reason"]), str(after["message"]), warning=True, causes=causes)
    elif was[0] == "False" and was[1] != Reason.SUSPENDED and now_is[0] == "True":
        yield Event(EventReason.RECOVERED, f"{before.get('reason')} is over: the token is fresh again", warning=False)
    yield from link_events(resource.status, status)
    for reason, message in outcome.happened:
        yield Event(reason, message, warning=False)
    audit = condition_of(status, POLICY_ALLOWED).get("message")
    if audit and audit != condition_of(resource.status, POLICY_ALLOWED).get("message"):
        yield Event(EventReason.POLICY_AUDITED, str(audit), warning=True)
    spec, token = resource.spec, outcome.first
    if isinstance(spec, InvalidSpec) or token is None or not is_clamped(spec.interval, token.lifetime):
        return
    sentence = clamped_message(spec, token)
    if sentence not in str(condition_of(resource.status, READY).get("message")):
        yield Event(EventReason.FREQUENCY_CLAMPED, sentence, warning=False)


def link_failure(status: Status) -> str:
    """The reason why the links of the spec are not made; empty while they are made, unknown or suspended."""
    found = condition_of(status, LINKED)
    reason = text_of(found, "reason")
    return reason if found.get("status") == "False" and reason != Reason.SUSPENDED else ""


def link_events(old: Status, status: Status) -> Iterator[Event]:
    """A failure of links, once for each reason, and that it is over.

    What keeps the whole resource from being served is reported by the condition Refreshing already.
    """
    before, after = link_failure(old), link_failure(status)
    found = condition_of(status, LINKED)
    if after in OF_LINKS and after != before:
        yield Event(after, str(found.get("message")), warning=True, causes=(LINKED,))
    elif before in OF_LINKS and found.get("status") == "True":
        yield Event(EventReason.RECOVERED, f"{before} is over: {found.get('message')}", warning=False)
