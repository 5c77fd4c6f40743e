"""Namespaces, of which only the labels count, and whether they terminate."""

from __future__ import annotations

from ..api.selectors import MOST_LABEL_CHARACTERS, NamespaceLabels
from .client import Client
from .objects import ObjectRef
from .source import KubeSource


def convert(raw: ObjectRef) -> NamespaceLabels:
    """Converts a namespace to what is kept in memory of it."""
    meta, labels = raw.metadata, raw.metadata.labels or {}
    oversized = sum(len(key) + len(value) for key, value in labels.items()) > MOST_LABEL_CHARACTERS
    terminating = meta.deletion_timestamp is not None
    return NamespaceLabels(meta.name, meta.resource_version, {} if oversized else labels, terminating, oversized)


def source(client: Client) -> KubeSource[ObjectRef, NamespaceLabels]:
    """The list and watch of all namespaces."""
    return KubeSource(client, "/api/v1/namespaces", raw=ObjectRef, convert=convert, covers=lambda _: True)
