"""How requests authenticate to the API server, and what renews that: files are read again, exec plugins run again.

The rules are those of client-go (`transport`, `plugin/pkg/client/auth/exec`). Each source is asked before every
request, so no background task has to keep credentials fresh, and none can die unnoticed.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..domain.tokens.token import Sensitive

REREAD_SECONDS = 60.0
"""A file is read again after this in any case, as client-go does, and at once where its time or size has changed."""


class CredentialsUnusable(Exception):
    """There are no credentials at the moment; `str()` says why."""


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A client certificate, with its chain, and its key. Both are PEM."""

    chain: Sensitive
    key: Sensitive


@dataclass(frozen=True, slots=True)
class ApiLogin:
    """What a request authenticates with.

    Attributes:
        authorization: the value of the Authorization header; None for none.
        certificate: the client certificate of the connection; None for none.
    """

    authorization: Sensitive | None = None
    certificate: ClientCertificate | None = None


class ApiCredentials(Protocol):
    """A source of credentials for requests to the API server."""

    async def login(self) -> ApiLogin:
        """The credentials for the next request. Raises CredentialsUnusable."""

    def refused(self, login: ApiLogin) -> None:
        """Notes that the API server answered 401 to a request with this login."""


class File:
    """A file with credentials that another process replaces, such as the kubelet.

    Args:
        path: the file.
        monotonic: gives seconds.
    """

    def __init__(self, path: Path, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._monotonic = monotonic
        self._text: Sensitive | None = None
        self._version: tuple[int, ...] = ()
        self._read_at = 0.0

    def text(self) -> Sensitive:
        """The stripped content. While the file is empty or cannot be read, the last content that was read.

        Raises:
            CredentialsUnusable: it never could be read.
        """
        try:
            why = self._read()
        except OSError as error:
            why = error.strerror or type(error).__name__
        if self._text is None:
            raise CredentialsUnusable(f"file {self._path} cannot be used: {why}")
        return self._text

    def _read(self) -> str:
        now, found = self._monotonic(), self._path.stat()
        version = (found.st_mtime_ns, found.st_size, found.st_ino)
        if version == self._version and now < self._read_at + REREAD_SECONDS:
            return ""
        text = self._path.read_text(encoding="utf-8", errors="replace").strip()
        if text:
            self._text, self._version, self._read_at = Sensitive(text), version, now
        return "it is empty"

    def forget(self) -> None:
        """Makes the next call of `text` read the file."""
        self._version = ()


class Fixed:
    """Credentials that never change, or that are read from files.

    Args:
        authorization: the value of the Authorization header.
        token_file: the file of the bearer token, which takes precedence while it can be read.
        certificate: gives the client certificate.
    """

    def __init__(
        self,
        *,
        authorization: Sensitive | None = None,
        token_file: File | None = None,
        certificate: Callable[[], ClientCertificate] | None = None,
    ) -> None:
        self._authorization = authorization
        self._token_file = token_file
        self._certificate = certificate

    async def login(self) -> ApiLogin:
        """The credentials for the next request. Raises CredentialsUnusable."""
        return ApiLogin(self._header(), self._certificate() if self._certificate else None)

    def _header(self) -> Sensitive | None:
        if self._token_file is None:
            return self._authorization
        try:
            return bearer(self._token_file.text())
        except CredentialsUnusable:
            if self._authorization is None:
                raise
            return self._authorization

    def refused(self, login: ApiLogin) -> None:  # noqa: ARG002 - the same for each
        """Makes the next login read the token file: it may have been replaced within the clock's resolution."""
        if self._token_file:
            self._token_file.forget()


def bearer(token: Sensitive) -> Sensitive:
    """The Authorization header of a bearer token. Raises CredentialsUnusable."""
    if not token.reveal().isascii() or not token.reveal().isprintable():
        raise CredentialsUnusable("the token holds a character that no token has, such as a line break. Remove it")
    return Sensitive(f"Bearer {token.reveal()}")


def basic(username: str, password: str) -> Sensitive:
    """The Authorization header of a user name and a password."""
    return Sensitive(f"Basic {b64encode(f'{username}:{password}'.encode()).decode()}")
