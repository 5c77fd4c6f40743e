"""The RBAC objects of an installation, made from the table. Names are those that kubebuilder gives."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..domain.fields import GROUP
from .installation import PREFIX, SERVICE_ACCOUNT, Installation
from .table import NAMESPACED, RIGHTS, Right, Scope

Object = dict[str, Any]

_RBAC = "rbac.authorization.k8s.io"
METRICS_READER = f"{PREFIX}-metrics-reader"
_READ = ("get", "list", "watch")
_WRITE = ("create", "update", "patch", "delete")


def namespace(installation: Installation) -> list[Object]:
    """The operator's own namespace."""
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": installation.namespace}}]


def service_account(installation: Installation) -> list[Object]:
    """Who the operator is."""
    metadata = {"name": SERVICE_ACCOUNT, "namespace": installation.namespace}
    return [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}]


def manager(installation: Installation) -> list[Object]:
    """The rights to do its work: in all namespaces, or in the watched ones and, to know the policies, beyond."""
    prefix, cluster, watched = installation.prefix, _rights(Scope.CLUSTER), _rights(Scope.WATCHED)
    watched = [right for right in watched if not right.features or right.features & installation.features]
    if not installation.watched:
        return _granted(installation, f"{prefix}-manager", [*watched, *cluster, *_rights(Scope.ALL)])
    objects = _granted(installation, f"{prefix}-policy-reader", cluster)
    for place in installation.watched:
        objects += _granted(installation, f"{prefix}-manager", watched, place)
    return objects


def leader_election(installation: Installation) -> list[Object]:
    """The rights to contend for the Lease."""
    return _granted(installation, f"{installation.prefix}-leader-election", _rights(Scope.OWN), installation.namespace)


def metrics_authentication(installation: Installation) -> list[Object]:
    """The rights to ask who reads the metrics, and whether they may."""
    rights = [right for right in RIGHTS if right.metrics]
    return _granted(installation, f"{installation.prefix}-metrics-auth", rights)


def metrics_reader() -> Object:
    """The ClusterRole of those who read the metrics, such as Prometheus. Binding it is left to an administrator."""
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": METRICS_READER},
        "rules": [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}],
    }


def user_roles() -> list[Object]:
    """Rights over the namespaced kinds for who has the role view, edit or admin. Policies are for cluster admins."""
    statuses = [f"{name}/status" for name in NAMESPACED]
    seen = [_rule(GROUP, NAMESPACED, _READ), _rule(GROUP, statuses, ("get",))]
    edited = [_rule(GROUP, NAMESPACED, (*_READ, *_WRITE)), _rule(GROUP, statuses, ("get",))]
    return [_user_role("editor", edited, "admin", "edit"), _user_role("viewer", seen, "view")]


def _rights(scope: Scope) -> list[Right]:
    return [right for right in RIGHTS if right.scope is scope and not right.metrics]


def _rule(group: str, resources: Iterable[str], verbs: Iterable[str]) -> Object:
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def _user_role(name: str, rules: list[Object], *into: str) -> Object:
    labels = {f"{_RBAC}/aggregate-to-{role}": "true" for role in into}
    metadata = {"name": f"{PREFIX}-{name}", "labels": labels}
    return {"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", "metadata": metadata, "rules": rules}


def _granted(installation: Installation, name: str, rights: Iterable[Right], place: str = "") -> list[Object]:
    """A role with these rights and its binding to the operator; in one namespace, or without one in all."""
    where, kind = ({"namespace": place}, "Role") if place else ({}, "ClusterRole")
    role = {
        "apiVersion": f"{_RBAC}/v1",
        "kind": kind,
        "metadata": {"name": f"{name}-role", **where},
        "rules": [_rule(right.group, right.resources, right.verbs) for right in rights],
    }
    binding = {
        "apiVersion": f"{_RBAC}/v1",
        "kind": f"{kind}Binding",
        "metadata": {"name": f"{name}-rolebinding", **where},
        "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": f"{name}-role"},
        "subjects": [{"kind": "ServiceAccount", "name": SERVICE_ACCOUNT, "namespace": installation.namespace}],
    }
    return [role, binding]
