"""What a reconcile achieved, from what was observed and what was applied. Pure."""

from __future__ import annotations

from datetime import datetime

from ..identity.authorization import audited
from ..links import LinkStatus
from ..resource import InvalidSpec
from ..secret.deletion import terminating
from ..secret.observed import Observed
from ..secret.registries import hosts_missing_token
from .outcome import Applied, Outcome


def conclude(
    observed: Observed,
    applied: Applied,
    *,
    answered: frozenset[str],
    link_status: LinkStatus | None,
    now: datetime,
) -> Outcome:
    """The outcome of a reconcile.

    Args:
        observed: what the plan was based on.
        applied: what carrying it out achieved.
        answered: the registries whose stored token answers the refresh annotation.
        link_status: the state of the links of the spec; None when it has none.
        now: the time (UTC).
    """
    spec = observed.resource.spec
    hosts = None if isinstance(spec, InvalidSpec) or applied.failure else spec.hosts
    return Outcome(
        stored=applied.stored,
        failure=applied.failure,
        passing=applied.passing,
        written=applied.written,
        happened=applied.happened,
        retry_at=applied.retry_at,
        lacking=hosts_missing_token(observed.authorization, applied.stored, now),
        refreshed=hosts is not None and bool(answered) and answered.issuperset(hosts),
        audited=audited(observed.authorization, applied.stored or dict(observed.recorded_tokens)),
        link_status=link_status,
        terminating=terminating(observed.resource, observed.made),
    )
