"""Damps a fight with another controller over one object: the same repair is made less and less often. Pure.

The first repairs are made at once. After ten of them without a quiet minute the object is contested: each further
repair waits twice as long as the one before, a minute at most. See ADR 19.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)

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


class Damper(Generic[K]):
    """Remembers the repairs of objects, by key. Times are wall-clock times in UTC."""

    def __init__(self) -> None:
        self._repairs: dict[K, _Repairs] = {}

    def damaged(self, key: K, of: str, now: datetime) -> datetime | None:
        """Notes that an object needs a repair. Returns when it may be made; None for now.

        Args:
            key: of the object.
            of: what the repairs restore, such as a uid and generation: with another one they begin again.
            now: the time.
        """
        found = self._repairs.get(key)
        if found is None or found.of != of or now < found.last:
            self._repairs.pop(key, None)
            return None
        if found.damaged_since is None:
            if now - found.last >= QUIET:
                del self._repairs[key]
                return None
            found = self._repairs[key] = replace(found, damaged_since=now)
        return found.next_at if now < found.next_at else None

    def repaired(self, key: K, of: str, now: datetime) -> None:
        """Notes that a repair was made."""
        before = self._repairs.get(key)
        times, others = (before.times, before.others) if before and before.of == of else (0, ())
        self._repairs[key] = _Repairs(of, times + 1, now, others=others)

    def contested_until(self, key: K, now: datetime) -> datetime | None:
        """When an object that is contested counts as quiet again, if it needs no repair until then; else None."""
        found = self._repairs.get(key)
        if found is None or found.times < FREE_REPAIRS:
            return None
        if found.damaged_since is None and not found.last <= now < found.last + QUIET:
            return None
        return max(found.last, now) + QUIET if found.damaged_since else found.last + QUIET

    def is_suspect(self, key: K) -> bool:
        """Whether the next repair makes the object contested, or it is already."""
        found = self._repairs.get(key)
        return found is not None and found.times >= FREE_REPAIRS - 1

    def others(self, key: K) -> tuple[str, ...]:
        """The field managers that were noted for a contested object."""
        found = self._repairs.get(key)
        return found.others if found else ()

    def note_others(self, key: K, managers: Sequence[str]) -> None:
        """Notes which field managers change a contested object."""
        found = self._repairs.get(key)
        if found and managers:
            self._repairs[key] = replace(found, others=tuple(managers))

    def forget(self, key: K) -> None:
        """Drops what is remembered of an object."""
        self._repairs.pop(key, None)


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
