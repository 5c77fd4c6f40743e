"""The client's side of the control APIs under `/_lab/`: synchronous, without proxies, and with typed answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

import msgspec

T = TypeVar("T")
TIMEOUT_SECONDS = 30.0


class ControlApiError(Exception):
    """A control API refused a request, or did not answer."""


class ControlApi:
    """The client's side of one.

    Args:
        url: of the server, without `/_lab/`.
        error: the type of the errors that it raises.
    """

    def __init__(self, url: str, error: type[ControlApiError]) -> None:
        self._url = url
        self._error = error
        self._opener = build_opener(ProxyHandler({}))

    def ask(
        self,
        method: str,
        path: str,
        kind: type[T],
        *,
        body: object = None,
        query: Mapping[str, object] | None = None,
        timeout: float = TIMEOUT_SECONDS,
    ) -> T:
        """One request; what is None in its query is left out. Raises an error of the given type."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        request = Request(  # noqa: S310 - the URL is the server's own
            f"{self._url}/_lab/{path}" + (f"?{urlencode(given)}" if given else ""),
            method=method,
            data=None if body is None else msgspec.json.encode(body),
            headers={"Content-Type": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=timeout) as answer:
                return msgspec.json.decode(answer.read(), type=kind)
        except HTTPError as error:
            with error:
                why = error.read().decode("utf-8", "replace")
            raise self._error(f"{method} {path}: {error.code} {why}") from error
        except OSError as error:
            raise self._error(f"{method} {path}: no answer from {self._url}: {error}") from error
