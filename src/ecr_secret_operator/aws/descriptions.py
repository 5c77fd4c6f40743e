"""Reads botocore's descriptions of AWS, and keeps only what the operator uses of them.

botocore describes every service of AWS in `endpoints.json`, and keeps the file in memory: 7 MiB for the six services
that are ever called. Descriptions of services contain the text of their documentation, which nothing reads here.
"""

from __future__ import annotations

import functools
import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from botocore.loaders import JSONFileLoader, Loader

SERVICES = {
    "ecr": "api.ecr",
    "ecr-public": "api.ecr-public",
    "sts": "sts",
    "sso": "portal.sso",
    "sso-oidc": "oidc",
    "signin": "signin",
}
"""Those that give tokens, and those that give credentials: the name of the client, and the name in `endpoints.json`."""

_DOCUMENTATION = "documentation"


class _Files(JSONFileLoader):  # type: ignore[misc] # botocore has no types
    """Reads a file of botocore's data."""

    def load_file(self, file_path: str) -> Any:  # noqa: ANN401 - as botocore has it
        """The content of a file; None if it does not exist.

        Args:
            file_path: without the ending, which is `.json` or `.json.gz`.
        """
        plain, packed = Path(f"{file_path}.json"), Path(f"{file_path}.json.gz")
        if plain.is_file():
            content = plain.read_bytes()
        elif packed.is_file():
            content = gzip.decompress(packed.read_bytes())
        else:
            return None
        return _endpoints(content) if plain.stem == "endpoints" else _undocumented(msgspec.json.decode(content))


@functools.cache
def shared_loader() -> Loader:
    """Reads each file once for all sessions: reading is the costly part of a session."""
    return Loader(file_loader=_Files())


def _endpoints(content: bytes) -> dict[str, Any]:
    fields = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    partitions = msgspec.json.decode(fields.pop("partitions"), type=list[dict[str, msgspec.Raw]])
    return {**_decoded(fields), "partitions": [_partition(one) for one in partitions]}


def _partition(fields: dict[str, msgspec.Raw]) -> dict[str, Any]:
    services = msgspec.json.decode(fields.pop("services"), type=dict[str, msgspec.Raw])
    used = {name: services[name] for name in SERVICES.values() if name in services}
    return {**_decoded(fields), "services": _decoded(used)}


def _decoded(fields: Mapping[str, msgspec.Raw]) -> dict[str, Any]:
    return {name: msgspec.json.decode(raw) for name, raw in fields.items()}


def _undocumented(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {
            name: _undocumented(one)
            for name, one in value.items()
            if name != _DOCUMENTATION or not isinstance(one, str)
        }
    return [_undocumented(one) for one in value] if isinstance(value, list) else value
