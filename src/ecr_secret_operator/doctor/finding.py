"""What a check found: how bad it is, of what, in a sentence, and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    """It works, and may not go on to."""
    WRONG = "wrong"
    UNSEEN = "unseen"
    """It could not be looked at: for lack of a permission, or because it is not known where it is."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the checklist.

    Attributes:
        level: how bad it is.
        cause: in one word of a closed list (`causes`), for scripts.
        subject: of what.
        says: the finding, in a sentence.
        cure: a command, or what else to do; empty where nothing is wrong.
    """

    level: Level
    cause: str
    subject: str
    says: str
    cure: str = ""


def ok(cause: str, subject: str, says: str) -> Finding:
    """All is well."""
    return Finding(Level.OK, cause, subject, says)


def warning(cause: str, subject: str, says: str, cure: str) -> Finding:
    """Something to see to."""
    return Finding(Level.WARNING, cause, subject, says, cure)


def wrong(cause: str, subject: str, says: str, cure: str) -> Finding:
    """Something that does not work."""
    return Finding(Level.WRONG, cause, subject, says, cure)


def unseen(cause: str, subject: str, says: str, cure: str = "") -> Finding:
    """Something that could not be looked at."""
    return Finding(Level.UNSEEN, cause, subject, says, cure)


def worst(findings: Iterable[Finding]) -> bool:
    """Whether anything is wrong."""
    return any(one.level is Level.WRONG for one in findings)
