"""The HTTP servers for metrics and probes."""

from __future__ import annotations

import os
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from ..domain.errors import InvalidField, OperatorError, shown
from .metrics import Metrics

DISABLED = "0"


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; host None means all addresses."""

    host: str | None
    port: int


def parse_address(text: str) -> Address | None:
    """Reads a bind address as Go writes it: `:8080`, `127.0.0.1:8080`, `[::1]:8080`; `0` means off, as upstream.

    Raises:
        InvalidField: it is none.
    """
    if text in (DISABLED, ""):
        return None
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch("[0-9]{1,5}", port) or int(port) > 65535:  # noqa: PLR2004 - the highest port
        raise InvalidField(f"{shown(text)} is not an address to bind to. Write :8080, 127.0.0.1:8080, or 0 for none")
    return Address(host=host.strip("[]") or None, port=int(port))


class Server:
    """One HTTP server.

    Args:
        address: where to listen.
        routes: path to handler.
    """

    def __init__(self, address: Address, routes: dict[str, Callable[[web.Request], web.Response]]) -> None:
        self._address = address
        app = web.Application()
        for path, handler in routes.items():
            app.router.add_get(path, _async(handler))
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)

    async def start(self) -> None:
        """Starts to listen. Raises OperatorError when the address cannot be had."""
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._address.host, self._address.port).start()
        except OSError as error:
            where = f"{self._address.host or ''}:{self._address.port}"
            raise OperatorError(
                f"cannot listen on {where}: {os.strerror(error.errno) if error.errno else error}"
            ) from error

    async def stop(self) -> None:
        """Closes the server."""
        await self._runner.cleanup()


def _async(handler: Callable[[web.Request], web.Response]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handle(request: web.Request) -> web.Response:
        return handler(request)

    return handle


def metrics_routes(metrics: Metrics) -> dict[str, Callable[[web.Request], web.Response]]:
    """/metrics."""

    def show(_request: web.Request) -> web.Response:
        return web.Response(
            body=metrics.exposition(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    return {"/metrics": show}


def probe_routes(
    *, alive: Callable[[], str | None], ready: Callable[[], str | None]
) -> dict[str, Callable[[web.Request], web.Response]]:
    """/healthz and /readyz.

    Args:
        alive: says what is wrong; None when all is well.
        ready: the same, for readiness.
    """

    def probe(check: Callable[[], str | None]) -> Callable[[web.Request], web.Response]:
        def show(_request: web.Request) -> web.Response:
            problem = check()
            return web.Response(text=problem or "ok", status=503 if problem else 200)

        return show

    return {"/healthz": probe(alive), "/readyz": probe(ready)}
