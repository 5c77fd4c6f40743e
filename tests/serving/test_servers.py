from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from yarl import URL

from ecr_secret_operator.domain.reader import User
from ecr_secret_operator.domain.tokens.token import Sensitive
from ecr_secret_operator.errors import InvalidField, OperatorError
from ecr_secret_operator.observability.metrics import Metrics
from ecr_secret_operator.serving.address import Address, parse_address
from ecr_secret_operator.serving.guard import Guard
from ecr_secret_operator.serving.servers import Handler, Server, metrics_routes, probe_routes
from tests.serving.ports import a_free_port


@pytest.mark.parametrize(
    ("text", "address"),
    [
        (":8080", Address(None, 8080)),
        (":8081", Address(None, 8081)),
        ("127.0.0.1:8080", Address("127.0.0.1", 8080)),
        ("0.0.0.0:9090", Address("0.0.0.0", 9090)),  # noqa: S104 - it is only read
        ("localhost:65535", Address("localhost", 65535)),
        ("[::1]:8080", Address("::1", 8080)),
        ("[::]:8080", Address("::", 8080)),
        ("127.0.0.1:0", Address("127.0.0.1", 0)),
        ("0", None),
        ("", None),
    ],
)
def test_addresses_as_go_writes_them(text: str, address: Address | None) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "8080",
        ":",
        "localhost",
        "localhost:",
        ":http",
        ":65536",
        ":-1",
        ":8080 ",
        ":1.5",
        " ",
        ":\u0668\u0660",
        ":000080",
    ],
)
def test_what_is_no_address_says_what_to_write(text: str) -> None:
    with pytest.raises(InvalidField) as caught:
        parse_address(text)
    assert str(caught.value) == (f"{text!r} is not an address to bind to. Write :8080, 127.0.0.1:8080, or 0 for none")


def test_a_flood_is_not_repeated() -> None:
    with pytest.raises(InvalidField) as caught:
        parse_address("9" * 10_000)
    assert len(str(caught.value)) < 200


@asynccontextmanager
async def serving(routes: dict[str, Handler]) -> AsyncIterator[str]:
    port = a_free_port()
    server = Server(Address("127.0.0.1", port), routes)
    await server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await server.stop()


async def asked(url: str, *, authorization: str | None = None) -> tuple[int, str, str]:
    headers = {"Authorization": authorization} if authorization else None
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.text(), answer.headers["Content-Type"]


async def test_metrics_are_served_in_prometheus_text_format() -> None:
    metrics = Metrics()
    metrics.watch_restarts.inc()
    async with serving(metrics_routes(metrics)) as url:
        status, text, content_type = await asked(f"{url}/metrics")
        assert (status, content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert "ecr_secret_operator_watch_restarts_total 1.0" in text
        assert (await asked(f"{url}/"))[0] == 404
        assert (await asked(f"{url}/healthz"))[0] == 404


async def test_probes_say_what_is_wrong_and_recover() -> None:
    problems: dict[str, str | None] = {"alive": None, "ready": "the caches are not synced yet"}
    routes = probe_routes(alive=lambda: problems["alive"], ready=lambda: problems["ready"])
    async with serving(routes) as url:
        assert (await asked(f"{url}/healthz"))[:2] == (200, "ok")
        assert (await asked(f"{url}/readyz"))[:2] == (503, "the caches are not synced yet")
        problems.update(alive="no progress", ready=None)
        assert (await asked(f"{url}/healthz"))[:2] == (503, "no progress")
        assert (await asked(f"{url}/readyz"))[:2] == (200, "ok")
        assert (await asked(f"{url}/metrics"))[0] == 404


async def test_both_can_share_one_address() -> None:
    routes = {**metrics_routes(Metrics()), **probe_routes(alive=lambda: None, ready=lambda: None)}
    async with serving(routes) as url:
        for path in ("metrics", "healthz", "readyz"):
            assert (await asked(f"{url}/{path}"))[0] == 200


class OneReader:
    """Knows two users, of whom one may get /metrics."""

    async def user_of(self, token: Sensitive) -> User | None:
        return {"reader": User("reader"), "other": User("other")}.get(token.reveal())

    async def may(self, user: User, *, verb: str, path: str) -> bool:
        return (user.name, verb, path) == ("reader", "get", "/metrics")


async def test_guarded_metrics_ask_for_a_token_and_probes_never_do() -> None:
    guard = Guard(OneReader(), clock=lambda: 0.0)
    routes = {**metrics_routes(Metrics(), guard), **probe_routes(alive=lambda: None, ready=lambda: None)}
    async with serving(routes) as url:
        assert (await asked(f"{url}/metrics"))[:2] == (401, "Unauthorized")
        assert (await asked(f"{url}/metrics", authorization="Bearer wrong"))[:2] == (401, "Unauthorized")
        denied = (403, "Authorization denied for user other")
        assert (await asked(f"{url}/metrics", authorization="Bearer other"))[:2] == denied
        status, text, content_type = await asked(f"{url}/metrics", authorization="Bearer reader")
        assert (status, content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert "ecr_secret_operator_" in text
        for probe in ("healthz", "readyz"):
            assert (await asked(f"{url}/{probe}"))[:2] == (200, "ok")


async def test_a_refusal_says_what_is_asked_for_and_head_is_a_verb_of_its_own() -> None:
    routes = metrics_routes(Metrics(), Guard(OneReader(), clock=lambda: 0.0))
    async with serving(routes) as url, aiohttp.ClientSession() as session:
        async with session.get(f"{url}/metrics") as answer:
            assert answer.headers["WWW-Authenticate"] == "Bearer"
        async with session.head(f"{url}/metrics", headers={"Authorization": "Bearer reader"}) as answer:
            assert answer.status == 403
        async with session.get(URL(f"{url}/%6detrics", encoded=True)) as answer:
            assert answer.status == 401


@pytest.mark.parametrize(
    "line",
    ["Authorization: Bearer canary\0", "Authorization : Bearer canary", f"Authorization: Bearer canary{'y' * 9000}"],
    ids=["a control character", "a space too much", "too long"],
)
async def test_a_malformed_request_is_refused_and_not_repeated_in_the_log(
    caplog: pytest.LogCaptureFixture, line: str
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(metrics_routes(Metrics(), Guard(OneReader(), clock=lambda: 0.0))) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(f"GET /metrics HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n".encode())
        assert b" 400 " in await reader.readline()
        writer.close()
        await writer.wait_closed()
    assert "canary" not in caplog.text


async def test_a_bug_in_a_handler_is_logged_and_shows_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_request: aiohttp.web.Request) -> aiohttp.web.Response:
        raise RuntimeError("a bug")

    async with serving({"/metrics": broken}) as url:
        assert (await asked(f"{url}/metrics", authorization="Bearer canary"))[0] == 500
    assert "RuntimeError: a bug" in caplog.text
    assert "canary" not in caplog.text


async def test_an_address_that_is_taken_is_one_plain_sentence() -> None:
    async with serving({}) as url:
        port = int(url.rpartition(":")[2])
        second = Server(Address("127.0.0.1", port), {})
        with pytest.raises(OperatorError, match=f"^cannot listen on 127.0.0.1:{port}: .*in use"):
            await second.start()
        await second.stop()


async def test_a_stopped_server_frees_its_address() -> None:
    port = a_free_port()
    for _ in range(2):
        server = Server(Address("127.0.0.1", port), {})
        await server.start()
        await server.stop()
