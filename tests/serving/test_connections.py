"""No client keeps connections open at will, and none keeps a probe from being answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from ecr_secret_operator.serving import connections as module
from ecr_secret_operator.serving.address import Address
from ecr_secret_operator.serving.servers import Handler, Server, probe_routes
from tests.serving.ports import a_free_port

PROBE = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
MOST = 8


@asynccontextmanager
async def serving(monkeypatch: pytest.MonkeyPatch, routes: dict[str, Handler] | None = None) -> AsyncIterator[int]:
    monkeypatch.setattr(module.Connections.__init__, "__kwdefaults__", {"most": MOST})
    port = a_free_port()
    server = Server(Address("127.0.0.1", port), routes or probe_routes(alive=lambda: None, ready=lambda: None))
    await server.start()
    try:
        yield port
    finally:
        await server.stop()


async def is_closed(reader: asyncio.StreamReader) -> bool:
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


async def probed(port: int) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(PROBE)
    answer = await reader.readuntil(b"ok")
    writer.close()
    return answer


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HTTP/1.1\r\nHo"], ids=["nothing", "half a request"])
async def test_a_request_that_does_not_arrive_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(module, "REQUEST_SECONDS", 0.1)
    async with serving(monkeypatch) as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        assert await is_closed(reader)
        writer.close()


async def test_a_connection_waits_for_the_next_request_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.1)
    async with serving(monkeypatch) as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(2):
            writer.write(PROBE)
            assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        writer.write(PROBE[:10])
        assert await is_closed(reader)
        writer.close()


async def test_an_answer_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.1)

    async def never(_request: web.Request) -> web.Response:
        await asyncio.sleep(3600)
        return web.Response()

    async with serving(monkeypatch, {"/healthz": never}) as port, asyncio.timeout(30):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(PROBE)
        assert await is_closed(reader)
        writer.close()


async def test_a_crowd_of_connections_keeps_no_probe_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(monkeypatch) as port, asyncio.timeout(30):
        crowd = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5 * MOST)]
        for _, writer in crowd:
            writer.write(PROBE[:10])
        assert (await probed(port)).startswith(b"HTTP/1.1 200")
        ended = [asyncio.create_task(is_closed(reader)) for reader, _ in crowd]
        done: set[asyncio.Task[bool]] = set()
        while len(done) < len(crowd) - MOST:
            done, _ = await asyncio.wait(ended, timeout=0.05)
        open_ones = [task for task in ended if not task.done()]
        assert 0 < len(open_ones) <= MOST
        for _, writer in crowd:
            writer.close()
        await asyncio.gather(*ended)


async def test_what_has_ended_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[module.Connections] = []
    create = module.Connections.__init__

    def remember(self: module.Connections, *args: object, **options: object) -> None:
        create(self, *args, **options)  # type: ignore[arg-type]
        made.append(self)

    monkeypatch.setattr(module.Connections, "__init__", remember)
    port = a_free_port()
    server = Server(Address("127.0.0.1", port), probe_routes(alive=lambda: None, ready=lambda: None))
    await server.start()
    async with asyncio.timeout(30):
        for _ in range(5):
            await probed(port)
        while len(made[0]):  # noqa: ASYNC110 - the server notices a moment later
            await asyncio.sleep(0.01)
    await server.stop()
