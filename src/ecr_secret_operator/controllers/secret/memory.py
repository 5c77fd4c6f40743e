"""What is remembered of one resource between two reconciles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ...domain.resource import Resource
from ...domain.secret.annotations import StoredTokens
from ...domain.secret.observed import refresh_requested
from ...domain.secret.registries import newest
from ...domain.status.outcome import Applied
from ...domain.status.reported import Reported
from ...reasons import Reason
from ...runtime.damping import Damper


@dataclass(slots=True)
class Memory:
    """What is remembered of one resource. After a restart it is empty.

    Attributes:
        tokens: the tokens that were last stored. They outlive the Secret, which is restored from them.
        refreshed: for each registry, when the token was issued that answers the pending refresh annotation.
        refresh_request: the value of the refresh annotation that `refreshed` belongs to.
        failing_since: when the first of the failed attempts was made; None while none fails (UTC).
        reported: the failures that events have reported.
        damper: of the repairs of the Secret.
    """

    tokens: StoredTokens = field(default_factory=dict)
    refreshed: Mapping[str, datetime] = field(default_factory=dict)
    refresh_request: str = ""
    failing_since: datetime | None = None
    reported: Reported = field(default_factory=Reported)
    damper: Damper = field(default_factory=Damper)

    def hosts_refreshed(self, resource: Resource, stored: StoredTokens) -> frozenset[str]:
        """The registries whose stored token answers the pending refresh annotation."""
        if not self.refreshed or self.refresh_request != resource.refresh_request:
            return frozenset()
        return frozenset(
            host for host, since in self.refreshed.items() if host in stored and stored[host].token.issued_at >= since
        )

    def note_refreshed(self, resource: Resource, answers: Mapping[str, datetime]) -> None:
        """Notes which tokens answer the refresh annotation, and when each was issued.

        This is noted before they are stored, because the write may end without an answer. While one registry fails,
        the request stays pending, and the other registries are not refreshed again for it.
        """
        if not answers or not refresh_requested(resource):
            return
        before = self.refreshed if self.refresh_request == resource.refresh_request else {}
        self.refresh_request, self.refreshed = resource.refresh_request, {**before, **answers}

    def drop_answered_refresh(self, resource: Resource) -> None:
        """Forgets the answers to a refresh annotation that is handled or gone."""
        if self.refreshed and not refresh_requested(resource):
            self.refresh_request, self.refreshed = "", {}

    def keep_tokens(self, resource: Resource, applied: Applied) -> None:
        """Remembers the stored tokens; forgets them once the resource may not have any.

        While a repair has to wait, or has failed, what it restores stays remembered.
        """
        if applied.written:
            self.tokens = applied.stored
        elif applied.stored:
            self.tokens = self.tokens if self.damper.is_damaged else newest(applied.stored, self.tokens)
        elif not resource.selected or (applied.failure and applied.failure.reason is Reason.POLICY_DENIED):
            self.tokens = {}
