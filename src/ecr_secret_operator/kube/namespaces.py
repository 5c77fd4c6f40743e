"""Namespaces, of which only the labels count."""

from __future__ import annotations

from ..domain.access import NamespaceLabels
from .client import Client
from .objects import ObjectRef
from .source import KubeSource


def convert(raw: ObjectRef) -> NamespaceLabels:
    """A namespace as it is kept in memory."""
    return NamespaceLabels(raw.metadata.name, raw.metadata.resource_version, raw.metadata.labels or {})


def source(client: Client) -> KubeSource[ObjectRef, NamespaceLabels]:
    """All namespaces of the cluster."""
    return KubeSource(client, "/api/v1/namespaces", raw=ObjectRef, convert=convert, covers=lambda _: True)
