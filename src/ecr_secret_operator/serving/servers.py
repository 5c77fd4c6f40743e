"""The HTTP servers for metrics and probes."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
import ssl
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from ..errors import OperatorError
from ..observability.metrics import Metrics
from .address import Address
from .connections import MOST_CONNECTIONS, REQUEST_SECONDS, Connections
from .exposition import Exposition
from .guard import Guard

Handler = Callable[[web.Request], web.Response | Awaitable[web.Response]]

METRICS_PATH = "/metrics"

_log = logging.getLogger(__name__)


def _ours(record: logging.LogRecord) -> bool:
    """Whether a failure is the server's. A malformed request is none, and aiohttp quotes it, its bearer token, too."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


_log.addFilter(_ours)


class Server:
    """One HTTP server.

    Args:
        address: where to listen.
        routes: path to handler.
        tls: for HTTPS; None for HTTP.
    """

    def __init__(self, address: Address, routes: dict[str, Handler], tls: ssl.SSLContext | None = None) -> None:
        self._address = address
        self._tls = tls
        app = web.Application(middlewares=[self._note_request])
        for path, handler in routes.items():
            app.router.add_get(path, _async(handler))
        self._runner = web.AppRunner(app, access_log=None, logger=_log, shutdown_timeout=1.0)
        self._connections = Connections(self._accept)
        self._listening: asyncio.Server | None = None

    async def start(self) -> None:
        """Starts to listen. Raises OperatorError if the address cannot be bound."""
        await self._runner.setup()
        try:
            self._listening = await asyncio.get_running_loop().create_server(
                self._connections.protocol,
                self._address.host,
                self._address.port,
                ssl=self._tls,
                backlog=MOST_CONNECTIONS,
                ssl_handshake_timeout=REQUEST_SECONDS if self._tls else None,
            )
        except OSError as error:
            where = f"{self._address.host or ''}:{self._address.port}"
            raise OperatorError(
                f"cannot listen on {where}: {os.strerror(error.errno) if error.errno else error}"
            ) from error

    async def stop(self) -> None:
        """Closes the server."""
        if self._listening:
            self._listening.close()
        await self._runner.cleanup()

    def _accept(self) -> asyncio.Protocol:
        if self._runner.server is None:
            raise RuntimeError("the server is not set up")
        return self._runner.server()

    @web.middleware
    async def _note_request(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        protocol = request.protocol
        self._connections.request_began(protocol)
        try:
            return await handler(request)
        finally:
            self._connections.request_ended(protocol)


def _async(handler: Handler) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        answer = handler(request)
        return await answer if inspect.isawaitable(answer) else answer

    return handle


def metrics_routes(metrics: Metrics, guard: Guard | None = None) -> dict[str, Handler]:
    """The routes of the metrics server: /metrics.

    Args:
        metrics: the metrics to render.
        guard: authorizes requests; None to allow all.
    """
    exposition = Exposition(metrics)

    async def show(_request: web.Request) -> web.Response:
        text = await exposition.text()
        return web.Response(body=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    return {METRICS_PATH: _guarded(show, guard) if guard else show}


def _guarded(show: Callable[[web.Request], Awaitable[web.Response]], guard: Guard) -> Handler:
    async def judge(request: web.Request) -> web.Response:
        refusal = await guard.refusal(
            request.headers.get("Authorization"), verb=request.method.lower(), path=METRICS_PATH
        )
        if refusal is None:
            return await show(request)
        challenge = {"WWW-Authenticate": "Bearer"} if refusal.status == HTTPStatus.UNAUTHORIZED else None
        return web.Response(status=refusal.status, text=refusal.text, headers=challenge)

    return judge


def probe_routes(*, alive: Callable[[], str | None], ready: Callable[[], str | None]) -> dict[str, Handler]:
    """The routes of the probe server: /healthz and /readyz.

    Args:
        alive: gives the problem that makes the process unhealthy; None if it is healthy.
        ready: the same, for readiness.
    """

    def probe(check: Callable[[], str | None]) -> Handler:
        def show(_request: web.Request) -> web.Response:
            problem = check()
            return web.Response(text=problem or "ok", status=503 if problem else 200)

        return show

    return {"/healthz": probe(alive), "/readyz": probe(ready)}
