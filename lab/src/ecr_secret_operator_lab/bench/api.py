"""The lean client itself: requests as plain values, and as little as possible between them and the API server."""

from __future__ import annotations

import ssl
from base64 import b64decode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec
import yaml

from ..cluster import Object

_NO_LIMIT = aiohttp.ClientTimeout(total=None)


class Write(NamedTuple):
    """One request.

    Attributes:
        method: of HTTP.
        path: of the API.
        body: an object; for a PATCH a merge patch, or the operations of a JSON patch.
    """

    method: str
    path: str
    body: Mapping[str, Any] | Sequence[Mapping[str, Any]]

    @property
    def content(self) -> str:
        """Its content type."""
        if self.method != "PATCH":
            return "application/json"
        return f"application/{'merge' if isinstance(self.body, Mapping) else 'json'}-patch+json"


def session(kubeconfig: Path) -> aiohttp.ClientSession:
    """Connections to one API server, as many as are used at a time. Needs a running loop.

    Args:
        kubeconfig: with a token.
    """
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, token = config["clusters"][0]["cluster"], config["users"][0]["user"]["token"]
    tls = ssl.create_default_context(cadata=b64decode(cluster["certificate-authority-data"]).decode())
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    connector = aiohttp.TCPConnector(limit=0, ssl=tls)
    return aiohttp.ClientSession(
        cluster["server"], connector=connector, headers=headers, read_bufsize=1 << 20, timeout=_NO_LIMIT
    )


async def send(connections: aiohttp.ClientSession, write: Write, body: bytes | None = None) -> None:
    """Sends one.

    Args:
        connections: from `session`.
        write: what to send.
        body: its body, where it is encoded already.

    Raises:
        aiohttp.ClientResponseError: it was refused.
    """
    kind = {"Content-Type": write.content}
    data = msgspec.json.encode(write.body) if body is None else body
    async with connections.request(write.method, write.path, data=data, headers=kind) as answer:
        answer.raise_for_status()
        await answer.read()


async def listed(connections: aiohttp.ClientSession, path: str, **query: str) -> Object:
    """A list, or an object. Raises aiohttp.ClientResponseError."""
    async with connections.get(path, params=query) as answer:
        answer.raise_for_status()
        found: Object = msgspec.json.decode(await answer.read())
        return found
