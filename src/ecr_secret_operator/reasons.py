"""The closed list of reasons that a condition can carry. docs/reference/reasons.md explains each one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Why a resource is in the state that its conditions show."""

    REFRESHED = "Refreshed"
    INVALID_SPEC = "InvalidSpec"
    SECRET_CONFLICT = "SecretConflict"  # noqa: S105 - a reason, not a password
    POLICY_DENIED = "PolicyDenied"
    AWS_ACCESS_DENIED = "AWSAccessDenied"
    AWS_UNAVAILABLE = "AWSUnavailable"
    IDENTITY_UNAVAILABLE = "IdentityUnavailable"
    KUBERNETES_ERROR = "KubernetesError"
    SECRET_CONTESTED = "SecretContested"  # noqa: S105 - a reason, not a password
    SUSPENDED = "Suspended"
    LINKED = "Linked"
    ACCOUNT_MISSING = "ServiceAccountMissing"
    TERMINATING = "Terminating"
    LIMIT_EXCEEDED = "LimitExceeded"


NEEDS_A_PERSON = frozenset(
    (
        Reason.INVALID_SPEC,
        Reason.SECRET_CONFLICT,
        Reason.SECRET_CONTESTED,
        Reason.POLICY_DENIED,
        Reason.AWS_ACCESS_DENIED,
        Reason.IDENTITY_UNAVAILABLE,
    )
)
"""What does not pass by itself."""

OF_LINKS = frozenset((Reason.KUBERNETES_ERROR, Reason.ACCOUNT_MISSING))
"""Failures of the links alone. Every other reason of the condition Linked is that of another condition, too."""

UNDECIDED = frozenset((Reason.AWS_UNAVAILABLE, Reason.LIMIT_EXCEEDED))
"""AWS has not said whether there is a token."""

FROM_AWS = frozenset((Reason.AWS_ACCESS_DENIED, Reason.AWS_UNAVAILABLE))
"""What AWS says, or that it says nothing: another attempt may go better, and comes by itself."""


class EventReason(StrEnum):
    """Things that happen to a resource beyond its conditions, told as events."""

    REPAIRED = "Repaired"
    ADOPTED = "Adopted"
    RECOVERED = "Recovered"
    FREQUENCY_CLAMPED = "FrequencyClamped"
    POLICY_AUDITED = "PolicyAudited"
    SECRET_REMOVED = "SecretRemoved"  # noqa: S105 - a reason, not a password
    UNLINKED = "Unlinked"
    NAMESPACE_SLOW = "NamespaceSlow"


class Removal(StrEnum):
    """Why a generated Secret is removed, or taken out of a ServiceAccount."""

    DESELECTED = "Deselected"
    DENIED = "PolicyDenied"
    TOKEN_DENIED = "TokenDenied"  # noqa: S105 - a cause, not a password
    RENAMED = "Renamed"
    REPLACED = "Replaced"
    CONFLICT = "SecretConflict"
    RESOURCE_GONE = "ResourceGone"
    LINK_DROPPED = "LinkDropped"
    NOT_ASKED = "NotAsked"


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a resource could not be served, for its conditions.

    Attributes:
        reason: of the condition.
        message: of the condition.
        causes: what makes this the same failure as another one, where the message contains text of other programs,
            which may be different each time (ports, request ids, times); empty where the message itself does. Several
            where several things failed.
    """

    reason: Reason
    message: str
    causes: tuple[str, ...] = ()
