"""An API server that answers what a test has laid ready, and remembers what it was asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ecr_secret_operator.kube.client import Client
from ecr_secret_operator.kube.connection import Connection


@dataclass
class Api:
    """What is answered next, and what was asked: method and path, query, body."""

    answers: list[tuple[int, Any]] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    client: Client = field(init=False)

    def answers_with(self, body: Any, status: int = 200) -> None:
        self.answers.append((status, body))

    def refuses(self, status: int, message: str, reason: str = "") -> None:
        body = {"kind": "Status", "status": "Failure", "code": status, "message": message, "reason": reason}
        self.answers_with(body, status)

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.text()
        self.asked.append((f"{request.method} {request.path}", dict(request.query), json.loads(body) if body else None))
        status, answer = self.answers.pop(0)
        raw = (
            answer
            if isinstance(answer, bytes)
            else (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        )
        return web.Response(status=status, body=raw, content_type="application/json")


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    found, app = Api(), web.Application()
    app.router.add_route("*", "/{path:.*}", found.handle)
    async with TestServer(app) as server:
        found.client = Client(Connection(str(server.make_url("")).rstrip("/")), user_agent="test")
        yield found
        await found.client.close()
