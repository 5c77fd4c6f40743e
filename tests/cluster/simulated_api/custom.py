"""Scenarios about custom resources and their owners."""

from __future__ import annotations

from typing import Any

from .steps import (
    ABSENT_UID,
    CLUSTER,
    ECR_SECRETS,
    HELD,
    PASSED,
    POLICIES,
    POLICY_KIND,
    SECRETS,
    Step,
    create,
    delete,
    edit,
    get,
    merge,
    owner,
    put,
    resource,
    secret,
    uid,
    until_deleting,
    until_gone,
    until_owners,
    version,
)


def tested(value: Any) -> dict[str, Any]:
    """An operation of a JSON patch that fails if the object has another uid."""
    return {"op": "test", "path": "/metadata/uid", "value": value}


CUSTOM: dict[str, list[Step]] = {
    "generation, status and defaults": [
        create(ECR_SECRETS, {**resource("a", unknown=1), "status": {"phase": "x"}, "other": 1}).named("a"),
        merge(ECR_SECRETS, "a", {"metadata": {"labels": {"l": "1"}}}),
        merge(ECR_SECRETS, "a", {"spec": {"suspend": True}}),
        merge(ECR_SECRETS, "a", {"spec": {"suspend": None}, "status": {"phase": "y"}}),
        merge(ECR_SECRETS, "a/status", {"status": {"phase": "Updated", "zzz": 1}, "spec": {"suspend": True}}),
        merge(ECR_SECRETS, "a/status", {"metadata": {"labels": {"l": "2"}, "uid": uid("a")}}),
        merge(ECR_SECRETS, "a/status", {"metadata": {"uid": ABSENT_UID}, "status": {"phase": "Error"}}),
        merge(ECR_SECRETS, "a/status", {"metadata": {"resourceVersion": version("a")}, "status": {"phase": "Error"}}),
        edit(ECR_SECRETS, "a/status", tested(ABSENT_UID), {"op": "add", "path": "/status", "value": {"phase": "x"}}),
        edit(
            ECR_SECRETS, "a/status", tested(uid("a")), {"op": "add", "path": "/status", "value": {"phase": "Pending"}}
        ),
        merge(ECR_SECRETS, "a/status", {"status": {"conditions": [PASSED]}}).named("b"),
        merge(ECR_SECRETS, "a/status", {"status": {"conditions": [PASSED, PASSED]}}),
        merge(ECR_SECRETS, "a/status", {"status": {"conditions": [{"type": "Ready", "status": "Perhaps"}]}}),
        merge(ECR_SECRETS, "a/status", {"status": {"expiresAt": "soon", "observedGeneration": "1"}}),
        merge(ECR_SECRETS, "a/status", {"status": {"expiresAt": "2026-01-01T00:00:00Z", "observedGeneration": 3}}),
        merge(ECR_SECRETS, "a/status", {"status": None}),
        put(ECR_SECRETS, "a", resource("a", frequency="2h")),
        put(ECR_SECRETS, "a", resource("a", metadata={"resourceVersion": version("b")})),
        get(ECR_SECRETS, "a"),
        get(ECR_SECRETS, "a/status"),
        get(ECR_SECRETS, "b"),
        merge(ECR_SECRETS, "b/status", {"status": {"phase": "x"}}),
    ],
    "bodies that are no resource": [
        create(ECR_SECRETS, {"metadata": {"name": "a"}}),
        create(ECR_SECRETS, secret("a")),
        create(ECR_SECRETS, {**resource("a"), "spec": None}),
        create(ECR_SECRETS, {**resource("a"), "spec": []}),
        create(ECR_SECRETS, {**resource("a", aws="me", link={}, suspend="yes", frequency=6)}),
        create(ECR_SECRETS, resource("A")),
    ],
    "deletion of a resource": [
        create(ECR_SECRETS, resource("a", metadata={"finalizers": HELD})).named("a"),
        merge(ECR_SECRETS, "a/status", {"status": {"phase": "Updated"}}),
        delete(ECR_SECRETS, "a", {"preconditions": {"uid": ABSENT_UID}}),
        delete(ECR_SECRETS, "a").named("b"),
        merge(ECR_SECRETS, "a", {"spec": {"suspend": True}}),
        merge(ECR_SECRETS, "a/status", {"status": {"phase": "Error"}}),
        merge(ECR_SECRETS, "a/status", {"metadata": {"finalizers": None}}),
        edit(ECR_SECRETS, "a", {"op": "remove", "path": "/metadata/finalizers/0"}),
        get(ECR_SECRETS, "a"),
        create(ECR_SECRETS, resource("a")),
        delete(ECR_SECRETS, "a"),
    ],
    "policies have no status": [
        create(POLICIES, resource("{ns}", POLICY_KIND, registries=["*"])).named("a"),
        merge(POLICIES, "{ns}", {"spec": {"mode": "Audit"}, "status": {"x": 1}}),
        merge(POLICIES, "{ns}", {"metadata": {"annotations": {"a": "b"}}}),
        merge(POLICIES, "{ns}/status", {"status": {"x": 1}}),
        merge(POLICIES, "{ns}", {"spec": {"registries": ["a", "a"], "role_arns": ["a b", "c\n"]}}),
        delete(POLICIES, "{ns}"),
    ],
    "garbage of owners": [
        create(ECR_SECRETS, resource("o")).named("o"),
        create(ECR_SECRETS, resource("p")).named("p"),
        create(SECRETS, secret("one", metadata={"ownerReferences": [owner("o", "o")]})),
        create(SECRETS, secret("both", metadata={"ownerReferences": [owner("o", "o"), owner("p", "p")]})),
        create(
            SECRETS,
            secret("another", metadata={"ownerReferences": [{**owner("o", "o"), "uid": ABSENT_UID}]}),
        ),
        create(
            SECRETS,
            secret("held", metadata={"ownerReferences": [owner("o", "o")], "finalizers": HELD}),
        ),
        until_gone(SECRETS, "another"),
        delete(ECR_SECRETS, "o"),
        until_gone(SECRETS, "one"),
        until_owners(SECRETS, "both", 1),
        until_deleting(SECRETS, "held"),
        merge(SECRETS, "held", {"metadata": {"finalizers": None}}),
        until_gone(SECRETS, "held"),
        delete(ECR_SECRETS, "p"),
        until_gone(SECRETS, "both"),
    ],
    "garbage of cluster-wide owners": [
        create(CLUSTER, resource("{ns}", "ClusterPullSecret")).named("o"),
        create(SECRETS, secret("a", metadata={"ownerReferences": [owner("o", "{ns}", "ClusterPullSecret")]})),
        delete(CLUSTER, "{ns}"),
        until_gone(SECRETS, "a"),
    ],
    "orphans": [
        create(ECR_SECRETS, resource("o")).named("o"),
        create(SECRETS, secret("a", metadata={"ownerReferences": [owner("o", "o")]})),
        delete(ECR_SECRETS, "o", {"propagationPolicy": "Orphan"}),
        until_gone(ECR_SECRETS, "o"),
        until_owners(SECRETS, "a", 0),
    ],
    "deletion in foreground": [
        create(ECR_SECRETS, resource("o")).named("o"),
        create(SECRETS, secret("a", metadata={"ownerReferences": [owner("o", "o", blockOwnerDeletion=True)]})),
        delete(ECR_SECRETS, "o", {"propagationPolicy": "Foreground"}),
        until_gone(ECR_SECRETS, "o"),
        get(SECRETS, "a"),
    ],
}
