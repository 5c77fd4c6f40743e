"""The result of a check: its level, its subject, a message, and a remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    WARNING = "warning"
    """It works now, and may fail later."""
    ERROR = "error"
    UNKNOWN = "unknown"
    """It could not be checked: a permission is missing, or its place is not known."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the checklist.

    Attributes:
        level: how serious it is.
        cause: an identifier from a closed list, for scripts.
        subject: the object or setting that was checked.
        message: the finding, in a sentence.
        remedy: a command, or what else to do; empty if nothing is wrong.
    """

    level: Level
    cause: str
    subject: str
    message: str
    remedy: str = ""


def ok(cause: str, subject: str, message: str) -> Finding:
    """A check that passed."""
    return Finding(Level.OK, cause, subject, message)


def warning(cause: str, subject: str, message: str, remedy: str) -> Finding:
    """Something that may fail later."""
    return Finding(Level.WARNING, cause, subject, message, remedy)


def error(cause: str, subject: str, message: str, remedy: str) -> Finding:
    """Something that does not work."""
    return Finding(Level.ERROR, cause, subject, message, remedy)


def unknown(cause: str, subject: str, message: str, remedy: str = "") -> Finding:
    """Something that could not be checked."""
    return Finding(Level.UNKNOWN, cause, subject, message, remedy)


def worst(findings: Iterable[Finding]) -> bool:
    """Whether one of the findings is an error."""
    return any(one.level is Level.ERROR for one in findings)


def counted(number: int, one: str, several: str = "") -> str:
    """A number with its noun: `1 error`, `2 errors`, `2 policies` for a plural of its own."""
    return f"{number} {one if number == 1 else several or f'{one}s'}"
