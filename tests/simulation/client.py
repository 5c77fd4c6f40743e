"""A client of the simulated API server, with the interface of `ecr_secret_operator.kube.client.Client`.

Time passes in `asyncio.sleep` only, so a loop with virtual time runs it without waiting. Errors are those that the real
client raises, made by the same functions of `kube.errors`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from ecr_secret_operator.errors import Unavailable
from ecr_secret_operator.kube.client import JSON, JSON_PATCH, MERGE_PATCH, PAGE_BYTES
from ecr_secret_operator.kube.errors import decoded, error_of

from .apiserver import ApiServer, Request, Response, Rule, Watch
from .apiserver.watches import error_line
from .network import Fate, Faults, Network, WatchFate

__all__ = ["Faults", "Network", "SimulatedClient"]

T = TypeVar("T")
_Body = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None

SERVER = "https://simulated.invalid:6443"
LAST_BOOKMARK_SECONDS = 2.0
"""So long before the end of a watch comes its last bookmark (k8s.io/apiserver, storage/cacher, bookmarkBuffer)."""

_OK = 300
_PAGES = 4
_EXPIRED = error_line("too old resource version")
_UNREACHABLE = "the API server cannot be reached: the network is partitioned"
_SILENT = "the API server did not answer in time"


class SimulatedClient:
    """Requests of one user to the simulated API server.

    Args:
        server: answers the requests.
        network: draws delays and faults.
        clock: gives the time in UTC.
        user: the authenticated user.
        access: what the user may do; None for everything.
        agent: the user agent.

    Attributes:
        pages: held by the reader of a page of a list, for as long as the page is in memory.
        requests: how many requests were sent, watches included.
    """

    def __init__(
        self,
        server: ApiServer,
        network: Network,
        clock: Callable[[], datetime],
        *,
        user: str,
        access: Rule | None = None,
        agent: str = "ecr-secret-operator",
    ) -> None:
        self._server = server
        self._network = network
        self._clock = clock
        self._user = user
        self._agent = agent
        self._closed = False
        self.pages = asyncio.Semaphore(_PAGES)
        self.requests = 0
        if access is not None:
            server.restrict(user, access)

    @property
    def server(self) -> str:
        """The API server's URL."""
        return SERVER

    async def close(self) -> None:
        """Closes the client: further requests fail."""
        self._closed = True

    async def get(self, path: str, reply: type[T], query: Mapping[str, str] | None = None) -> T:
        """Reads an object or a list. Raises ApiError."""
        return decoded(await self._send("GET", path, query=query), reply)

    async def page(self, path: str, query: Mapping[str, str]) -> bytes | None:
        """Reads a page of a list; None if it is longer than `PAGE_BYTES`. Raises ApiError."""
        answer = await self._send("GET", path, query=query)
        return answer if len(answer) <= PAGE_BYTES else None

    async def post(self, path: str, body: Mapping[str, Any], reply: type[T]) -> T:
        """Creates an object. Raises ApiError; AlreadyExists if the name is taken."""
        return decoded(await self._send("POST", path, body=body), reply)

    async def check_post(self, path: str, body: Mapping[str, Any]) -> None:
        """Tries to create an object in a dry run, which stores nothing. Raises ApiError."""
        await self._send("POST", path, query={"dryRun": "All"}, body=body)

    async def put(self, path: str, body: Mapping[str, Any], reply: type[T]) -> T:
        """Replaces an object. Raises ApiError; Conflict if another version is stored than the body names."""
        return decoded(await self._send("PUT", path, body=body), reply)

    async def patch(self, path: str, body: Mapping[str, Any], reply: type[T]) -> T:
        """Applies a merge patch (RFC 7386). Raises ApiError; Conflict if it names another uid or version."""
        return decoded(await self._send("PATCH", path, body=body, content=MERGE_PATCH), reply)

    async def json_patch(self, path: str, operations: Sequence[Mapping[str, Any]], reply: type[T]) -> T:
        """Applies a JSON patch (RFC 6902). Raises ApiError; Conflict if it names another version."""
        return decoded(await self._send("PATCH", path, body=operations, content=JSON_PATCH), reply)

    async def delete(self, path: str, *, uid: str, resource_version: str) -> None:
        """Deletes this version of an object, and no other. Raises ApiError; Conflict if another one is stored."""
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        await self._send("DELETE", path, body={"preconditions": preconditions})

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: _Body = None,
        content: str = JSON,
    ) -> bytes:
        request = Request(
            method=method,
            path=path,
            query=query or {},
            body=b"" if body is None else msgspec.json.encode(body),
            content=content,
            user=self._user,
            agent=self._agent,
        )
        response = await self._response(request)
        if response.status >= _OK:
            raise error_of(response.status, response.body, retry_after=response.headers.get("Retry-After"))
        return response.body

    async def _response(self, request: Request) -> Response:
        """Sends a request through the network, and waits for the answer. Raises Unavailable."""
        network = self._network
        self.requests += 1
        self._check_reachable()
        await asyncio.sleep(network.latency())
        fate = network.fate()
        if fate is Fate.LOST or self._user in network.partitioned:
            return await self._unanswered()
        refusal = _refused(network, fate)
        if refusal is not None:
            await asyncio.sleep(network.latency())
            return refusal
        wait = self._server.admission_seconds(request)
        if wait:
            await asyncio.sleep(wait)
        seen = self._server.state.revision - network.lag()
        response = self._server.handle(request, self._clock(), seen=seen)
        if fate is Fate.LOST_AFTER:
            return await self._unanswered()
        await asyncio.sleep(network.latency())
        if self._user in network.partitioned:
            return await self._unanswered()
        return _failed(network, carried_out=True) if fate is Fate.FAILED_AFTER else response

    def _check_reachable(self) -> None:
        if self._closed:
            raise Unavailable("the API server cannot be reached: the session is closed")
        if self._user in self._network.partitioned:
            raise Unavailable(_UNREACHABLE)

    async def _unanswered(self) -> Response:
        await asyncio.sleep(self._network.faults.timeout_seconds)
        raise Unavailable(_SILENT)

    async def stream(self, path: str, query: Mapping[str, str]) -> AsyncIterator[bytes]:
        """Yields the lines of a watch until the server ends it. Raises ApiError. The caller sets a time-out."""
        network = self._network
        self.requests += 1
        self._check_reachable()
        await asyncio.sleep(network.latency())
        fate = network.fate()
        if fate in {Fate.LOST, Fate.LOST_AFTER} or self._user in network.partitioned:
            await asyncio.Event().wait()  # as long as the caller is patient
        refusal = _refused(network, fate)
        request = Request(method="GET", path=path, query=query, user=self._user, agent=self._agent)
        watch = refusal or self._server.watch(request, self._clock())
        if isinstance(watch, Response):
            raise error_of(watch.status, watch.body, retry_after=watch.headers.get("Retry-After"))
        try:
            end = network.watch_fate()
            if end.expired:
                yield _EXPIRED
                return
            async for line in self._lines(watch, end):
                yield line
        finally:
            watch.close()

    async def _lines(self, watch: Watch, fate: WatchFate) -> AsyncIterator[bytes]:
        """The lines of a watch as they arrive. Raises Unavailable when the connection breaks."""
        changed, loop = asyncio.Event(), asyncio.get_running_loop()
        watch.wake = changed.set
        started = loop.time()
        ends = started + (watch.until - self._clock()).total_seconds()
        bookmark = min(started + self._network.faults.bookmark_seconds, ends - LAST_BOOKMARK_SECONDS)
        breaks = None if fate.breaks_after is None else started + fate.breaks_after
        silent = None if fate.silent_after is None else started + fate.silent_after
        while True:
            lines = watch.read()
            now = loop.time()
            if breaks is not None and now >= breaks:
                raise Unavailable("the API server cannot be reached: the connection was closed")
            if silent is not None and now >= silent:
                await asyncio.Event().wait()
            for line in lines:
                await self._arrival()
                yield line
            if watch.ended or now >= ends:
                return
            if now >= bookmark:
                bookmark = now + self._network.faults.bookmark_seconds
                if now < ends - LAST_BOOKMARK_SECONDS:
                    bookmark = min(bookmark, ends - LAST_BOOKMARK_SECONDS)
                found = watch.bookmark(self._clock()) if watch.bookmarks else None
                if found is not None:
                    await self._arrival()
                    yield found
            moments = (one for one in (ends, bookmark, breaks, silent) if one is not None)
            await _until(changed, min(moments))

    async def _arrival(self) -> None:
        """Waits for an event to arrive. A partition holds it back, and the connection breaks in the end."""
        wait = self._network.event_latency()
        if wait:
            await asyncio.sleep(wait)
        if self._user in self._network.partitioned:
            await asyncio.Event().wait()


async def _until(changed: asyncio.Event, moment: float) -> None:
    """Waits for a change, but no longer than until a moment of the loop's clock."""
    if not changed.is_set():
        timer = asyncio.get_running_loop().call_at(moment, changed.set)
        try:
            await changed.wait()
        finally:
            timer.cancel()
    changed.clear()


def _refused(network: Network, fate: Fate) -> Response | None:
    """The answer to a request that is refused before it is carried out."""
    if fate is Fate.THROTTLED:
        wait = str(network.retry_after())
        body = {"kind": "Status", "status": "Failure", "reason": "TooManyRequests", "code": 429}
        text = {"message": "too many requests, please try again later"}
        return Response(429, msgspec.json.encode({**body, **text}), {"Retry-After": wait})
    if fate is Fate.FAILED:
        return _failed(network, carried_out=False)
    return None


def _failed(network: Network, *, carried_out: bool) -> Response:
    status = network.failure(carried_out=carried_out)
    body = {"kind": "Status", "status": "Failure", "reason": "InternalError", "code": status, "message": "etcdserver"}
    return Response(status, msgspec.json.encode(body), {})
