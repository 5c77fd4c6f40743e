"""Sees what becomes of resources and Secrets, from outside: by a watch, with the time at which each event came."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path

import aiohttp
import msgspec

from ..cluster import ECR, Object
from .api import Write, listed, send, session

MANAGED = "app.kubernetes.io/managed-by=ecr-secret-operator"
RESOURCES, SECRETS = f"{ECR}/secrets", "/api/v1/secrets"
WITHIN_SECONDS = 300.0
_POLL_SECONDS = 0.02


class Status(msgspec.Struct, rename="camel"):
    """As much of a resource's status as tells that it is served. `phase` is upstream's, too."""

    phase: str = ""
    last_handled_refresh: str = ""


class _Metadata(msgspec.Struct):
    name: str = ""
    namespace: str = ""


class _Resource(msgspec.Struct):
    metadata: _Metadata
    status: Status | None = None


class _Event(msgspec.Struct):
    object: _Resource


class Sightings:
    """When resources were first seen served.

    Args:
        served: whether a status says so.

    Attributes:
        at: the time of each by namespace and name, by `time.perf_counter`.
    """

    def __init__(self, served: Callable[[Status], bool]) -> None:
        self.at: dict[tuple[str, str], float] = {}
        self._served = served
        self._reader: asyncio.Task[None] | None = None

    @property
    def last(self) -> float:
        """When the last one was seen."""
        return max(self.at.values())

    async def reached(self, count: int, *, alive: Callable[[], None], within: float = WITHIN_SECONDS) -> None:
        """Waits until so many were seen.

        Args:
            count: of resources.
            alive: raises when there is no more hope.
            within: seconds.

        Raises:
            TimeoutError: they were not.
            aiohttp.ClientError: the watch broke.
        """
        end = time.monotonic() + within
        while len(self.at) < count:
            alive()
            ended = self._reader is None or self._reader.done()
            if self._reader and ended:
                self._reader.result()
            if ended or time.monotonic() > end:
                raise TimeoutError(f"{len(self.at)} of {count} were served in {within:.0f} s, or until the watch ended")
            await asyncio.sleep(_POLL_SECONDS)

    async def read(self, events: aiohttp.StreamReader) -> None:
        """Reads a watch until it ends."""
        decoder = msgspec.json.Decoder(_Event)
        async for line in _lines(events):
            now, resource = time.perf_counter(), decoder.decode(line).object
            if resource.status and self._served(resource.status):
                self.at.setdefault((resource.metadata.namespace, resource.metadata.name), now)

    @asynccontextmanager
    async def reading(self, events: aiohttp.StreamReader) -> AsyncIterator[Sightings]:
        """Reads a watch in the background."""
        self._reader = asyncio.create_task(self.read(events), name="watch")
        try:
            yield self
        finally:
            self._reader.cancel()
            await asyncio.wait({self._reader})


@asynccontextmanager
async def sightings(kubeconfig: Path, served: Callable[[Status], bool]) -> AsyncIterator[Sightings]:
    """Watches all resources of kind Secret, from now on.

    Args:
        kubeconfig: with a token.
        served: whether a status is the one that is waited for.
    """
    async with session(kubeconfig) as connections:
        now = (await listed(connections, RESOURCES, limit="1"))["metadata"]["resourceVersion"]
        query = {"watch": "true", "resourceVersion": now}
        async with connections.get(RESOURCES, params=query) as watch, Sightings(served).reading(watch.content) as seen:
            yield seen


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
    return asyncio.run(_seen(kubeconfig, cause, wanted, count))


async def _seen(kubeconfig: Path, cause: Write, wanted: Callable[[Object], bool], count: int) -> float:
    found: set[str] = set()
    async with asyncio.timeout(WITHIN_SECONDS), session(kubeconfig) as connections:
        version = (await listed(connections, SECRETS, limit="1"))["metadata"]["resourceVersion"]
        query = {"watch": "true", "labelSelector": MANAGED, "resourceVersion": version}
        async with connections.get(SECRETS, params=query) as watch:
            started = time.perf_counter()
            await send(connections, cause)
            async for line in _lines(watch.content):
                secret = msgspec.json.decode(line)["object"]
                if wanted(secret):
                    found.add(secret["metadata"]["namespace"])
                if len(found) >= count:
                    return time.perf_counter() - started
    raise TimeoutError(f"the watch ended after {len(found)} of {count}")


@contextmanager
def observer(kubeconfig: Path, path: str, **query: str) -> Iterator[None]:
    """Has another process watch, as this one does while the operator works: the lean client pays for that, too.

    Args:
        kubeconfig: with a token.
        path: of the collection.
        query: further parameters, such as a labelSelector.
    """
    context = multiprocessing.get_context("spawn")
    watching = context.Event()
    process = context.Process(target=_observe, args=(kubeconfig, path, query, watching), daemon=True)
    process.start()
    try:
        if not watching.wait(WITHIN_SECONDS):
            raise TimeoutError(f"{path} could not be watched")
        yield
        if not process.is_alive():
            raise RuntimeError(f"who watched {path} beside the lean client has ended: it was measured without")
    finally:
        process.terminate()
        process.join()


def _observe(kubeconfig: Path, path: str, query: Mapping[str, str], watching: Event) -> None:
    async def observe() -> None:
        async with session(kubeconfig) as connections:
            now = (await listed(connections, path, limit="1"))["metadata"]["resourceVersion"]
            async with connections.get(path, params={**query, "watch": "true", "resourceVersion": now}) as watch:
                watching.set()
                async for line in _lines(watch.content):
                    msgspec.json.decode(line, type=_Event)

    asyncio.run(observe())


async def _lines(events: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in events.iter_any():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line:
                yield line
