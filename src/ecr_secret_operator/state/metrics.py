"""What metrics show of each resource."""

from __future__ import annotations

from ..domain.resource import Resource, condition_of, text_of
from ..domain.status.events import link_failure
from ..domain.status.outcome import POLICY_ALLOWED, READY, REFRESHING
from ..domain.times import parse_time
from ..observability.metrics import ResourceMetrics
from ..reasons import Reason


def metrics_of(resource: Resource) -> ResourceMetrics:
    """What metrics show of a resource, from its status."""
    status = resource.status
    ready, refreshing, audited = (condition_of(status, kind) for kind in (READY, REFRESHING, POLICY_ALLOWED))
    fails = refreshing.get("status") == "False" and refreshing.get("reason") != Reason.SUSPENDED
    return ResourceMetrics(
        resource.key,
        expires_at=parse_time(text_of(status, "expiresAt")),
        ready=ready.get("status") == "True",
        denied="audit" if audited else "enforce" if ready.get("reason") == Reason.POLICY_DENIED else "",
        due_at=parse_time(text_of(status, "nextRefreshTime")),
        failing=text_of(refreshing, "reason") if fails else "",
        unlinked=link_failure(status),
        limited=bool(text_of(status, "tokenLimit")),
    )
