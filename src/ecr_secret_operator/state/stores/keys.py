"""The keys of Secrets and ServiceAccounts in their caches, and the two forms of keys of cluster resources. Pure."""

from __future__ import annotations

from ...domain.kinds import KINDS
from ...domain.resource import Key

NamespacedName = tuple[str, str]
"""The key of a Secret or a ServiceAccount in its cache: namespace and name."""


def is_cluster(key: Key) -> bool:
    """Whether a key names a cluster resource, and not one of its placements."""
    return not key.namespace and key.kind in KINDS and KINDS[key.kind].clustered


def is_placement(key: Key) -> bool:
    """Whether a key names a placement of a cluster resource."""
    return bool(key.namespace) and key.kind in KINDS and KINDS[key.kind].clustered
