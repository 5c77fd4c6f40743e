"""Exec plugins of a kubeconfig (client.authentication.k8s.io): run when there is need, one at a time, with back-off."""

from __future__ import annotations

import asyncio
import json
import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import msgspec

from ..domain.tokens.token import Sensitive
from ..runtime.backoff import Backoff
from ..runtime.children import ChildFailed, program, run_child
from ..runtime.threads import in_thread
from .login import ApiLogin, ClientCertificate, CredentialsUnusable, bearer

GROUP = "client.authentication.k8s.io"
VERSIONS = (f"{GROUP}/v1", f"{GROUP}/v1beta1")

_QUIET_SECONDS = 60.0
"""A login that served for this long was good: its refusal is the first failure of a row."""
_HINT_CHARACTERS = 300
_RUN_IT = "Run it in a terminal to see its own messages"
_EARLY = 0.1
"""The share of a login's life that is left when the next one is asked for."""


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    expiration_timestamp: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    api_version: str = ""
    kind: str = ""
    status: _Status | None = None


@dataclass(frozen=True, slots=True)
class Plugin:
    """One exec plugin, as the kubeconfig describes it.

    Attributes:
        command: the program and its arguments.
        environment: variables beyond those of this process.
        api_version: one of VERSIONS.
        interactive: whether it may ask the person at the terminal.
        cluster: the cluster information that it receives; None for none.
        hint: what the kubeconfig says of how to install it.
    """

    command: Sequence[str]
    environment: Mapping[str, Sensitive]
    api_version: str
    interactive: bool
    cluster: Mapping[str, Any] | None
    hint: str = ""

    @property
    def name(self) -> str:
        """The program's name. Its arguments can hold secrets."""
        return program(self.command)

    def run(self) -> tuple[ApiLogin, datetime | None]:
        """Runs the plugin, blocking. Returns the login and its expiry, if any (UTC). Raises CredentialsUnusable."""
        spec = {"interactive": self.interactive, **({} if self.cluster is None else {"cluster": self.cluster})}
        info = {"kind": "ExecCredential", "apiVersion": self.api_version, "spec": spec}
        added = {name: value.reveal() for name, value in self.environment.items()}
        environment = {**os.environ, **added, "KUBERNETES_EXEC_INFO": json.dumps(info)}
        try:
            return self._read(run_child(self.command, environment=environment, interactive=self.interactive))
        except ChildFailed as error:
            remedy = _RUN_IT if error.started else self.hint[:_HINT_CHARACTERS] or "Install it, or correct exec.command"
            raise self._failed(str(error), remedy) from None

    def _read(self, output: bytes) -> tuple[ApiLogin, datetime | None]:
        try:
            answer = msgspec.json.decode(output, type=_Answer)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise self._failed("did not print an ExecCredential as JSON") from None
        if (answer.kind, answer.api_version) != ("ExecCredential", self.api_version):
            raise self._failed(f"did not print an ExecCredential of {self.api_version}, which the kubeconfig asks for")
        status = answer.status or _Status()
        chain, key = status.client_certificate_data, status.client_key_data
        if bool(chain) != bool(key):
            raise self._failed("printed a client certificate without its key, or a key without its certificate")
        if not status.token and not chain:
            raise self._failed("printed neither a token nor a client certificate")
        login = ApiLogin(
            bearer(Sensitive(status.token)) if status.token else None,
            ClientCertificate(Sensitive(chain), Sensitive(key)) if chain and key else None,
        )
        return login, status.expiration_timestamp

    def _failed(self, what: str, remedy: str = _RUN_IT) -> CredentialsUnusable:
        return CredentialsUnusable(f"exec plugin {self.name} of the kubeconfig {what}. {remedy}")


class PluginCredentials:
    """Credentials that an exec plugin gives.

    Args:
        plugin: what runs.
        clock: gives the time in UTC.
    """

    def __init__(self, plugin: Plugin, *, clock: Callable[[], datetime]) -> None:
        self._plugin = plugin
        self._clock = clock
        self._backoff = Backoff(base=1.0, cap=60.0, floor=0.5)
        self._login: ApiLogin | None = None
        self._expires_at: datetime | None = None
        self._renew_at: datetime | None = None
        self._had_at = 0.0
        self._refused = False
        self._failures = 0
        self._failure = self._expired = f"the credentials that exec plugin {plugin.name} gave have expired"
        self._not_before = 0.0
        self._running: asyncio.Task[None] | None = None

    async def login(self) -> ApiLogin:
        """The credentials for the next request. Runs the plugin if there are none, or if they are due for renewal."""
        if self._is_due():
            if self._running is None:
                self._running = asyncio.create_task(self._run(), name=f"exec plugin {self._plugin.name}")
            await asyncio.shield(self._running)
        if self._login is None or self._is_past(self._expires_at):
            raise CredentialsUnusable(self._failure)
        return self._login

    def refused(self, login: ApiLogin) -> None:
        """Schedules another run of the plugin, with back-off while the API server refuses its logins."""
        if login is not self._login or self._refused:
            return
        now = asyncio.get_running_loop().time()
        if now >= self._had_at + _QUIET_SECONDS:
            self._failures = 0
        self._refused = True
        self._back_off(now)

    def _is_due(self) -> bool:
        if asyncio.get_running_loop().time() < self._not_before:
            return False
        return self._login is None or self._refused or self._is_past(self._renew_at)

    def _is_past(self, moment: datetime | None) -> bool:
        return moment is not None and self._clock() >= moment

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            login, expires_at = await in_thread(self._plugin.run, name="exec plugin")
        except CredentialsUnusable as error:
            self._failure = str(error)
            self._back_off(loop.time())
            return
        finally:
            self._running = None
        self._take(login, expires_at, loop.time())

    def _take(self, login: ApiLogin, expires_at: datetime | None, monotonic_now: float) -> None:
        now = self._clock()
        lasts = expires_at is not None and expires_at > now
        self._login, self._had_at, self._failure = login, monotonic_now, self._expired
        self._expires_at = expires_at if lasts else None
        self._renew_at = None if expires_at is None else expires_at - (expires_at - now) * _EARLY
        if expires_at is not None and not lasts:
            self._back_off(monotonic_now)  # as kubectl does, the API server is asked whether it has really expired
        elif not self._refused:
            self._failures = 0
        self._refused = False

    def _back_off(self, now: float) -> None:
        self._failures += 1
        self._not_before = now + self._backoff.delay(self._failures, draw=random.random())
