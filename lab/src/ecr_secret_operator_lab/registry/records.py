"""What the registry front remembers and tells: plain data, the same on both sides of the wire."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Refusal(StrEnum):
    """Why a request was refused.

    The answer is 403 for what the token may not do, 404 and 405 for a bad path and what is not served, and 401 for all
    others.
    """

    NO_CREDENTIALS = "no credentials"
    NOT_AWS = "the user is not AWS"
    NEVER_ISSUED = "a password that AWS never issued"
    EXPIRED = "a token that has expired"
    OTHER_REGION = "a token of another region"
    NOT_ALLOWED = "a token of a session that may not do this"
    BAD_PATH = "a path that is not that of a repository"
    NOT_SERVED = "a request that ECR does not serve"
    OTHER_SERVICE = "a token of the other kind of registry, public or private"


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """A request that the front answered; never what it was authorized with.

    Attributes:
        number: counts from 1.
        time: when it arrived, epoch seconds.
        host: that it was for, as its Host header says.
        status: of the answer; 0 when the client went away before.
        refusal: why it was refused; None when it was let in.
        token: the number that the fake AWS gave the token; None when it did not issue it.
    """

    number: int
    time: float
    method: str
    host: str
    path: str
    status: int
    refusal: Refusal | None
    token: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Where the front listens, on the loopback address.

    Attributes:
        front: as a registry, HTTPS.
        proxy: as a proxy that leads the registry's host names to the front.
        control: says what it did, HTTP.
    """

    front: int
    proxy: int
    control: int
