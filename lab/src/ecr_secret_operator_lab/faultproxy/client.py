"""The client of the control API: synchronous, and with typed answers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from ..controlclient import TIMEOUT_SECONDS, ControlApi, ControlApiError
from .kubeconfig import write_pointed
from .records import Do, Fault, FaultRule, Handled, OpenWatch, Where

T = TypeVar("T")


class FaultProxyError(ControlApiError):
    """The control API refused a request or did not answer, or fewer requests came than were waited for."""


class FaultProxy:
    """A running proxy.

    Args:
        where: what it said at its start.

    Attributes:
        server: what clients take for the API server.
        url: of the control API.
        kubeconfig: for clients, with the credentials of the one that the proxy was given.
    """

    def __init__(self, where: Where) -> None:
        self.server = where.server
        self.url = where.control
        self.kubeconfig = Path(where.kubeconfig)
        self._ca = Path(where.ca)
        self._ask = ControlApi(where.control, FaultProxyError).ask

    def __repr__(self) -> str:
        return f"FaultProxy({self.server!r}, control={self.url!r})"

    def pointed(self, kubeconfig: Path, target: Path) -> Path:
        """Writes a kubeconfig for this proxy with the token of another one, for the same API server."""
        return write_pointed(kubeconfig, target, server=self.server, ca=self._ca.read_bytes())

    def fail(self, do: Fault | str, **details: object) -> int:
        """Switches a rule on, until `fix`; gives its number.

        Args:
            do: what is to go wrong.
            details: the other fields of `FaultRule`.

        Raises:
            FaultProxyError: there is no such fault, or a detail makes no sense.
        """
        return self._ask("POST", "rules", FaultRule, body={"do": do, **details}).number

    def fix(self, number: int | None = None) -> None:
        """Takes back a rule, or all: what they hold goes on."""
        self._ask("DELETE", "rules", dict[str, int], query={"number": number})

    def rules(self) -> list[FaultRule]:
        """The rules that are on, with the counts that are left."""
        return self._ask("GET", "rules", list[FaultRule])

    def requests(self, **filters: object) -> list[Handled]:
        """The requests so far, oldest first. Filters: method, path (a regular expression), watch, fault, status, after.

        A filter that is left out, or None, matches all; `after` is a request's number.
        """
        return self._ask("GET", "requests", list[Handled], query=_spelt(filters))

    def wait_for_requests(self, at_least: int, *, timeout: float = 15.0, **filters: object) -> list[Handled]:
        """Waits until this many requests that match have arrived; they need not have been answered.

        Raises:
            FaultProxyError: they have not within `timeout` seconds.
        """
        return self._wait("requests", list[Handled], at_least, filters, timeout)

    def last_request(self) -> int:
        """The highest number so far; 0 when there was no request."""
        return max((handled.number for handled in self.requests()), default=0)

    def watches(self, path: str | None = None) -> list[OpenWatch]:
        """The watches that are open; `path` is a regular expression."""
        return self._ask("GET", "watches", list[OpenWatch], query={"path": path})

    def wait_for_watches(self, at_least: int, path: str | None = None, *, timeout: float = 15.0) -> list[OpenWatch]:
        """Waits until this many watches are open. Raises FaultProxyError."""
        return self._wait("watches", list[OpenWatch], at_least, {"path": path}, timeout)

    def cut(self, path: str | None = None) -> int:
        """Closes the connections of watches that are open now; says how many. Their clients may watch again."""
        return len(self._ask("POST", "watches", list[OpenWatch], body={"do": Do.CUT, "path": path}))

    def end(self, path: str | None = None) -> int:
        """Ends watches that are open now as the server does when their time is over; says how many."""
        return len(self._ask("POST", "watches", list[OpenWatch], body={"do": Do.END, "path": path}))

    def silence(self, path: str | None = None) -> int:
        """Lets nothing more through on watches that are open now, without closing them, for ever; says how many."""
        return len(self._ask("POST", "watches", list[OpenWatch], body={"do": Do.SILENCE, "path": path}))

    def reset(self) -> None:
        """No rules, no records."""
        self._ask("POST", "reset", dict[str, int])

    def _wait(
        self, what: str, kind: type[list[T]], at_least: int, filters: Mapping[str, object], timeout: float
    ) -> list[T]:
        query = {**_spelt(filters), "at_least": at_least, "timeout": timeout}
        found = self._ask("GET", what, kind, query=query, timeout=timeout + TIMEOUT_SECONDS)
        if len(found) < at_least:
            raise FaultProxyError(f"{len(found)} of {at_least} {what} in {timeout} s: {dict(filters)}")
        return found


def _spelt(filters: Mapping[str, object]) -> dict[str, object]:
    """As a query spells them."""
    return {name: str(value).lower() if isinstance(value, bool) else value for name, value in filters.items()}
