"""A lean client: what the operator is measured against, and what measures it."""

from __future__ import annotations

import asyncio
import ssl
import time
from base64 import b64decode
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec
import yaml

from ..cluster import Object

MANAGED = "app.kubernetes.io/managed-by=ecr-secret-operator"
WITHIN_SECONDS = 300.0
_NO_LIMIT = aiohttp.ClientTimeout(total=None)

IN_FLIGHT = 64
"""As many requests at a time as the operator allows itself."""


class Write(NamedTuple):
    """One request."""

    method: str
    path: str
    body: Mapping[str, Any]

    @property
    def content(self) -> str:
        """Its content type."""
        return "application/merge-patch+json" if self.method == "PATCH" else "application/json"


def ceiling(kubeconfig: Path, writes: Sequence[Write]) -> float:
    """Does all writes, in any order, and nothing else.

    Args:
        kubeconfig: with a token.
        writes: what to do; encoded before the clock starts.

    Returns:
        How long they took together, in seconds.

    Raises:
        aiohttp.ClientResponseError: the API server refused one.
    """
    return asyncio.run(_all(yaml.safe_load(kubeconfig.read_text()), writes))


async def _all(config: Object, writes: Sequence[Write]) -> float:
    todo = iter([(one, msgspec.json.encode(one.body)) for one in writes])
    async with _session(config) as session:

        async def work() -> None:
            for one, body in todo:
                await _send(session, one, body)

        started = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(IN_FLIGHT)))
        return time.perf_counter() - started


def seen(kubeconfig: Path, cause: Write, wanted: Callable[[Object], bool], count: int) -> float:
    """Does one write and watches what comes of it.

    Args:
        kubeconfig: with a token.
        cause: the write.
        wanted: whether a Secret of the operator is one that is waited for.
        count: how many of them there are to be.

    Returns:
        How long it took from the write until the last was seen, in seconds.

    Raises:
        TimeoutError: not all of them came.
    """
    return asyncio.run(_seen(yaml.safe_load(kubeconfig.read_text()), cause, wanted, count))


async def _seen(config: Object, cause: Write, wanted: Callable[[Object], bool], count: int) -> float:
    found: set[str] = set()
    async with asyncio.timeout(WITHIN_SECONDS), _session(config) as session:
        listed = await session.get("/api/v1/secrets", params={"limit": "1"})
        version = (await listed.json())["metadata"]["resourceVersion"]
        query = {"watch": "true", "labelSelector": MANAGED, "resourceVersion": version}
        async with session.get("/api/v1/secrets", params=query) as events:
            started = time.perf_counter()
            await _send(session, cause, msgspec.json.encode(cause.body))
            rest = b""
            async for chunk in events.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                secrets = (msgspec.json.decode(line)["object"] for line in lines if line)
                found.update(one["metadata"]["namespace"] for one in secrets if wanted(one))
                if len(found) >= count:
                    return time.perf_counter() - started
    raise TimeoutError(f"the watch ended after {len(found)} of {count}")


def _session(config: Object) -> aiohttp.ClientSession:
    cluster, token = config["clusters"][0]["cluster"], config["users"][0]["user"]["token"]
    tls = ssl.create_default_context(cadata=b64decode(cluster["certificate-authority-data"]).decode())
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT, ssl=tls)
    return aiohttp.ClientSession(
        cluster["server"], connector=connector, headers=headers, read_bufsize=1 << 20, timeout=_NO_LIMIT
    )


async def _send(session: aiohttp.ClientSession, write: Write, body: bytes) -> None:
    kind = {"Content-Type": write.content}
    async with session.request(write.method, write.path, data=body, headers=kind) as answer:
        answer.raise_for_status()
        await answer.read()
