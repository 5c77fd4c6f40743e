"""The configuration and the records of the proxy: the server and its client share these.

Imports nothing of the package. msgspec reads and writes them as JSON, which is why every annotation is a runtime type.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from msgspec import Meta

DEFAULT_MAX_RECORDS = 100_000

NotNegative = Annotated[float, Meta(ge=0)]
Count = Annotated[int, Meta(ge=1)]
Number = Annotated[int, Meta(ge=0)]
Name = Annotated[str, Meta(min_length=1)]
HttpStatus = Annotated[int, Meta(ge=200, le=599)]


class Fault(StrEnum):
    """What can be made to go wrong."""

    HOLD = "hold"
    """Goes no further until the rule is taken back; then on as if nothing had been. Holds a watch's events, too."""
    DROP = "drop"
    """The connection is closed."""
    DELAY = "delay"
    """Waits `seconds`."""
    BLACKHOLE = "blackhole"
    """Is never answered, not even when the rule is taken back."""
    ANSWER = "answer"
    """Is answered with `status`, `retry_after`, and `body` if given; else with a Status object, as the server does."""
    TRUNCATE = "truncate"
    """The answer ends after `after_bytes`, and the connection with it; on a watch, an event does."""
    REPLAY = "replay"
    """Is answered as the same GET was the last time, up to and with request `as_of`."""
    LOSE = "lose"
    """A watch's events are left out; the watch, and its bookmarks, go on."""


class When(StrEnum):
    """On which way a fault hits."""

    BEFORE = "before"
    """The API server never sees the request."""
    AFTER = "after"
    """It has carried it out, and its answer goes no further."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRule:
    """Which requests go wrong, how, and how many of them. A filter that is None matches every request.

    Attributes:
        method: such as PATCH.
        path: a regular expression that is found in the path, the query left out.
        watch: whether the request is a watch.
        skip: how many that match to let pass first.
        times: how many more to hit; None hits until it is taken back. Counts events where a fault hits events.
        when: before or after the API server's part. Truncate hits answers, replay requests, whatever it says.
        as_of: a request's number; None for the last one at the time of the rule.
        number: given by the proxy; counts from 1.
    """

    do: Fault
    method: Name | None = None
    path: Name | None = None
    watch: bool | None = None
    skip: Number = 0
    times: Count | None = None
    when: When = When.BEFORE
    seconds: NotNegative = 0.0
    after_bytes: Number = 0
    status: HttpStatus = 503
    retry_after: Number | None = None
    body: str | None = None
    content_type: str = "application/json"
    as_of: Number | None = None
    number: Number = 0


@dataclass(slots=True, kw_only=True)
class Handled:
    """One request; never what it was authorized with, or what it carried.

    Attributes:
        number: counts from 1 and never restarts, not even when the records are cleared.
        time: arrival, epoch seconds.
        ended: when its answer, or its client, was gone; None while it is under way.
        status: that its client was sent; 0 for none.
        upstream_status: that the API server answered; 0 for none: it never saw it, or did not answer.
        fault: what hit it, or its events; empty for nothing.
        rule: the rule's number; 0 for none.
    """

    number: int
    time: float
    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    watch: bool = False
    user_agent: str = ""
    status: int = 0
    upstream_status: int = 0
    fault: str = ""
    rule: int = 0
    ended: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenWatch:
    """A watch that is open.

    Attributes:
        number: of its request.
        events: how many lines its client was sent.
        silent: whether it gets nothing any more.
    """

    number: int
    path: str
    events: int
    silent: bool


class Do(StrEnum):
    """What can be done to watches that are open."""

    CUT = "cut"
    """The connection is closed."""
    END = "end"
    """It ends well, as when the server's own time for it is over."""
    SILENCE = "silence"
    """It stays open, and nothing comes any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """Where a proxy is to be found, and the client's way through it.

    Attributes:
        server: what clients take for the API server, HTTPS.
        control: the control API, HTTP.
        kubeconfig: for clients, with the credentials of the one that the proxy was given.
        ca: the certificate of the authority that signed the proxy's, PEM.
    """

    server: str
    control: str
    kubeconfig: str
    ca: str
