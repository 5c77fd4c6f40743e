"""When a resource is reconciled again, and when a failure is reported. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..resource import InvalidSpec, Resource, condition_of, text_of
from ..tokens.schedule import due_at
from .outcome import REFRESHING, Outcome

SOONEST_LOOK = timedelta(seconds=1)
"""Not even a token that lives a second makes a hot loop."""

PATIENCE = timedelta(seconds=10)

PATIENT_PART = 10
"""AWS may fail for so long, and for this part of a token's life, before a resource that has a valid token says so."""


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
    """Whether a failed refresh is not reported yet: AWS has just begun to fail, and every registry has a valid token.

    Else a moment's failure would cost, for each resource that is due, four writes: that it fails, and that it is over.
    A failure is reported at once if a refresh was requested, or if a failure was reported before.

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
