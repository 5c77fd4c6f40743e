"""Turns what happens into log lines and counts. Each failure is logged once: when it is new, or when it is a bug."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from ..domain.identity.scope import Scope
from ..domain.links import LinkedAccount
from ..domain.resource import Key, Resource
from ..domain.status.events import Event
from ..domain.status.outcome import Outcome
from ..errors import ApiError, OperatorError, TokenError
from ..reasons import Removal
from ..runtime.fairness import SLOW_AT_A_TIME, SLOW_SECONDS
from .metrics import Metrics

MOST_CALL_SERIES = 2_000
"""Of the counts of calls to AWS: tenants name the identities. Those that were counted longest ago are removed first."""


class Telemetry:
    """The observer of all parts of the operator: it logs and counts."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._counted: dict[tuple[str, ...], None] = {}
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger().bind()  # once, and not for each line

    def finished(self, resource: Resource, outcome: Outcome, told: Sequence[Event]) -> None:
        """One reconcile of a resource came to an end."""
        kind, names = resource.key.kind, _names(resource.key)
        if outcome.failure:
            self._metrics.refreshes.labels(kind, str(outcome.failure.reason)).inc()
        elif outcome.written:
            self._metrics.refreshes.labels(kind, "Refreshed").inc()
        if outcome.written and outcome.first:
            self._log.info("secret written", **names, expires_at=outcome.first.expires_at.isoformat())
        for event in told:
            (self._log.warning if event.warning else self._log.info)(event.message, **names, reason=event.reason)

    def reconciled(self, key: Key, seconds: float, *, failed: bool) -> None:
        """One reconcile took this long."""
        self._metrics.reconcile_seconds.labels(key.kind).observe(seconds)
        self._metrics.reconciles.labels(key.kind, "failed" if failed else "ok").inc()
        self._log.debug("reconciled", **_names(key), seconds=round(seconds, 4), failed=failed)

    def crashed(self, key: Key, error: Exception, failures: int) -> None:
        """A reconcile raised. An expected error is logged in one line, a bug with its traceback, without locals."""
        if isinstance(error, OperatorError):
            text = "reconcile failed, it is tried again"
            self._loud_once(failures)(text, **_names(key), error=str(error), failures=failures)
        elif failures == 1:
            self._log.error("reconcile raised what it should not; please report this", **_names(key), exc_info=error)

    def slowed(self, key: Key) -> None:
        """Requests to the API server for the namespace of this key have become slow."""
        text = "requests to the API server are slow in this namespace, few are made there at a time"
        self._log.warning(text, **_names(key), slower_than_seconds=SLOW_SECONDS, at_a_time=SLOW_AT_A_TIME)

    def asked_aws(self, scope: Scope, seconds: float, failure: TokenError | None) -> None:
        """One call to AWS ended."""
        result = str(failure.reason) if failure else "ok"
        self._count_call(scope.region, str(scope.identity), result)
        self._metrics.aws_seconds.observe(seconds)
        if failure:
            self._log.warning("no token from AWS", scope=str(scope), reason=str(failure.reason), error=str(failure))
        else:
            self._log.info("token from AWS", scope=str(scope), seconds=round(seconds, 3))

    def _count_call(self, *labels: str) -> None:
        self._metrics.aws_requests.labels(*labels).inc()
        self._counted.pop(labels, None)
        self._counted[labels] = None
        if len(self._counted) > MOST_CALL_SERIES:
            oldest = next(iter(self._counted))
            del self._counted[oldest]
            self._metrics.aws_requests.remove(*oldest)

    def watch_ended(self, source: str, why: str, failures: int) -> None:
        """A watch ended, and not by the server's time-out; `failures` counts equal ends in a row."""
        self._metrics.watch_restarts.inc()
        self._loud_once(failures)("watch ended, listing again", source=source, why=why, failures=failures)

    def watch_silent(self, source: str) -> None:
        """Nothing was heard on a watch for a while."""
        self._metrics.watch_restarts.inc()
        self._log.info("nothing was heard on the watch, listing again", source=source)

    def lease_failed(self, why: str, failures: int) -> None:
        """The Lease could not be read or written; `failures` counts equal failures in a row."""
        self._loud_once(failures)("the Lease could not be read or written, it is tried again", why=why)

    def listed(self, source: str, count: int) -> None:
        """A list of so many objects was stored in the cache."""
        self._log.debug("listed", source=source, count=count)

    def removed(self, key: Key, event: Event, cause: Removal) -> None:
        """A generated Secret, or an entry of a ServiceAccount, was removed."""
        self._log.info(event.message, **_names(key), reason=event.reason, cause=str(cause))

    def event_lost(self, about: Resource | LinkedAccount, error: ApiError) -> None:
        """An event could not be stored."""
        self._log.info("an event could not be stored", **_names(about.key), error=str(error))

    def _loud_once(self, failures: int) -> Callable[..., object]:
        """A warning for the first failure of a row, and debug messages for the others."""
        return self._log.warning if failures == 1 else self._log.debug


def _names(key: Key) -> dict[str, str]:
    return {"kind": key.kind, "namespace": key.namespace, "name": key.name}
