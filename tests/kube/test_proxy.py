"""Which proxy leads to the API server."""

from __future__ import annotations

import asyncio
from base64 import b64encode

import pytest

from ecr_secret_operator.domain.errors import Unavailable
from ecr_secret_operator.kube.client import Client
from ecr_secret_operator.kube.library import Configuration
from ecr_secret_operator.kube.objects import SecretObject
from ecr_secret_operator.kube.proxy import proxy_of_environment

PROXY = "http://proxy.example:3128"


@pytest.fixture(autouse=True)
def _proxied(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", PROXY)


@pytest.mark.parametrize("url", ["https://api.example:6443", "https://172.30.0.1:443", "https://[fd02::1]:443"])
def test_the_environments_proxy_leads_to_the_api_server(url: str) -> None:
    assert proxy_of_environment(url) == PROXY


def test_none_is_named_for_plain_http() -> None:
    assert proxy_of_environment("http://api.example") is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "[::1]", "localhost"])
def test_the_machine_itself_needs_none(host: str) -> None:
    assert proxy_of_environment(f"https://{host}:6443") is None


@pytest.mark.parametrize(
    ("exceptions", "host"),
    [
        (".cluster.local,.svc,10.128.0.0/14,172.30.0.0/16", "172.30.0.1"),
        ("172.30.0.1/16", "172.30.0.1"),
        ("fd02::/112", "[fd02::1]"),
        ("10.0.0.0/8, 172.30.0.0/16", "172.30.0.1"),
        ("172.30.0.1", "172.30.0.1"),
        ("api.example", "api.example"),
        (".example", "api.example"),
        ("example", "api.example"),
        ("*", "172.30.0.1"),
    ],
)
def test_what_no_proxy_names_is_reached_without(monkeypatch: pytest.MonkeyPatch, exceptions: str, host: str) -> None:
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert proxy_of_environment(f"https://{host}:6443") is None


@pytest.mark.parametrize("exceptions", ["10.0.0.0/8", "172.31.0.0/16", "172.30.0.0/nonsense", "a/b", "fd02::/112", ""])
def test_what_it_does_not_name_is_not(monkeypatch: pytest.MonkeyPatch, exceptions: str) -> None:
    monkeypatch.setenv("NO_PROXY", exceptions)
    assert proxy_of_environment("https://172.30.0.1:443") == PROXY


async def test_a_proxy_is_told_its_password_and_nobody_else() -> None:
    """A proxy that refuses is named in the error, and so in the log, as a URL."""
    told: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        told.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        configuration = Configuration()
        configuration.host = "https://api.example:6443"
        port = server.sockets[0].getsockname()[1]
        configuration.proxy = f"http://somebody:a-secret-word@127.0.0.1:{port}"
        client = Client(configuration, user_agent="test")
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
