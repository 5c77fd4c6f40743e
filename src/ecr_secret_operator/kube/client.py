"""A thin client over aiohttp: requests to one API server, with credentials that are asked for before each request."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

import aiohttp
import msgspec
from multidict import CIMultiDict
from yarl import URL

from ..domain.tokens.token import Sensitive
from ..errors import NoCredentials, Unavailable
from .connection import Connection
from .errors import decoded, error_of
from .login import ApiLogin, ClientCertificate, CredentialsUnusable
from .proxy import without_password

T = TypeVar("T")
_Body = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"
REQUEST_SECONDS = 60.0
"""The API server gives up after 60 s by itself (`--request-timeout`); 34 s were measured with a stopped etcd."""

_OK = 300
_UNAUTHORIZED = 401
_POOL = 512
"""Requests at a time: more than the controller's turns and slow reconciles can make, so that none waits for another."""

_PAGES = 4
"""Pages of lists that are held at a time, each of them at most `PAGE_BYTES` long."""

PAGE_BYTES = 1 << 23
"""Of an answer to a list. 500 generated Secrets have some 4 MiB."""

_READ_BYTES = 1 << 21
"""A line of a watch is a whole object: etcd takes 1.5 MiB at most."""

_CONNECT_SECONDS = 10.0
_LIMITS = aiohttp.ClientTimeout(REQUEST_SECONDS, sock_connect=_CONNECT_SECONDS)
_HANDSHAKE = aiohttp.ClientTimeout(total=None, connect=_CONNECT_SECONDS, sock_connect=_CONNECT_SECONDS)


class Client:
    """Requests to one API server.

    Args:
        connection: from `config.load_config`.
        user_agent: tells the API server's audit log who asks.

    Attributes:
        pages: held by the reader of a page of a list, for as long as the page is in memory.
    """

    def __init__(self, connection: Connection, *, user_agent: str) -> None:
        self._connection = connection
        self._host = connection.server.rstrip("/")
        self._headers = CIMultiDict([("Accept", JSON), ("User-Agent", user_agent), *connection.headers])
        proxy, who = without_password(connection.proxy)
        self._way: dict[str, Any] = {
            "proxy": proxy,
            "proxy_headers": who or None,
            "server_hostname": connection.server_name,
        }
        self._session: aiohttp.ClientSession | None = None
        self._made_with: tuple[ClientCertificate | None, Sensitive | None] = (None, None)
        self._slots = asyncio.Semaphore(_POOL)
        self.pages = asyncio.Semaphore(_PAGES)

    async def _session_with(self, certificate: ClientCertificate | None) -> aiohttp.ClientSession:
        """The connections with a client certificate, and with the present authority.

        Those with another certificate or authority are closed, as client-go does.
        """
        authority = self._connection.authority
        wanted = certificate, authority() if authority else None
        if self._session is None or wanted != self._made_with:
            old, tls = self._session, self._connection.tls(certificate)
            self._session, self._made_with = _new_session(tls), wanted
            if old:
                await old.close()
        return self._session

    @property
    def server(self) -> str:
        """The API server's URL."""
        return self._host

    async def close(self) -> None:
        """Closes all connections."""
        if self._session:
            await self._session.close()

    async def get(self, path: str, reply: type[T], query: Mapping[str, str] | None = None) -> T:
        """Reads an object or a list. Raises ApiError."""
        return decoded(await self._send("GET", path, query=query), reply)

    async def page(self, path: str, query: Mapping[str, str]) -> bytes | None:
        """Reads a page of a list; None if it is longer than `PAGE_BYTES`. It stops reading as soon as it exceeds them.

        The page is not compressed: a few compressed bytes could become many at once. Raises ApiError.
        """
        async with self._slots:
            response = await self._open("GET", path, query, None, JSON, _LIMITS, {"Accept-Encoding": "identity"})
            try:
                if response.status >= _OK:
                    answer = await response.read()
                    raise error_of(response.status, answer, retry_after=response.headers.get("Retry-After"))
                chunks, size = [], 0
                async for chunk in response.content.iter_any():
                    chunks.append(chunk)
                    size += len(chunk)
                    if size > PAGE_BYTES:
                        response.close()
                        return None
                return b"".join(chunks)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise _no_answer(error) from error
            finally:
                response.release()

    async def post(self, path: str, body: Mapping[str, Any], reply: type[T]) -> T:
        """Creates an object. Raises ApiError; AlreadyExists if the name is taken."""
        return decoded(await self._send("POST", path, body=body), reply)

    async def check_post(self, path: str, body: Mapping[str, Any]) -> None:
        """Tries to create an object in a dry run (`dryRun=All`), which stores nothing. Raises ApiError."""
        await self._send("POST", path, query={"dryRun": "All"}, body=body)

    async def put(self, path: str, body: Mapping[str, Any], reply: type[T]) -> T:
        """Replaces an object. Raises ApiError; Conflict if another version is stored than the body names."""
        return decoded(await self._send("PUT", path, body=body), reply)

    async def patch(self, path: str, body: Mapping[str, Any], reply: type[T]) -> T:
        """Applies a merge patch (RFC 7386). Raises ApiError; Conflict if it names another uid or version."""
        return decoded(await self._send("PATCH", path, body=body, content=MERGE_PATCH), reply)

    async def json_patch(self, path: str, operations: Sequence[Mapping[str, Any]], reply: type[T]) -> T:
        """Applies a JSON patch (RFC 6902). Raises ApiError; Conflict if it names another version."""
        return decoded(await self._send("PATCH", path, body=operations, content=JSON_PATCH), reply)

    async def delete(self, path: str, *, uid: str, resource_version: str) -> None:
        """Deletes this version of an object, and no other. Raises ApiError; Conflict if another one is stored."""
        preconditions = {"uid": uid, "resourceVersion": resource_version}
        await self._send("DELETE", path, body={"preconditions": preconditions})

    async def _send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: _Body = None,
        content: str = JSON,
    ) -> bytes:
        async with self._slots:
            response = await self._open(method, path, query, body, content, _LIMITS)
            try:
                answer: bytes = await response.read()
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise _no_answer(error) from error
            finally:
                response.release()
        if response.status >= _OK:
            raise error_of(response.status, answer, retry_after=response.headers.get("Retry-After"))
        return answer

    async def _open(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        body: _Body,
        content: str,
        limits: aiohttp.ClientTimeout,
        more_headers: Mapping[str, str] | None = None,
    ) -> aiohttp.ClientResponse:
        url = URL(f"{self._host}{path}?{urlencode(query)}" if query else self._host + path, encoded=True)
        data = None if body is None else msgspec.json.encode(body)
        headers = self._headers.copy()
        headers["Content-Type"] = content
        headers.update(more_headers or {})
        try:
            login = await self._connection.credentials.login()
            if login.authorization:
                headers["Authorization"] = login.authorization.reveal()
            session = await self._session_with(login.certificate)
            response = await session.request(
                method, url, data=data, headers=headers, timeout=limits, allow_redirects=False, **self._way
            )
        except CredentialsUnusable as error:
            raise NoCredentials(str(error)) from None
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise _no_answer(error) from error
        self._notice(response, login)
        return response

    def _notice(self, response: aiohttp.ClientResponse, login: ApiLogin) -> None:
        if response.status == _UNAUTHORIZED:
            self._connection.credentials.refused(login)

    async def stream(self, path: str, query: Mapping[str, str]) -> AsyncIterator[bytes]:
        """Yields the lines of a watch until the server ends it. Raises ApiError. The caller sets a time-out."""
        response = await self._open("GET", path, query, None, JSON, _HANDSHAKE)
        try:
            if response.status >= _OK:
                answer = await response.read()
                raise error_of(response.status, answer, retry_after=response.headers.get("Retry-After"))
            rest = b""
            async for chunk in response.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line:
                        yield line
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _no_answer(error) from error
        finally:
            response.close()


def _new_session(tls: ssl.SSLContext) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, ssl=tls),  # a watch keeps its connection; requests are bounded by slots
        cookie_jar=aiohttp.DummyCookieJar(),  # else each request looks for cookies, of which there are none
        read_bufsize=_READ_BYTES,
    )


def _no_answer(error: BaseException) -> Unavailable:
    what = "did not answer in time" if isinstance(error, TimeoutError) else f"cannot be reached: {error}"
    return Unavailable(f"the API server {what}")
