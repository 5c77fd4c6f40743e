"""The closed list of reasons that a condition can carry. docs/reference/reasons.md explains each one."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a resource is in the state that its conditions show."""

    REFRESHED = "Refreshed"
    INVALID_SPEC = "InvalidSpec"
    SECRET_CONFLICT = "SecretConflict"  # noqa: S105 - a reason, not a password
    AWS_ACCESS_DENIED = "AWSAccessDenied"
    AWS_UNAVAILABLE = "AWSUnavailable"
    IDENTITY_UNAVAILABLE = "IdentityUnavailable"
    KUBERNETES_ERROR = "KubernetesError"
    SUSPENDED = "Suspended"


class EventReason(StrEnum):
    """Things that happen to a resource beyond its conditions, told as events."""

    REPAIRED = "Repaired"
    ADOPTED = "Adopted"
    RECOVERED = "Recovered"
    FREQUENCY_CLAMPED = "FrequencyClamped"
