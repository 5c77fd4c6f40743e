"""Runs a proxy in an event loop: TLS for clients on one port, the control API on another, both on loopback."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from aiohttp import web

from ..controlplane.kubeconfig import write_private
from ..controlplane.pki import LOOPBACK, Authority
from .control import routes
from .kubeconfig import upstream_of, write_pointed
from .proxy import Proxy, State
from .records import Where

LARGEST_REQUEST = 64 << 20
SHUTDOWN_SECONDS = 0.2
KEEP_ALIVE_SECONDS = 3600.0


@asynccontextmanager
async def proxying(
    kubeconfig: Path, directory: Path, *, state: State, port: int = 0, control_port: int = 0
) -> AsyncIterator[Where]:
    """Runs a proxy before the API server of a kubeconfig.

    Args:
        kubeconfig: whose current context names the API server and the credentials.
        directory: for its certificate, and the kubeconfig for its clients.
        state: its configuration and its records.
        port: for clients; 0 takes a free one.
        control_port: for the control API; 0 takes a free one.

    Raises:
        BadKubeconfig, OSError: the kubeconfig cannot be used, or a port cannot be had.
    """
    upstream, authority = upstream_of(kubeconfig), Authority.create()
    async with AsyncExitStack() as stack:
        proxy = Proxy(upstream, state)
        stack.push_async_callback(proxy.close)
        front, control = web.Application(client_max_size=LARGEST_REQUEST), web.Application()
        front.router.add_route("*", "/{path:.*}", proxy.handle)
        control.add_routes(routes(state))
        server = f"https://{LOOPBACK}:{await _serve(front, stack, port, _tls(authority, directory))}"
        ca = write_private(directory / "ca.crt", authority.pem)
        pointed = write_pointed(
            kubeconfig, directory / "kubeconfig", server=server, ca=authority.pem, token=upstream.token
        )
        yield Where(
            server=server,
            control=f"http://{LOOPBACK}:{await _serve(control, stack, control_port)}",
            kubeconfig=str(pointed),
            ca=str(ca),
        )


def _tls(authority: Authority, directory: Path) -> ssl.SSLContext:
    pair = authority.server("fault-proxy")
    certificate = write_private(directory / "tls.crt", pair.public)
    key = write_private(directory / "tls.key", pair.private)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


async def _serve(app: web.Application, stack: AsyncExitStack, port: int, tls: ssl.SSLContext | None = None) -> int:
    runner = web.AppRunner(
        app,
        handler_cancellation=True,
        access_log=None,
        shutdown_timeout=SHUTDOWN_SECONDS,
        keepalive_timeout=KEEP_ALIVE_SECONDS,
    )
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, LOOPBACK, port, backlog=1024, ssl_context=tls).start()
    bound: int = runner.addresses[0][1]
    return bound
