"""The token and the type that keeps it from being shown by accident."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from .registry import Registry


@final
class Sensitive:
    """A text that hides itself: only `reveal()` gives it, so every place that shows one can be found."""

    __slots__ = ("__weakref__", "_text")

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for the one place that must send or store it."""
        return self._text

    def __repr__(self) -> str:
        return "Sensitive(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sensitive) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Sensitive value is not to be pickled")


@dataclass(frozen=True, slots=True)
class Token:
    """An ECR authorization token: the password of user `AWS`.

    Attributes:
        password: what registry clients send.
        issued_at: when this operator received it (UTC).
        expires_at: when AWS says it ends (UTC).
    """

    password: Sensitive
    issued_at: datetime
    expires_at: datetime

    @property
    def lifetime(self) -> timedelta:
        """From issue to expiry."""
        return self.expires_at - self.issued_at

    def expired(self, now: datetime) -> bool:
        """Whether a registry would refuse it at `now`."""
        return now >= self.expires_at


@dataclass(frozen=True, slots=True)
class Scope:
    """What a token is good for, and so the key under which it is shared.

    An ECR token opens every registry that its identity may use, in one region of one partition
    (AWS: GetAuthorizationToken, API reference). One for ECR Public opens that alone.
    """

    partition: str
    region: str
    identity: str = "ambient"
    public: bool = False

    @classmethod
    def of(cls, registry: Registry) -> Scope:
        """The scope of the operator's own identity at this registry."""
        return cls(partition=registry.partition, region=registry.region, public=registry.public)

    @property
    def service(self) -> str:
        """The AWS service that gives the token, as IAM and the SDKs name it."""
        return "ecr-public" if self.public else "ecr"

    def __str__(self) -> str:
        return f"{self.partition}/{self.region}/{self.identity}" + ("/public" if self.public else "")
