"""Namespaces, of which only the labels count, and whether they terminate."""

from __future__ import annotations

from ..domain.access import NamespaceLabels
from .client import Client
from .objects import ObjectRef
from .source import KubeSource


def convert(raw: ObjectRef) -> NamespaceLabels:
    """A namespace as it is kept in memory."""
    meta = raw.metadata
    return NamespaceLabels(meta.name, meta.resource_version, meta.labels or {}, meta.deletion_timestamp is not None)


def source(client: Client) -> KubeSource[ObjectRef, NamespaceLabels]:
    """All namespaces of the cluster."""
    return KubeSource(client, "/api/v1/namespaces", raw=ObjectRef, convert=convert, covers=lambda _: True)
