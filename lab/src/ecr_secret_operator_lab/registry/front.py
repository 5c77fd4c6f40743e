"""The front: admits clients that have a valid token, and forwards their requests to the real registry.

Bodies are streamed both ways, so a layer may be of any size. The registry behind learns the host that was asked for
and that it was over HTTPS, since it names both in the addresses that it gives.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING

import aiohttp
import msgspec
from aiohttp import hdrs, web
from multidict import CIMultiDict
from yarl import URL

from ..fakeaws.records import Found
from .admission import Admission, admit
from .gate import USER, login_in
from .records import Handled, Refusal
from .refusals import refused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_RECORDS = 100_000
CHUNK = 1 << 18
BEHIND = "http://registry"
"""The registry listens on a socket in the file system: the name is for HTTP only."""

HOP_BY_HOP = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
    "upgrade",
})  # fmt: skip
"""RFC 9110, section 7.6.1, and what it obsoletes."""

CLIENTS_OWN = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
BLOB = "application/octet-stream"
"""The registry reads `mount` and `from` in a form, too, which nothing has judged."""


class Record:
    """The requests that were answered, the latest of them."""

    def __init__(self) -> None:
        self._count = 0
        self._handled: deque[Handled] = deque(maxlen=MAX_RECORDS)

    def next_number(self) -> int:
        """Of a request that arrives."""
        self._count += 1
        return self._count

    def add(self, handled: Handled) -> None:
        """Remembers a request."""
        self._handled.append(handled)

    def after(self, number: int) -> list[Handled]:
        """Those with a higher number, in the order of their answers."""
        return [handled for handled in self._handled if handled.number > number]


class Front:
    """Answers as the registry.

    Args:
        aws: URL of the fake AWS.
        socket: the address at which the real registry listens.
        record: called with each request.
    """

    def __init__(self, *, aws: str, socket: str, record: Record) -> None:
        self._lookup = f"{aws}/_lab/tokens/lookup"
        self._record = record
        no_limit = aiohttp.ClientTimeout(total=None)
        self._aws = aiohttp.ClientSession(trust_env=False)
        self._registry = aiohttp.ClientSession(
            connector=aiohttp.UnixConnector(socket, limit=0),
            timeout=no_limit,
            auto_decompress=False,
            skip_auto_headers=CLIENTS_OWN,
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        """Closes its connections."""
        await self._registry.close()
        await self._aws.close()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answers one request, and records it also when the client goes away."""
        number, arrived, status = self._record.next_number(), time.time(), 0
        admission = await self._admit(request)
        try:
            if admission.refusal is None:
                response = await self._pass_on(request, admission)
            else:
                response = refused(request, admission.refusal, admission.message)
            status = response.status
        finally:
            self._record.add(
                Handled(
                    number=number,
                    time=arrived,
                    method=request.method,
                    host=request.host,
                    path=request.path,
                    status=status,
                    refusal=admission.refusal,
                    token=admission.token,
                )
            )
        return response

    async def _admit(self, request: web.Request) -> Admission:
        login = login_in(request.headers.get(hdrs.AUTHORIZATION))
        if login is None:
            return Admission(refusal=Refusal.NO_CREDENTIALS)
        if login.user != USER:
            return Admission(refusal=Refusal.NOT_AWS)
        async with self._aws.post(self._lookup, json={"password": login.password}) as answer:
            answer.raise_for_status()
            found = msgspec.json.decode(await answer.read(), type=Found)
        return admit(found, method=request.method, host=request.host, target=request.raw_path)

    async def _pass_on(self, request: web.Request, admission: Admission) -> web.StreamResponse:
        headers = _passed(request.headers, without=(hdrs.AUTHORIZATION, hdrs.EXPECT))
        headers["X-Forwarded-Proto"] = "https"
        if admission.starts_upload:
            headers[hdrs.CONTENT_TYPE] = BLOB
        async with self._registry.request(
            request.method,
            URL(BEHIND + admission.target, encoded=True),
            headers=headers,
            data=request.content.iter_chunked(CHUNK) if request.can_read_body else None,
            allow_redirects=False,
        ) as answer:
            response = web.StreamResponse(status=answer.status, reason=answer.reason)
            response.headers.extend(_passed(answer.headers))
            await response.prepare(request)
            async for chunk in answer.content.iter_chunked(CHUNK):
                await response.write(chunk)
            await response.write_eof()
        return response


def _passed(headers: Mapping[str, str], *, without: Iterable[str] = ()) -> CIMultiDict[str]:
    dropped = HOP_BY_HOP | {name.lower() for name in without}
    passed: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():
        if name.lower() not in dropped:
            passed.add(name, value)
    return passed


def routes(record: Record) -> Iterable[web.RouteDef]:
    """The control API: `GET /_lab/requests?after=NUMBER`."""

    async def requests(request: web.Request) -> web.Response:
        found = record.after(int(request.query.get("after", "0")))
        return web.Response(body=msgspec.json.encode(found), content_type="application/json")

    return [web.get("/_lab/requests", requests)]
