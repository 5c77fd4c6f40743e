"""What a process gets from the machine that it runs on: clocks, its identity, memory.

Jitter comes from the module `random`, which can be seeded, and time-outs from the clock of the event loop (ADR 76).
"""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from .heap import trim


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine of one process.

    Attributes:
        utc: the wall clock.
        monotonic: seconds, for durations.
        since_boot: seconds that go on while the machine sleeps, where it has such a clock.
        identity: unique to this process.
        trim: returns freed memory to the operating system.
    """

    utc: Callable[[], datetime]
    monotonic: Callable[[], float]
    since_boot: Callable[[], float]
    identity: str
    trim: Callable[[], None]


def this_machine() -> Machine:
    """The machine that this process runs on."""
    return Machine(
        utc=_utc_now,
        monotonic=time.monotonic,
        since_boot=_since_boot,
        identity=f"{socket.gethostname()}_{uuid.uuid4()}",
        trim=trim,
    )


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _since_boot() -> float:
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
