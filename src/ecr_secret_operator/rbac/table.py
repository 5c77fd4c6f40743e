"""The table of permissions: what the operator does with which resources, and why. Roles and documentation come from it.

A verb is here because the code uses it: `tests/cluster/test_permissions.py` compares the table with an audit log.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..api.fields import GROUP
from ..domain.kinds import KINDS
from .installation import Feature

NAMESPACED = tuple(kind.plural for kind in KINDS.values() if not kind.clustered)
"""The kinds that live in namespaces, which their users may be given permissions for."""

CLUSTERED = tuple(kind.plural for kind in KINDS.values() if kind.clustered)
"""Those that do not: for cluster admins."""


class RoleScope(StrEnum):
    """Where a permission is needed."""

    WATCHED = "watched namespaces"
    CLUSTER = "cluster"
    ALL = "cluster, only when all namespaces are watched"
    OWN = "own namespace"


@dataclass(frozen=True, slots=True)
class Permission:
    """One row of the table of permissions.

    Attributes:
        group: the API group; empty for core.
        resources: as in an RBAC rule, with the subresource if it is one.
        verbs: as in an RBAC rule.
        scope: where.
        why: in one clause.
        metrics: whether it is for authenticating those who read /metrics, and so is optional.
        features: those that need it; without all of them it is not given. Empty for what is always needed.
    """

    group: str
    resources: tuple[str, ...]
    verbs: tuple[str, ...]
    scope: RoleScope
    why: str
    metrics: bool = False
    features: frozenset[Feature] = frozenset()

    def full_names(self) -> list[str]:
        """The resources with their group, as `kubectl auth can-i` takes them."""
        split = (resource.partition("/") for resource in self.resources)
        return [f"{name}{'.' if self.group else ''}{self.group}{slash}{sub}" for name, slash, sub in split]


PERMISSIONS = (
    Permission(GROUP, NAMESPACED, ("list", "watch"), RoleScope.WATCHED, "to read the resources"),
    Permission(
        GROUP, tuple(f"{name}/status" for name in NAMESPACED), ("patch",), RoleScope.WATCHED, "to report their status"
    ),
    Permission(
        "",
        ("secrets",),
        ("get", "list", "watch", "create", "patch", "delete"),
        RoleScope.WATCHED,
        "to create, refresh and delete the generated Secrets, and to read the Secrets with AWS keys that resources"
        " name. The admission policy denies writes to all other Secrets",
    ),
    Permission(
        "", ("events",), ("get", "create", "patch"), RoleScope.WATCHED, "to report failures, recoveries and repairs"
    ),
    Permission(
        "",
        ("serviceaccounts",),
        ("list", "watch"),
        RoleScope.WATCHED,
        "to read the ServiceAccounts that resources name in `aws.service_account` or `link`",
        features=frozenset(Feature),
    ),
    Permission(
        "",
        ("serviceaccounts",),
        ("patch",),
        RoleScope.WATCHED,
        "only for `link`: to add the generated Secret to the ServiceAccounts that a resource names. The admission"
        " policy denies every other change, and the removal of entries that the operator did not add",
        features=frozenset({Feature.LINKS}),
    ),
    Permission(
        "",
        ("serviceaccounts/token",),
        ("create",),
        RoleScope.WATCHED,
        "only for `aws.service_account`: to call AWS with that identity. The admission policy denies tokens that the"
        " API server accepts, and tokens of ServiceAccounts in system namespaces",
        features=frozenset({Feature.TOKENS}),
    ),
    Permission(GROUP, ("accesspolicies",), ("list", "watch"), RoleScope.CLUSTER, "to read the access policies"),
    Permission(GROUP, CLUSTERED, ("list", "watch"), RoleScope.ALL, "to read the resources"),
    Permission(
        GROUP, tuple(f"{name}/status" for name in CLUSTERED), ("patch",), RoleScope.ALL, "to report their status"
    ),
    Permission(
        "",
        ("namespaces",),
        ("list", "watch"),
        RoleScope.CLUSTER,
        "to read the labels by which policies and ClusterPullSecrets select namespaces",
    ),
    Permission("coordination.k8s.io", ("leases",), ("get", "create", "update"), RoleScope.OWN, "leader election"),
    Permission(
        "authentication.k8s.io",
        ("tokenreviews",),
        ("create",),
        RoleScope.CLUSTER,
        "only with `--metrics-secure`: to authenticate readers of the metrics",
        metrics=True,
    ),
    Permission(
        "authorization.k8s.io",
        ("subjectaccessreviews",),
        ("create",),
        RoleScope.CLUSTER,
        "only with `--metrics-secure`: to authorize readers of the metrics",
        metrics=True,
    ),
)


def markdown() -> str:
    """The table as the documentation shows it."""
    head = "| resource | verbs | where | why |\n|---|---|---|---|\n"
    rows = (
        f"| {', '.join(f'`{name}`' for name in permission.full_names())} | {', '.join(permission.verbs)}"
        f" | {permission.scope} |"
        f" {permission.why} |\n"
        for permission in PERMISSIONS
    )
    return head + "".join(rows)
