"""What the status of a resource says, in the form in which people and scripts want to read it.

Only the resource is read: a user who can list it needs no permission for Secrets.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from ..api.model import DEFAULT_FREQUENCY
from ..api.registry import OCI_SCHEME
from ..domain.kinds import Kind
from ..domain.raw import RawObject, mapping, mappings, number, text
from ..domain.resource import Key, condition_of
from ..domain.secret.deletion import deleted_since
from ..domain.status.events import link_failure
from ..domain.status.outcome import LINKED, POLICY_ALLOWED, READY, REFRESHING, TERMINATING
from ..domain.times import format_time, parse_time
from ..reasons import Reason

OVERDUE_AFTER = timedelta(minutes=5)
"""A refresh that is this late was not tried, because the status reports a failed attempt."""


class CredentialState(StrEnum):
    """How a resource stands, in one word."""

    READY = "Ready"
    FAILING = "RefreshFails"
    """The stored token is good, the last attempt to replace it failed."""
    OVERDUE = "Overdue"
    """The stored token is valid, but no operator replaces it."""
    NOT_LINKED = "NotLinked"
    """The stored token is good, but ServiceAccounts of spec.link do not have the Secret."""
    SUSPENDED = "Suspended"
    PENDING = "Pending"
    """Nothing is said of its present spec yet, or the cause of the failure passes by itself."""
    ERROR = "Error"
    """Someone has to act."""
    EXPIRED = "Expired"
    """The status says that all is well, and its token has expired: the operator does not work."""


@dataclass(frozen=True, slots=True)
class Use:
    """One registry of a resource, and as whom its token is asked for."""

    host: str
    identity: str


@dataclass(frozen=True, slots=True)
class Counts:
    """The namespaces of a cluster resource."""

    selected: int
    served: int
    failing: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """What a cluster resource says of one namespace."""

    namespace: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Credential:
    """One resource that generates Secrets, as its status tells.

    Attributes:
        key: which it is.
        secret: name of the generated Secret.
        uses: its registries, the first one first.
        frequency: as in the spec.
        state: in one word.
        ready: whether a valid token is stored for all that the present spec asks for.
        reason: why, where the status says so of what is now: one of the closed list, else empty.
        message: why, in a sentence.
        expires_at: when the stored token expires.
        refresh_at: when it is to be replaced.
        written_at: when the Secret was last written.
        handled: value of the refresh annotation that was last acted on.
        counts: the namespaces of a cluster resource; None for any other.
        troubles: those of them that fail, as far as the status lists them.
        linked: what the condition Linked says where it is False; empty when all is well.
        links_fail: whether that is a failure: it is none while the resource is suspended.
        audited: what enforcing the policies in mode Audit would deny or change; empty for nothing.
        limit: what the stored tokens are limited to; empty if one of them may do all that its identity may.
        deletion: since when it is being deleted, and what holds it; else what the status says of a Secret of it that is
            being deleted; empty for nothing.
    """

    key: Key
    secret: str
    uses: tuple[Use, ...]
    frequency: str
    state: CredentialState
    ready: bool
    reason: str
    message: str
    expires_at: datetime | None
    refresh_at: datetime | None
    written_at: datetime | None
    handled: str
    counts: Counts | None
    troubles: tuple[Trouble, ...]
    linked: str
    links_fail: bool
    audited: str
    deletion: str = ""
    limit: str = ""

    @property
    def healthy(self) -> bool:
        """Whether a valid token is stored, and every ServiceAccount that is to be linked has it."""
        return self.ready and not self.links_fail

    @property
    def good(self) -> bool:
        """Whether there is nothing to do about it."""
        return (
            self.state in (CredentialState.READY, CredentialState.SUSPENDED)
            and self.ready
            and not self.linked
            and not self.deletion
        )

    def left(self, now: datetime) -> timedelta | None:
        """The time until the stored token expires, below zero afterwards; None without one."""
        return self.expires_at - now if self.expires_at else None

    def document(self, now: datetime) -> dict[str, Any]:
        """As JSON and YAML show it. Keys stay; more may come."""
        left = self.left(now)
        shown: dict[str, Any] = {
            "kind": self.key.kind,
            "namespace": self.key.namespace,
            "name": self.key.name,
            "state": str(self.state),
            "ready": self.ready,
            "reason": self.reason,
            "message": self.message,
            "secret": self.secret,
            "registries": [{"host": use.host, "identity": use.identity} for use in self.uses],
            "frequency": self.frequency,
            "expiresAt": _moment(self.expires_at),
            "secondsLeft": None if left is None else int(left.total_seconds()),
            "nextRefreshTime": _moment(self.refresh_at),
            "lastUpdatedTime": _moment(self.written_at),
            "lastHandledRefresh": self.handled,
            "linkProblem": self.linked,
            "policyWarning": self.audited,
            "deletion": self.deletion,
            "tokenLimit": self.limit,
        }
        if self.counts:
            counts = self.counts
            shown["namespaces"] = {
                "selected": counts.selected,
                "served": counts.served,
                "failing": counts.failing,
            }
            shown["failingNamespaces"] = [
                {"namespace": one.namespace, "reason": one.reason, "message": one.message} for one in self.troubles
            ]
        return shown


def credential(kind: Kind, raw: RawObject, *, now: datetime) -> Credential:
    """Reads a resource as it is stored, whatever it is. Never raises."""
    spec, status, meta = mapping(raw, "spec"), mapping(raw, "status"), mapping(raw, "metadata")
    expires_at, refresh_at = parse_time(text(status, "expiresAt")), parse_time(text(status, "nextRefreshTime"))
    state, reason, message = _state(meta, status, expires_at, refresh_at, now)
    ready = condition_of(status, READY).get("status") == "True" and state not in (
        CredentialState.PENDING,
        CredentialState.EXPIRED,
    )
    counted = mapping(status, "namespaces")
    return Credential(
        key=Key(kind.name, text(meta, "namespace"), text(meta, "name")),
        secret=text(spec, "generated_secret_name"),
        uses=tuple(_uses(spec)),
        frequency=text(spec, "frequency") or DEFAULT_FREQUENCY,
        state=state,
        ready=ready,
        reason=reason,
        message=message,
        expires_at=expires_at,
        refresh_at=refresh_at,
        written_at=parse_time(text(status, "lastUpdatedTime")),
        handled=text(status, "lastHandledRefresh"),
        counts=Counts(number(counted, "selected"), number(counted, "served"), number(counted, "failing"))
        if kind.clustered
        else None,
        troubles=tuple(
            Trouble(text(one, "namespace"), text(one, "reason"), text(one, "message"))
            for one in mappings(status, "failingNamespaces")
        ),
        linked=_denied(condition_of(status, LINKED)),
        links_fail=bool(link_failure(status)),
        audited=_denied(condition_of(status, POLICY_ALLOWED)),
        deletion=_deletion(meta, status),
        limit=text(status, "tokenLimit"),
    )


def _deletion(meta: RawObject, status: RawObject) -> str:
    """Of the resource itself, metadata tell more than the status, and tell it also when the operator does not run."""
    since, finalizers = text(meta, "deletionTimestamp"), meta.get("finalizers")
    if since:
        names = [str(one) for one in finalizers] if isinstance(finalizers, list) else []
        return deleted_since(since, names)
    return text(condition_of(status, TERMINATING), "message")


Standing = tuple[CredentialState, str, str]
"""State, reason and message."""


def _state(
    meta: RawObject, status: RawObject, expires_at: datetime | None, refresh_at: datetime | None, now: datetime
) -> Standing:
    ready = condition_of(status, READY)
    reason, message = text(ready, "reason"), text(ready, "message")
    if not ready:
        return CredentialState.PENDING, "", "The operator has not reported a status yet"
    if number(status, "observedGeneration") != number(meta, "generation"):
        return CredentialState.PENDING, "", "The operator has not reported a status for the current spec yet"
    if ready.get("status") == "True" and expires_at and expires_at <= now:
        return CredentialState.EXPIRED, "", f"The token expired at {format_time(expires_at)} and was not replaced"
    if reason == Reason.SUSPENDED:
        return CredentialState.SUSPENDED, reason, message
    if ready.get("status") != "True":
        return CredentialState.PENDING if text(status, "phase") == "Pending" else CredentialState.ERROR, reason, message
    return _served(status, refresh_at, now) or (CredentialState.READY, reason, message)


def _served(status: RawObject, refresh_at: datetime | None, now: datetime) -> Standing | None:
    """What is wrong with a resource whose token is good; None when nothing is."""
    refreshing = condition_of(status, REFRESHING)
    reason, message = text(refreshing, "reason"), text(refreshing, "message")
    if refreshing.get("status") == "False":
        return CredentialState.FAILING, reason, message
    if refresh_at and refresh_at + OVERDUE_AFTER < now:
        return CredentialState.OVERDUE, "", f"Its refresh was due at {format_time(refresh_at)} and has not happened"
    if reason := link_failure(status):
        return CredentialState.NOT_LINKED, reason, text(condition_of(status, LINKED), "message")
    return None


def _denied(condition: Mapping[str, Any]) -> str:
    return text(condition, "message") if condition.get("status") == "False" else ""


def _uses(spec: RawObject) -> Iterator[Use]:
    own = mapping(spec, "aws")
    host = text(spec, "ecr_registry") or text(spec, "url").removeprefix(OCI_SCHEME)
    yield Use(host, _identity(own))
    for more in mappings(spec, "additional_registries"):
        yield Use(text(more, "ecr_registry"), _identity(mapping(more, "aws") if "aws" in more else own))


def _identity(aws: RawObject) -> str:
    """Whose identity it is, as words; the operator's own is a policy's default role where there is one."""
    if account := text(aws, "service_account"):
        return f"ServiceAccount {account}"
    if secret := text(aws, "credentials_secret"):
        return f"Secret {secret}"
    return text(aws, "role_arn") or "operator"


def _moment(moment: datetime | None) -> str | None:
    return format_time(moment) if moment else None
