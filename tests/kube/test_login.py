"""Credentials that are read from files or given by exec plugins: when they are renewed, and when they are not."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ecr_secret_operator.domain.tokens.token import Sensitive
from ecr_secret_operator.kube.client import Client
from ecr_secret_operator.kube.connection import Connection
from ecr_secret_operator.kube.login import ApiLogin, CredentialsUnusable, File, Fixed, bearer
from ecr_secret_operator.kube.objects import SecretObject
from ecr_secret_operator.kube.plugin import VERSIONS, Plugin, PluginCredentials
from tests.factories import NOW

from .conftest import Api


class Clock:
    """Seconds, as a test sets them."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def revealed(login: ApiLogin) -> str:
    return login.authorization.reveal() if login.authorization else ""


# Files


def test_white_space_around_a_file_does_not_count(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(" a-token\r\n\n")
    assert File(tmp_path / "token").text() == Sensitive("a-token")


def test_a_file_that_was_replaced_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first")
    file = File(path, monotonic=Clock())
    assert file.text() == Sensitive("first")
    path.write_text("second")
    assert file.text() == Sensitive("second")


def test_a_file_whose_time_stayed_the_same_is_read_again_within_a_minute(tmp_path: Path) -> None:
    path, clock = tmp_path / "token", Clock()
    path.write_text("first")
    before = path.stat()
    file = File(path, monotonic=clock)
    assert file.text() == Sensitive("first")
    path.write_text("other")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    clock.seconds = 61
    assert file.text() == Sensitive("other")


@pytest.mark.parametrize("gone", [lambda path: path.unlink(), lambda path: path.write_text("\n")])
def test_while_a_file_cannot_be_used_the_last_content_counts(tmp_path: Path, gone: Callable[[Path], object]) -> None:
    path = tmp_path / "token"
    path.write_text("first")
    file = File(path)
    file.text()
    gone(path)
    assert file.text() == Sensitive("first")


@pytest.mark.parametrize(("content", "says"), [(None, "No such file or directory"), ("\n", "it is empty")])
def test_a_file_that_never_was_usable(tmp_path: Path, content: str | None, says: str) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    with pytest.raises(CredentialsUnusable, match=f"file {path} cannot be used: {says}"):
        File(path).text()


@pytest.mark.parametrize("token", ["a\nb", "a\0b", "\u00e9", "a\rb"])
def test_a_token_that_no_header_can_hold_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(CredentialsUnusable) as caught:
        bearer(Sensitive(token))
    assert token not in str(caught.value)


# Exec plugins


class Runs:
    """An exec plugin whose answers a test lays ready, and which counts its runs."""

    def __init__(self, folder: Path) -> None:
        self.count = folder / "count"
        self._answer = folder / "answer"
        self._script = folder / "plugin"
        self.clock = NOW
        count, answer = self.count, self._answer
        self._script.write_text(f"#!/bin/sh\necho run >>{count}\ntest -e {answer} && cat {answer}\n")
        self._script.chmod(0o755)
        plugin = Plugin((str(self._script),), {}, VERSIONS[0], interactive=False, cluster=None)
        self.credentials = PluginCredentials(plugin, clock=lambda: self.clock)

    @property
    def number(self) -> int:
        return len(self.count.read_text().splitlines()) if self.count.exists() else 0

    def gives(self, token: str, seconds: float | None = None, **more: Any) -> None:
        status = {"token": token, **more}
        if seconds is not None:
            status["expirationTimestamp"] = (self.clock + timedelta(seconds=seconds)).isoformat()
        answer = {"kind": "ExecCredential", "apiVersion": VERSIONS[0], "status": status}
        self._answer.write_text(json.dumps(answer))

    def fails(self) -> None:
        self._answer.unlink(missing_ok=True)

    async def token(self) -> str:
        return revealed(await self.credentials.login()).removeprefix("Bearer ")


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


async def test_a_login_without_an_end_is_asked_for_once(runs: Runs) -> None:
    runs.gives("one")
    for _ in range(3):
        assert await runs.token() == "one"
        runs.clock += timedelta(days=1)
    assert runs.number == 1


async def test_those_who_ask_together_share_a_run(runs: Runs) -> None:
    runs.gives("one")
    assert await asyncio.gather(*(runs.token() for _ in range(20))) == ["one"] * 20
    assert runs.number == 1


async def test_a_login_is_renewed_before_it_ends(runs: Runs) -> None:
    runs.gives("one", 1000)
    assert await runs.token() == "one"
    runs.clock += timedelta(seconds=899)
    assert await runs.token() == "one"
    runs.gives("two", 1000)
    runs.clock += timedelta(seconds=2)
    assert await runs.token() == "two"
    assert runs.number == 2


async def test_a_login_that_cannot_be_renewed_serves_to_its_end(runs: Runs) -> None:
    runs.gives("one", 1000)
    await runs.token()
    runs.fails()
    runs.clock += timedelta(seconds=950)
    assert await runs.token() == "one"
    runs.clock += timedelta(seconds=51)
    with pytest.raises(CredentialsUnusable, match="exec plugin plugin of the kubeconfig exited with code 1"):
        await runs.token()


async def test_one_that_fails_is_left_alone_for_a_while_and_then_asked_again(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 1.0)
    for _ in range(5):
        with pytest.raises(CredentialsUnusable):
            await runs.token()
    assert runs.number == 1
    runs.gives("one")
    runs.credentials._not_before = 0.0  # noqa: SLF001 - the wait is over
    assert await runs.token() == "one"


async def test_a_login_that_is_refused_is_asked_for_again_and_not_for_each_request(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 1.0)
    runs.gives("one")
    login = await runs.credentials.login()
    runs.credentials.refused(login)
    runs.credentials.refused(login)
    assert await runs.token() == "one", "until the wait is over"
    assert runs.number == 1
    runs.gives("two")
    runs.credentials._not_before = 0.0  # noqa: SLF001 - the wait is over
    assert await runs.token() == "two"
    assert runs.number == 2


async def test_one_that_ends_while_the_plugin_is_left_alone_says_so(
    runs: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 1.0)
    runs.gives("one", 100)
    runs.credentials.refused(await runs.credentials.login())
    runs.clock += timedelta(seconds=101)
    with pytest.raises(CredentialsUnusable, match="the credentials that exec plugin plugin gave have expired"):
        await runs.token()
    assert runs.number == 1


@pytest.mark.parametrize(("hint", "says"), [("", "Install it, or correct"), ("Ask the vault", "Ask the vault")])
async def test_one_that_is_not_installed_is_told_with_the_kubeconfigs_hint(hint: str, says: str) -> None:
    plugin = Plugin(("/absent/plugin",), {}, VERSIONS[0], interactive=False, cluster=None, hint=hint)
    with pytest.raises(CredentialsUnusable, match=f"could not be started: No such file or directory. {says}"):
        await PluginCredentials(plugin, clock=lambda: NOW).login()


async def test_one_that_has_expired_already_is_for_the_api_server_to_judge(runs: Runs) -> None:
    runs.gives("one", -5)
    assert await runs.token() == "one"
    assert await runs.token() == "one"
    assert runs.number == 1


@pytest.mark.parametrize(
    "output",
    [
        "",
        "nonsense",
        "[]",
        '{"status":{"token":5}}',
        '{"kind":"ExecCredential","apiVersion":"x","status":{"token":"t"}}',
    ],
)
async def test_an_answer_that_is_none_is_not_repeated(runs: Runs, output: str) -> None:
    runs._answer.write_text(output)  # noqa: SLF001 - other than it can be said
    with pytest.raises(CredentialsUnusable, match="did not print an ExecCredential"):
        await runs.token()


async def test_a_time_without_a_zone_is_no_time(runs: Runs) -> None:
    runs.gives("one", expirationTimestamp="2026-01-01T00:00:00")
    with pytest.raises(CredentialsUnusable):
        await runs.token()


# The client


class Told:
    """Credentials that remember what they are told."""

    def __init__(self, logins: Iterable[ApiLogin]) -> None:
        self.logins = list(logins)
        self.refusals: list[ApiLogin] = []

    async def login(self) -> ApiLogin:
        return self.logins[0]

    def refused(self, login: ApiLogin) -> None:
        self.refusals.append(login)


async def test_only_a_401_is_told_to_the_credentials(api: Api) -> None:
    told = Told([ApiLogin(Sensitive("Bearer x"))])
    client = Client(Connection(api.client.server, credentials=told), user_agent="test")
    for status in (403, 401, 500):
        api.refuses(status, "no")
        with pytest.raises(Exception, match="no"):
            await client.get("/x", SecretObject)
    await client.close()
    assert told.refusals == told.logins


async def test_headers_are_sent_as_often_as_they_are_there() -> None:
    seen: list[list[str]] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append([*request.headers.getall("Impersonate-Group"), request.headers["Authorization"]])
        return web.json_response({"metadata": {"name": "x"}})

    app = web.Application()
    app.router.add_get("/x", handle)
    async with TestServer(app) as server:
        headers = (("Impersonate-Group", "a"), ("Impersonate-Group", "b"))
        credentials = Fixed(authorization=Sensitive("Bearer t"))
        connection = Connection(str(server.make_url("")), credentials=credentials, headers=headers)
        client = Client(connection, user_agent="test")
        await client.get("/x", SecretObject)
        await client.close()
    assert seen == [["a", "b", "Bearer t"]]
