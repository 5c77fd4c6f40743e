"""What RBAC grants the operator, read from the shipped roles."""

from __future__ import annotations

from ecr_secret_operator.rbac import PERMISSIONS, RoleScope
from ecr_secret_operator_lab.cluster import Cluster

BASIC = {
    ("authentication.k8s.io", "selfsubjectreviews", "create"),
    ("authorization.k8s.io", "selfsubjectaccessreviews", "create"),
    ("authorization.k8s.io", "selfsubjectrulesreviews", "create"),
}
"""What Kubernetes gives to everybody (system:basic-user)."""


def permissions_in(cluster: Cluster, namespace: str) -> set[tuple[str, str, str]]:
    """As `kubectl auth can-i --list` asks for them."""
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    review = cluster.create(path, {"spec": {"namespace": namespace}})
    rules = review["status"]["resourceRules"]
    assert not [rule for rule in rules if rule.get("resourceNames")]
    found = {
        (group, resource, verb)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    return found - BASIC


def granted(*scopes: RoleScope) -> set[tuple[str, str, str]]:
    rows = [permission for permission in PERMISSIONS if permission.scope in scopes and not permission.metrics]
    return {
        (permission.group, resource, verb)
        for permission in rows
        for resource in permission.resources
        for verb in permission.verbs
    }
