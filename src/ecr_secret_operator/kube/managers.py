"""Which field managers besides the operator have written to an object (`metadata.managedFields`)."""

from __future__ import annotations

import msgspec

from ..errors import ApiError
from .client import Client

OWN = "ecr-secret-operator"
"""The operator's: the API server takes it from the beginning of the user agent."""

_MOST = 3


class _ManagedFieldsEntry(msgspec.Struct):
    manager: str = ""
    time: str = ""


class _Meta(msgspec.Struct, rename="camel"):
    managed_fields: list[_ManagedFieldsEntry] | None = None


class _Managed(msgspec.Struct):
    metadata: _Meta


async def other_managers(client: Client, path: str) -> tuple[str, ...]:
    """The names of at most three field managers, the latest first; empty if the object cannot be read."""
    try:
        found = await client.get(path, _Managed)
    except ApiError:
        return ()
    entries = sorted(found.metadata.managed_fields or (), key=lambda entry: entry.time, reverse=True)
    return tuple(dict.fromkeys(entry.manager for entry in entries if entry.manager not in {OWN, ""}))[:_MOST]
