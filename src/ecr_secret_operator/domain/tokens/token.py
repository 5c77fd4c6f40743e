"""The token and the type that keeps it from being shown by accident."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

if TYPE_CHECKING:
    from datetime import datetime, timedelta


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
