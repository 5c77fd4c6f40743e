"""Damps a fight with another controller over one object: the same repair is made less and less often. Pure.

The first repairs are made at once. After ten of them without a quiet minute the object is contested: each further
repair waits twice as long as the one before, a minute at most. See ADR 19.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

FREE_REPAIRS = 10
"""How many repairs are made at once."""

LONGEST_PAUSE = timedelta(seconds=60)
QUIET = timedelta(seconds=60)
"""An object that needed no repair for this long begins again with immediate repairs."""


@dataclass(frozen=True, slots=True)
class _Repairs:
    of: str
    times: int
    last: datetime
    damaged_since: datetime | None = None
    others: tuple[str, ...] = ()

    @property
    def next_at(self) -> datetime:
        if self.times < FREE_REPAIRS:
            return self.last
        return self.last + min(timedelta(seconds=2.0 ** min(self.times - FREE_REPAIRS, 16)), LONGEST_PAUSE)


class Damper:
    """Remembers the repairs of one object. Times are wall-clock times in UTC."""

    __slots__ = ("_repairs",)

    def __init__(self) -> None:
        self._repairs: _Repairs | None = None

    def damaged(self, of: str, now: datetime) -> datetime | None:
        """Notes that the object needs a repair. Returns when it may be made; None for now.

        Args:
            of: what the repairs restore, such as a uid and generation: with another one they begin again.
            now: the time.
        """
        found = self._repairs
        if found is None or found.of != of or now < found.last:
            self._repairs = None
            return None
        if found.damaged_since is None:
            if now - found.last >= QUIET:
                self._repairs = None
                return None
            found = self._repairs = replace(found, damaged_since=now)
        return found.next_at if now < found.next_at else None

    def repaired(self, of: str, now: datetime) -> None:
        """Notes that a repair was made."""
        before = self._repairs
        times, others = (before.times, before.others) if before and before.of == of else (0, ())
        self._repairs = _Repairs(of, times + 1, now, others=others)

    def intact(self, now: datetime) -> None:
        """Notes that the object is as it should be without a repair: another client may have restored it."""
        if self._repairs and self._repairs.damaged_since:
            self._repairs = replace(self._repairs, damaged_since=None, last=now)

    def contested_until(self, now: datetime) -> datetime | None:
        """When the contested object counts as quiet again, if it needs no repair until then; None if not contested."""
        found = self._repairs
        if found is None or found.times < FREE_REPAIRS:
            return None
        if found.damaged_since is None and not found.last <= now < found.last + QUIET:
            return None
        return max(found.last, now) + QUIET if found.damaged_since else found.last + QUIET

    @property
    def is_damaged(self) -> bool:
        """Whether a repair of the object has to wait, or has failed."""
        return self._repairs is not None and self._repairs.damaged_since is not None

    @property
    def is_suspect(self) -> bool:
        """Whether the next repair makes the object contested, or it is already."""
        return self._repairs is not None and self._repairs.times >= FREE_REPAIRS - 1

    @property
    def others(self) -> tuple[str, ...]:
        """The field managers that were noted for the contested object."""
        return self._repairs.others if self._repairs else ()

    def note_others(self, managers: Sequence[str]) -> None:
        """Notes which field managers change the contested object."""
        if self._repairs and managers:
            self._repairs = replace(self._repairs, others=tuple(managers))


def contested(what: str, managers: Sequence[str]) -> str:
    """The sentence that reports a contested object.

    Args:
        what: the object, such as `Secret ecr-pull`.
        managers: the field managers that change it; empty where they are not known.
    """
    names = ", ".join(f'"{name}"' for name in managers)
    who = f"field manager {names}" if managers else "another client"
    return (
        f"{what} is changed or deleted by {who} each time that the operator restores it. It is restored less and less"
        " often, in the end once a minute. Make that client leave it alone"
    )
