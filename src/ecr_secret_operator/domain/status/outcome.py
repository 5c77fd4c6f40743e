"""What a reconcile achieved, and the types of the conditions that report it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ...reasons import EventReason, Failure
from ..links import LinkStatus
from ..secret.stored import StoredTokens
from ..tokens.token import Token

READY = "Ready"

REFRESHING = "Refreshing"

POLICY_ALLOWED = "PolicyAllowed"
"""Only there while enforcing the AccessPolicies in mode Audit would deny or change something of the resource."""

LINKED = "Linked"
"""Only there when the spec names ServiceAccounts to link."""

TERMINATING = "Terminating"
"""Only there, and True, while the resource or a Secret of it is being deleted and finalizers hold it."""

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
