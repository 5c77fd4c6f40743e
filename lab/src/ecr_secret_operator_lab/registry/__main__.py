"""Runs the front: `python -m ecr_secret_operator_lab.registry --aws URL --socket PATH --certificate ... --host ...`.

Prints its ports as the first line, JSON. It ends when its standard input does, so it never outlives its parent.
"""

from __future__ import annotations

import argparse
import asyncio
import ssl
from contextlib import AsyncExitStack
from pathlib import Path

import msgspec
from aiohttp import web

from ..attended import say, told_to_stop
from .front import Front, Record, routes
from .proxy import LOOPBACK, Proxy
from .records import Ports
from .sockets import short

SHUTDOWN_SECONDS = 0.2


def main() -> None:
    """Parses the command line and serves until told to stop."""
    parser = argparse.ArgumentParser(prog="registry", description="What ECR's registry demands, before a registry.")
    parser.add_argument("--aws", required=True, help="URL of the fake AWS")
    parser.add_argument("--socket", type=Path, required=True, help="where the registry listens")
    parser.add_argument("--certificate", type=Path, required=True, help="PEM")
    parser.add_argument("--key", type=Path, required=True, help="PEM")
    parser.add_argument("--host", action="append", default=[], help="a name that the proxy leads here")
    asyncio.run(_run(parser.parse_args()))


async def _run(options: argparse.Namespace) -> None:
    stop, record = told_to_stop(), Record()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(options.certificate, options.key)
    async with AsyncExitStack() as stack:
        front = Front(aws=options.aws, socket=stack.enter_context(short(options.socket)), record=record)
        stack.push_async_callback(front.close)
        registry, control = web.Application(), web.Application()
        registry.router.add_route("*", "/{path:.*}", front.handle)
        control.add_routes(routes(record))
        port = await _serve(registry, stack, tls=tls)
        proxy = await asyncio.start_server(Proxy(options.host, port).serve, LOOPBACK, 0)
        stack.callback(proxy.close)
        ports = Ports(front=port, proxy=proxy.sockets[0].getsockname()[1], control=await _serve(control, stack))
        say(msgspec.json.encode(ports).decode())
        await stop.wait()


async def _serve(app: web.Application, stack: AsyncExitStack, *, tls: ssl.SSLContext | None = None) -> int:
    """Starts a server on a free port, and gives that."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    await web.TCPSite(runner, LOOPBACK, 0, ssl_context=tls).start()
    port: int = runner.addresses[0][1]
    return port


if __name__ == "__main__":
    main()
