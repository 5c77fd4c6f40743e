"""Resources as the API server has them, complete and well, with whatever a test is about passed in."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from ecr_secret_operator.domain.times import format_time
from tests.factories import HOST, NOW

Object = dict[str, Any]


def a_condition(kind: str, status: str = "True", reason: str = "Refreshed", message: str = "all is well") -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": 1}


def a_status(*conditions: Object, **over: object) -> Object:
    """Of a resource that is served, with a token for six more hours."""
    given = {one["type"]: one for one in (a_condition("Ready"), a_condition("Refreshing"), *conditions)}
    return {
        "phase": "Updated",
        "observedGeneration": 1,
        "conditions": list(given.values()),
        "expiresAt": format_time(NOW + timedelta(hours=6)),
        "nextRefreshTime": format_time(NOW + timedelta(hours=4)),
        "lastUpdatedTime": format_time(NOW - timedelta(hours=6)),
        **over,
    }


def an_object(kind: str = "Secret", namespace: str = "team-a", name: str = "ecr", **over: Any) -> Object:
    """A resource of one of the operator's kinds."""
    where = {"url": HOST} if kind == "ArgoHelmRepoSecret" else {"ecr_registry": HOST}
    place = {} if kind == "ClusterPullSecret" else {"namespace": namespace}
    return {
        "apiVersion": "ecr.mobb.redhat.com/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "uid": f"uid-{name}", "generation": 1, **place, **over.pop("metadata", {})},
        "spec": {"generated_secret_name": f"{name}-generated", **where, **over.pop("spec", {})},
        "status": over.pop("status", a_status()),
        **over,
    }
