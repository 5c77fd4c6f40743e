"""The status of a resource and its conditions, from the outcome of a reconcile. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ...api.duration import format_duration
from ...api.model import CommonSpec
from ...reasons import NEEDS_A_PERSON, Failure, Reason
from ..identity.limit import summary
from ..resource import InvalidSpec, Resource, condition_of, text_of
from ..times import format_time, parse_time
from ..tokens.schedule import due_at, is_clamped, safe_interval
from ..tokens.token import Token
from .outcome import LINKED, POLICY_ALLOWED, READY, REFRESHING, TERMINATING, TOKEN_LIFETIME, Outcome, Status

_NEVER_READY = frozenset((Reason.INVALID_SPEC, Reason.SECRET_CONFLICT, Reason.POLICY_DENIED))


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
    if token and (limit := summary({host: one.limit for host, one in outcome.stored.items()})):
        status["tokenLimit"] = limit
    if token and resource.cluster is not None:
        status[TOKEN_LIFETIME] = to_the_minute(token.lifetime).total_seconds()
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
        if kept and outcome.lacking:
            text = f"{text}. Another token is needed for {', '.join(outcome.lacking)}"
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
        text = f"{text}. {clamped_message(spec, token.lifetime)}"
    return f"{text}. {spec.caution}" if spec.caution else text


def clamped_message(spec: CommonSpec, lifetime: timedelta) -> str:
    """The sentence that reports a frequency which is shortened, because tokens do not live long enough for it.

    Args:
        spec: of the resource.
        lifetime: of the token.
    """
    lives = to_the_minute(lifetime)
    return (
        f"frequency {spec.frequency} is longer than is safe for a token that lives"
        f" {format_duration(lives)}: it is refreshed every {format_duration(safe_interval(lives))}"
    )


def to_the_minute(lifetime: timedelta) -> timedelta:
    """A lifetime as it is reported. The time that AWS took to answer is part of what is measured."""
    return timedelta(minutes=round(lifetime / timedelta(minutes=1))) or lifetime


def reports_clamped(resource: Resource) -> bool:
    """Whether the stored status reports that the frequency of this generation is shortened.

    The status holds the time of the last write, which is after the token was issued, and never its lifetime. So the
    lifetime may appear shorter than it is, and the answer may be True too often, but is never False by mistake.
    """
    status, spec = resource.status, resource.spec
    ready = condition_of(status, READY)
    written, expires = parse_time(text_of(status, "lastUpdatedTime")), parse_time(text_of(status, "expiresAt"))
    if isinstance(spec, InvalidSpec) or spec.suspend or ready.get("status") != "True" or not written or not expires:
        return False
    return status.get("observedGeneration") == resource.generation and is_clamped(spec.interval, expires - written)


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
