"""Passes requests on to the API server and its answers back, but for what a rule says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import NoReturn

import aiohttp
import msgspec
from aiohttp import hdrs, web
from multidict import CIMultiDict
from yarl import URL

from ..fakeaws.signal import Signal
from .answers import made_up, refused
from .kubeconfig import Upstream
from .memory import Answer, Answers, Requests
from .records import DEFAULT_MAX_RECORDS, Fault, Handled, When
from .rules import ActiveRule, Rules
from .watches import Stream, Watches, lines

HOP_BY_HOP = frozenset({
    "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
    "upgrade",
})  # fmt: skip
"""RFC 9110, section 7.6.1, and what it obsoletes."""

NOT_PASSED = HOP_BY_HOP | {"host", "content-length", "expect"}
OWN_HEADERS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
TRUE = frozenset({"true", "1"})


class Dropped(Exception):
    """The client's connection is to be closed without another word."""


@dataclass(slots=True)
class State:
    """All that a proxy knows, for a caller that runs one in its own event loop.

    Attributes:
        changed: fired after every change that a client may wait for; fire it after a change of the rules.
    """

    rules: Rules = field(default_factory=Rules)
    requests: Requests = field(default_factory=lambda: Requests(DEFAULT_MAX_RECORDS))
    answers: Answers = field(default_factory=Answers)
    watches: Watches = field(default_factory=Watches)
    changed: Signal = field(default_factory=Signal)


@dataclass(slots=True)
class _Exchange:
    """One request on its way."""

    http: web.Request
    body: bytes
    request: Handled
    rule: ActiveRule | None = None

    @property
    def key(self) -> tuple[str, ...]:
        headers = self.http.headers
        return self.http.raw_path, headers.get(hdrs.ACCEPT, ""), headers.get(hdrs.ACCEPT_ENCODING, "")


class Proxy:
    """Serves clients. For one event loop.

    Args:
        upstream: the API server.
        state: what to do, and what was done.
    """

    def __init__(self, upstream: Upstream, state: State) -> None:
        self._upstream = upstream
        self._state = state
        # A connection for each request: none that the server closed meanwhile is mistaken for a good one.
        connector = aiohttp.TCPConnector(ssl=upstream.tls, limit=0, force_close=True)
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
            skip_auto_headers=OWN_HEADERS,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    async def close(self) -> None:
        """Closes its connections to the API server."""
        await self._session.close()

    async def handle(self, http: web.Request) -> web.StreamResponse:
        """Answers one request and completes its record, also when the client does not wait for the answer."""
        body = await http.read()
        request = self._begin(http)
        exchange = _Exchange(http, body, request)
        try:
            if not self._admits(http):
                return await _send(exchange, refused())
            exchange.rule = self._take(request)
            return await self._serve(exchange)
        except (Dropped, aiohttp.ClientError, OSError):
            if http.transport is not None:
                http.transport.abort()
            return web.Response()
        finally:
            request.ended = time.time()
            self._state.changed.fire()

    def _begin(self, http: web.Request) -> Handled:
        request = Handled(
            number=self._state.requests.next_number(),
            time=time.time(),
            method=http.method,
            path=http.path,
            query=dict(http.query),
            watch=http.query.get("watch", "") in TRUE,
            user_agent=http.headers.get(hdrs.USER_AGENT, ""),
        )
        self._state.requests.add(request)
        self._state.changed.fire()
        return request

    def _admits(self, http: web.Request) -> bool:
        token = self._upstream.token
        return token is None or http.headers.get(hdrs.AUTHORIZATION) == f"Bearer {token}"

    def _take(self, request: Handled) -> ActiveRule | None:
        rule = self._state.rules.take(request)
        if rule is not None:
            self._mark(request, rule)
        return rule

    def _mark(self, request: Handled, rule: ActiveRule) -> None:
        request.fault, request.rule = rule.rule.do, rule.rule.number
        self._state.changed.fire()

    async def _serve(self, exchange: _Exchange) -> web.StreamResponse:
        instead = await self._hit(exchange, When.BEFORE)
        if instead is not None:
            return await _send(exchange, instead)
        async with self._session.request(
            exchange.http.method,
            URL(self._upstream.server + exchange.http.raw_path, encoded=True),
            headers=self._passed_on(exchange.http.headers),
            data=exchange.body or None,
            allow_redirects=False,
        ) as theirs:
            if exchange.request.watch and theirs.status == web.HTTPOk.status_code:
                return await self._stream(exchange, theirs)
            answer = Answer(theirs.status, _passed(theirs.headers), await theirs.read())
        exchange.request.upstream_status = answer.status
        self._state.changed.fire()
        if exchange.http.method == hdrs.METH_GET and answer.status == web.HTTPOk.status_code:
            self._state.answers.add(exchange.key, exchange.request.number, answer)
        instead = await self._hit(exchange, When.AFTER)
        return await _send(exchange, instead or answer)

    async def _hit(self, exchange: _Exchange, when: When) -> Answer | None:
        """Has a rule do what it says; gives the answer to send in place of the API server's, if there is one."""
        if exchange.rule is None or exchange.rule.rule.when is not when:
            return None
        rule = exchange.rule.rule
        match rule.do:
            case Fault.HOLD:
                active = exchange.rule
                await self._state.changed.wait_until(lambda: active.cleared)
            case Fault.DELAY:
                await asyncio.sleep(rule.seconds)
            case Fault.BLACKHOLE:
                await _for_ever()
            case Fault.DROP:
                raise Dropped
            case Fault.ANSWER:
                return made_up(rule)
            case Fault.REPLAY:
                return self._state.answers.as_of(exchange.key, rule.as_of or 0)
            case _:
                pass
        return None

    async def _stream(self, exchange: _Exchange, theirs: aiohttp.ClientResponse) -> web.StreamResponse:
        exchange.request.upstream_status = theirs.status
        self._state.changed.fire()
        instead = await self._hit(exchange, When.AFTER)
        if instead is not None:
            return await _send(exchange, instead)
        response = web.StreamResponse(status=theirs.status, headers=_passed(theirs.headers))
        await response.prepare(exchange.http)
        exchange.request.status = theirs.status
        stream = Stream(exchange.request, exchange.http.transport)
        self._state.watches.add(stream)
        self._state.changed.fire()
        try:
            await _until_ended(stream, self._pump(stream, theirs, response))
        finally:
            self._state.watches.remove(stream)
        await response.write_eof()
        return response

    async def _pump(self, stream: Stream, theirs: aiohttp.ClientResponse, response: web.StreamResponse) -> None:
        rules, request = self._state.rules, stream.request
        try:
            async for line in lines(theirs.content, whole="json" in theirs.content_type):
                await self._state.changed.wait_until(lambda: not rules.holds(request))
                if stream.silent:
                    continue
                if await self._let_through(line, request, response):
                    stream.events += 1
                    self._state.changed.fire()
        except aiohttp.ClientError:
            if not stream.silent:
                raise
        if stream.silent:
            await _for_ever()

    async def _let_through(self, line: bytes, request: Handled, response: web.StreamResponse) -> bool:
        """Sends an event on; False when it was left out."""
        hit = None if _is_bookmark(line) else self._state.rules.take_event(request)
        if hit is None:
            await response.write(line)
            return True
        self._mark(request, hit)
        if hit.rule.do is Fault.LOSE:
            return False
        await response.write(line[: hit.rule.after_bytes or len(line) // 2])
        raise Dropped

    def _passed_on(self, headers: Mapping[str, str]) -> CIMultiDict[str]:
        passed = _passed(headers)
        if self._upstream.token is not None:
            passed.popall(hdrs.AUTHORIZATION, None)
        return passed


async def _send(exchange: _Exchange, answer: Answer) -> web.StreamResponse:
    exchange.request.status = answer.status
    rule = exchange.rule.rule if exchange.rule else None
    if rule is None or rule.do is not Fault.TRUNCATE:
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    response.content_length = len(answer.body)
    await response.prepare(exchange.http)
    await response.write(answer.body[: rule.after_bytes])
    if exchange.http.transport is not None:
        exchange.http.transport.close()  # what was written goes out first
    return response


async def _until_ended(stream: Stream, pump: Coroutine[None, None, None]) -> None:
    """Pumps until the watch is over, or is to be over."""
    pumping, told = asyncio.create_task(pump), asyncio.create_task(stream.ended.wait())
    try:
        await asyncio.wait({pumping, told}, return_when=asyncio.FIRST_COMPLETED)
        if pumping.done():
            pumping.result()
    finally:
        for task in (pumping, told):
            task.cancel()
        await asyncio.gather(pumping, told, return_exceptions=True)


async def _for_ever() -> NoReturn:
    """Until the client goes away, which cancels this."""
    while True:
        await asyncio.Event().wait()


class _Event(msgspec.Struct):
    type: str = ""


def _is_bookmark(line: bytes) -> bool:
    try:
        return msgspec.json.decode(line, type=_Event).type == "BOOKMARK"
    except msgspec.MsgspecError:
        return False


def _passed(headers: Mapping[str, str]) -> CIMultiDict[str]:
    passed: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():
        if name.lower() not in NOT_PASSED:
            passed.add(name, value)
    return passed
