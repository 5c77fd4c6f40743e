"""What the operator may do in a cluster: one table, the RBAC made from it, and policies that say what RBAC cannot."""

from .admission import admission_policies
from .installation import DEFAULT_AUDIENCES, DEFAULT_EXCLUDED, Feature, Installation
from .roles import (
    METRICS_READER,
    leader_election,
    manager,
    metrics_authentication,
    metrics_reader,
    namespace,
    service_account,
    user_roles,
)
from .table import PERMISSIONS, Permission, RoleScope, markdown

__all__ = [
    "DEFAULT_AUDIENCES",
    "DEFAULT_EXCLUDED",
    "METRICS_READER",
    "PERMISSIONS",
    "Feature",
    "Installation",
    "Permission",
    "RoleScope",
    "admission_policies",
    "leader_election",
    "manager",
    "markdown",
    "metrics_authentication",
    "metrics_reader",
    "namespace",
    "service_account",
    "user_roles",
]
