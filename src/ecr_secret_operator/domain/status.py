"""What a resource says of itself: status, conditions and events, from the outcome of a reconcile. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from .decide import Failure
from .duration import format_duration
from .generated import format_time
from .model import CommonSpec
from .reasons import EventReason, Reason
from .resource import InvalidSpec, Resource, condition_of
from .schedule import due_at, is_clamped, safe_interval
from .token import Token

READY = "Ready"
REFRESHING = "Refreshing"

_NEEDS_A_PERSON = frozenset(
    (Reason.INVALID_SPEC, Reason.SECRET_CONFLICT, Reason.AWS_ACCESS_DENIED, Reason.IDENTITY_UNAVAILABLE)
)
_NEVER_READY = frozenset((Reason.INVALID_SPEC, Reason.SECRET_CONFLICT))

SOONEST_LOOK = timedelta(seconds=1)
"""Not even a token that lives a second makes a hot loop."""

Status = Mapping[str, Any]
Happened = tuple[tuple[EventReason, str], ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a reconcile achieved.

    Attributes:
        token: the one that is stored intact now; None when there is none.
        failure: what went wrong, if anything.
        written: whether the Secret was written just now.
        refreshed: whether the token source gave a token, so that a request for a refresh is done.
        happened: things beyond the conditions, with a sentence each.
        retry_at: when to try again (UTC); None when only a change helps.
    """

    token: Token | None = None
    failure: Failure | None = None
    written: bool = False
    refreshed: bool = False
    happened: Happened = ()
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something to tell of a resource; `warning` where a person may have to act."""

    reason: str
    message: str
    warning: bool


def next_status(resource: Resource, outcome: Outcome, *, now: datetime) -> Status:
    """The status that follows from an outcome; equal to the stored one when nothing has changed."""
    old, spec, token = resource.status, resource.spec, outcome.token
    suspended = not isinstance(spec, InvalidSpec) and spec.suspend
    ready, refreshing = _conditions(spec, outcome, now)
    status: dict[str, Any] = {
        "phase": _phase(ready, outcome.failure, suspended=suspended),
        "observedGeneration": resource.generation,
        "conditions": [
            _condition(old, READY, ready, resource.generation, now),
            _condition(old, REFRESHING, refreshing, resource.generation, now),
        ],
    }
    if outcome.written:
        status["lastUpdatedTime"] = format_time(now)
    elif old.get("lastUpdatedTime") or token:
        status["lastUpdatedTime"] = old.get("lastUpdatedTime") or format_time(token.issued_at if token else now)
    if token:
        status["expiresAt"] = format_time(token.expires_at)
    if token and not isinstance(spec, InvalidSpec) and not suspended:
        status["nextRefreshTime"] = format_time(due_at(token, spec.interval, seed=resource.uid))
    handled = resource.refresh_request if outcome.refreshed else old.get("lastHandledRefresh")
    if handled:
        status["lastHandledRefresh"] = handled
    return status


_Condition = tuple[bool, Reason, str]


def _conditions(spec: CommonSpec | InvalidSpec, outcome: Outcome, now: datetime) -> tuple[_Condition, _Condition]:
    failure, token = outcome.failure, outcome.token
    good = token is not None and not token.expired(now)
    if isinstance(spec, InvalidSpec) or (failure and (failure.reason in _NEVER_READY or not good)):
        broken = failure or Failure(Reason.INVALID_SPEC, "the spec is invalid")
        return (False, broken.reason, broken.message), (False, broken.reason, broken.message)
    if spec.suspend:
        what = "the stored token is kept" if good else "no valid token is stored"
        text = f"spec.suspend is true: {what} and nothing is refreshed"
        return (good, Reason.SUSPENDED, text), (False, Reason.SUSPENDED, text)
    ready = (good, Reason.REFRESHED, _served_message(spec, token, good=good))
    if failure:
        return ready, (False, failure.reason, failure.message)
    return ready, (True, Reason.REFRESHED, "The token is refreshed on schedule")


def _served_message(spec: CommonSpec, token: Token | None, *, good: bool) -> str:
    what = "a valid token" if good else "a token that has expired, which is being replaced,"
    text = f"Secret {spec.generated_secret_name} holds {what} for {spec.registry.host}"
    if token and is_clamped(spec.interval, token.lifetime):
        return f"{text}. {clamped_message(spec, token)}"
    return text


def clamped_message(spec: CommonSpec, token: Token) -> str:
    """The sentence that says that, and why, a frequency is not kept as it is written."""
    return (
        f"frequency {spec.frequency} is longer than is safe for a token that lives"
        f" {format_duration(token.lifetime)}: it is refreshed every {format_duration(safe_interval(token.lifetime))}"
    )


def _phase(ready: _Condition, failure: Failure | None, *, suspended: bool) -> str:
    if failure is None and suspended:
        return "Suspended"
    if ready[0]:
        return "Updated"
    return "Error" if failure and failure.reason in _NEEDS_A_PERSON else "Pending"


def _condition(old: Status, kind: str, value: _Condition, generation: int, now: datetime) -> dict[str, Any]:
    state, reason, message = value
    stored, status = condition_of(old, kind), "True" if state else "False"
    same = stored.get("status") == status and stored.get("lastTransitionTime")
    return {
        "type": kind,
        "status": status,
        "reason": str(reason),
        "message": message,
        "observedGeneration": generation,
        "lastTransitionTime": stored["lastTransitionTime"] if same else format_time(now),
    }


def next_look(resource: Resource, outcome: Outcome, *, now: datetime) -> datetime | None:
    """When the resource has to be reconciled again although nothing changes: for a retry, a refresh, or an expiry."""
    spec, token, times = resource.spec, outcome.token, [outcome.retry_at]
    if isinstance(spec, InvalidSpec) or spec.suspend or outcome.failure:
        times.append(token.expires_at if token and not token.expired(now) else None)
    elif token:
        times.append(due_at(token, spec.interval, seed=resource.uid))
    soonest = min((moment for moment in times if moment), default=None)
    return max(soonest, now + SOONEST_LOOK) if soonest else None


def status_patch(old: Status, new: Status) -> dict[str, Any]:
    """The JSON merge patch from one status to the next: what is gone is null."""
    return {**dict.fromkeys(old.keys() - new.keys()), **new}


def events(resource: Resource, status: Status, outcome: Outcome) -> Iterator[Event]:
    """What is worth an event: a failure that is new, a recovery, a repair, an adoption, a clamped frequency.

    Compared with the stored status, so that a failure that lasts is told once, across restarts too. An ordinary
    refresh is no event: the status tells of it.
    """
    before, after = condition_of(resource.status, REFRESHING), condition_of(status, REFRESHING)
    was, now_is = (before.get("status"), before.get("reason")), (after.get("status"), after.get("reason"))
    changed = (*was, before.get("message")) != (*now_is, after.get("message"))
    if outcome.failure and changed:
        yield Event(str(after["reason"]), str(after["message"]), warning=True)
    elif was[0] == "False" and was[1] != Reason.SUSPENDED and now_is[0] == "True":
        yield Event(EventReason.RECOVERED, f"{before.get('reason')} is over: the token is fresh again", warning=False)
    for reason, message in outcome.happened:
        yield Event(reason, message, warning=False)
    spec, token = resource.spec, outcome.token
    if isinstance(spec, InvalidSpec) or token is None or not is_clamped(spec.interval, token.lifetime):
        return
    sentence = clamped_message(spec, token)
    if sentence not in str(condition_of(resource.status, READY).get("message")):
        yield Event(EventReason.FREQUENCY_CLAMPED, sentence, warning=False)
