"""What metrics show of a resource, from its status."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ecr_secret_operator.observability.metrics import ResourceMetrics
from ecr_secret_operator.state.metrics import metrics_of

from ..factories import a_key, a_resource

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)


def condition(kind: str, status: str, reason: str = "") -> dict[str, Any]:
    return {"conditions": [{"type": kind, "status": status, "reason": reason}]}


SHOWN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "nothing": ({}, {}),
    "ready": (condition("Ready", "True", "Refreshed"), {"ready": True}),
    "not ready": (condition("Ready", "False", "AccessDenied"), {}),
    "not known whether ready": (condition("Ready", "Unknown", "Pending"), {}),
    "denied by policy": (condition("Ready", "False", "PolicyDenied"), {"denied": "enforce"}),
    "audited by policy": (condition("PolicyAllowed", "False", "PolicyAudited"), {"denied": "audit"}),
    "expires": ({"expiresAt": "2026-03-01T12:00:00Z"}, {"expires_at": AT}),
    "due": ({"nextRefreshTime": "2026-03-01T12:00:00Z"}, {"due_at": AT}),
    "the refresh fails": (condition("Refreshing", "False", "AWSUnavailable"), {"failing": "AWSUnavailable"}),
    "the refresh succeeds": (condition("Refreshing", "True", "Refreshed"), {}),
    "suspended": (condition("Refreshing", "False", "Suspended"), {}),
    "links fail": (condition("Linked", "False", "ServiceAccountNotFound"), {"unlinked": "ServiceAccountNotFound"}),
    "links are made": (condition("Linked", "True", "Linked"), {}),
    "limited": ({"tokenLimit": "push to team-a/*"}, {"limited": True}),
    "texts that are no text": ({"expiresAt": 1, "nextRefreshTime": [], "tokenLimit": {}, "conditions": "none"}, {}),
}


@pytest.mark.parametrize(("status", "shown"), SHOWN.values(), ids=SHOWN.keys())
def test_what_is_shown_of_a_status(status: dict[str, Any], shown: dict[str, Any]) -> None:
    nothing = ResourceMetrics(a_key(), expires_at=None, ready=False)
    assert metrics_of(a_resource(status=status)) == nothing._replace(**shown)
