"""A proxy before the API server. Which one it is, is tested in tests/domain/test_proxies.py."""

from __future__ import annotations

import asyncio
from base64 import b64encode

import pytest

from ecr_secret_operator.errors import Unavailable
from ecr_secret_operator.kube.client import Client
from ecr_secret_operator.kube.connection import Connection
from ecr_secret_operator.kube.objects import SecretObject


async def test_a_proxy_is_told_its_password_and_nobody_else() -> None:
    """A proxy that refuses is named in the error, and so in the log, as a URL."""
    told: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        proxy = f"http://somebody:a-secret-word@127.0.0.1:{port}"
        client = Client(Connection("https://api.example:6443", proxy=proxy), user_agent="test")
        try:
            with pytest.raises(Unavailable) as refused:
                await client.get("/api", SecretObject)
        finally:
            await client.close()
    assert told[0].startswith(b"CONNECT api.example:6443 ")
    assert b"Basic " + b64encode(b"somebody:a-secret-word") in told[0]
    assert "407" in str(refused.value)
    for error in (refused.value, refused.value.__cause__):
        assert "a-secret-word" not in f"{error} {error!r}"
