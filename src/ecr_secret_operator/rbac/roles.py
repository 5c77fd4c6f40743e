"""The RBAC objects of an installation, made from the table. Names are those that kubebuilder gives."""

from __future__ import annotations

from collections.abc import Iterable

from ..api.fields import GROUP
from ..domain.raw import Manifest
from .installation import PREFIX, Installation
from .table import NAMESPACED, PERMISSIONS, Permission, RoleScope

_RBAC = "rbac.authorization.k8s.io"
METRICS_READER = f"{PREFIX}-metrics-reader"
_READ = ("get", "list", "watch")
_WRITE = ("create", "update", "patch", "delete")


def namespace(installation: Installation) -> list[Manifest]:
    """The operator's own namespace."""
    return [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": installation.namespace}}]


def service_account(installation: Installation) -> list[Manifest]:
    """The operator's ServiceAccount."""
    metadata = {"name": installation.service_account, "namespace": installation.namespace}
    return [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata}]


def manager(installation: Installation) -> list[Manifest]:
    """The permissions for the operator's work: in all namespaces, or in the watched ones and for AccessPolicies."""
    prefix, cluster, watched = installation.prefix, _permissions(RoleScope.CLUSTER), _permissions(RoleScope.WATCHED)
    watched = [
        permission for permission in watched if not permission.features or permission.features & installation.features
    ]
    if not installation.watched:
        return _granted(installation, f"{prefix}-manager", [*watched, *cluster, *_permissions(RoleScope.ALL)])
    objects = _granted(installation, f"{prefix}-policy-reader", cluster)
    for place in installation.watched:
        objects += _granted(installation, f"{prefix}-manager", watched, place)
    return objects


def leader_election(installation: Installation) -> list[Manifest]:
    """The permissions for leader election."""
    return _granted(
        installation, f"{installation.prefix}-leader-election", _permissions(RoleScope.OWN), installation.namespace
    )


def metrics_authentication(installation: Installation) -> list[Manifest]:
    """The permissions to authenticate and authorize readers of the metrics."""
    permissions = [permission for permission in PERMISSIONS if permission.metrics]
    return _granted(installation, f"{installation.prefix}-metrics-auth", permissions)


def metrics_reader() -> Manifest:
    """The ClusterRole for readers of the metrics, such as Prometheus. An administrator binds it."""
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": METRICS_READER},
        "rules": [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}],
    }


def user_roles() -> list[Manifest]:
    """Adds the namespaced kinds to the roles view, edit and admin. Policies are for cluster administrators."""
    statuses = [f"{name}/status" for name in NAMESPACED]
    seen = [_rule(GROUP, NAMESPACED, _READ), _rule(GROUP, statuses, ("get",))]
    edited = [_rule(GROUP, NAMESPACED, (*_READ, *_WRITE)), _rule(GROUP, statuses, ("get",))]
    return [_user_role("editor", edited, "admin", "edit"), _user_role("viewer", seen, "view")]


def _permissions(scope: RoleScope) -> list[Permission]:
    return [permission for permission in PERMISSIONS if permission.scope is scope and not permission.metrics]


def _rule(group: str, resources: Iterable[str], verbs: Iterable[str]) -> Manifest:
    return {"apiGroups": [group], "resources": list(resources), "verbs": list(verbs)}


def _user_role(name: str, rules: list[Manifest], *into: str) -> Manifest:
    labels = {f"{_RBAC}/aggregate-to-{role}": "true" for role in into}
    metadata = {"name": f"{PREFIX}-{name}", "labels": labels}
    return {"apiVersion": f"{_RBAC}/v1", "kind": "ClusterRole", "metadata": metadata, "rules": rules}


def _granted(
    installation: Installation, name: str, permissions: Iterable[Permission], place: str = ""
) -> list[Manifest]:
    """A role with these permissions and its binding to the operator; in one namespace, or without one in all."""
    where, kind = ({"namespace": place}, "Role") if place else ({}, "ClusterRole")
    role = {
        "apiVersion": f"{_RBAC}/v1",
        "kind": kind,
        "metadata": {"name": f"{name}-role", **where},
        "rules": [_rule(permission.group, permission.resources, permission.verbs) for permission in permissions],
    }
    binding = {
        "apiVersion": f"{_RBAC}/v1",
        "kind": f"{kind}Binding",
        "metadata": {"name": f"{name}-rolebinding", **where},
        "roleRef": {"apiGroup": _RBAC, "kind": kind, "name": f"{name}-role"},
        "subjects": [
            {"kind": "ServiceAccount", "name": installation.service_account, "namespace": installation.namespace}
        ],
    }
    return [role, binding]
