"""What a reconcile achieved, and the types of the conditions that report it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from ...reasons import EventReason, Failure
from ..links import LinkStatus
from ..secret.annotations import StoredTokens
from ..tokens.token import Token

READY = "Ready"

REFRESHING = "Refreshing"

POLICY_ALLOWED = "PolicyAllowed"
"""Only there while enforcing the AccessPolicies in mode Audit would deny or change something of the resource."""

LINKED = "Linked"
"""Only there when the spec names ServiceAccounts to link."""

TERMINATING = "Terminating"
"""Only there, and True, while the resource or a Secret of it is being deleted and finalizers hold it."""

TOKEN_LIFETIME = "tokenLifetime"  # noqa: S105 - the name of a field
"""Seconds that the token of a placement lives. It is a field of placements' statuses only, which stay in memory."""

Status = Mapping[str, Any]

Happened = tuple[tuple[EventReason, str], ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """What carrying out a plan achieved.

    Attributes:
        stored: the tokens that are stored in an intact Secret now.
        failure: what went wrong, if anything.
        passing: whether all of the failure is what AWS says, or that AWS is silent: another attempt may succeed.
        written: whether the Secret was written just now.
        happened: what else happened to the Secret, with a sentence each.
        retry_at: when to try again (UTC); None when only a change helps.
    """

    stored: StoredTokens = field(default_factory=dict)
    failure: Failure | None = None
    passing: bool = False
    written: bool = False
    happened: Happened = ()
    retry_at: datetime | None = None

    def beside(self, failure: Failure | None, *, passing: bool, retry_at: datetime | None) -> Applied:
        """This, with a second failure. The first one comes first, and it never passes by itself."""
        if failure is None:
            return self
        passing = passing and self.failure is None
        return replace(self, failure=self.failure or failure, passing=passing, retry_at=self.retry_at or retry_at)


@dataclass(frozen=True, slots=True)
class Outcome(Applied):
    """What a reconcile achieved: what was applied, and what is true of the resource afterwards.

    Attributes:
        lacking: the registries that have no valid token in the stored Secret.
        refreshed: whether all stored tokens answer the refresh annotation, so that it is handled.
        audited: what AccessPolicies in mode Audit would deny or change if they were enforced; empty for nothing.
        link_status: the state of the links of the spec; None when it has none.
        terminating: what is being deleted and is still there, in a sentence; empty for nothing.
    """

    lacking: tuple[str, ...] = ()
    refreshed: bool = False
    audited: str = ""
    link_status: LinkStatus | None = None
    terminating: str = ""

    @property
    def tokens(self) -> tuple[Token, ...]:
        """The tokens that are stored."""
        return tuple(one.token for one in self.stored.values())

    @property
    def first(self) -> Token | None:
        """The stored token that expires first."""
        return min(self.tokens, key=lambda token: token.expires_at, default=None)

    def good(self, now: datetime) -> bool:
        """Whether every registry has a valid token."""
        first = self.first
        return first is not None and not first.expired(now) and not self.lacking
