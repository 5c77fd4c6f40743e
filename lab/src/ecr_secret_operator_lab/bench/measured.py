"""A process of an operator, and what it uses up, as the kernel counts it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ..runs import tail

SYNCED = "caches synced"
_POLL_SECONDS = 0.02
_QUIET_SECONDS, _QUIET_CPU = 2.0, 0.03
_USER_FIELD, _SYSTEM_FIELD = 11, 12
"""Places in /proc/PID/stat, counted after the command's closing parenthesis."""


class Usage(NamedTuple):
    """What a process has used up.

    Attributes:
        cpu_seconds: user and system.
        peak_kib: most memory that it ever had resident (VmHWM).
        resident_kib: memory that it has resident (VmRSS).
    """

    cpu_seconds: float
    peak_kib: int
    resident_kib: int


class Measured:
    """An operator that has just been started.

    Args:
        process: of the operator.
        log: its output.
        started_at: when it was started, by `time.perf_counter`.
        tells: whether its log says when its caches are filled.
    """

    def __init__(self, process: subprocess.Popen[bytes], log: Path, *, started_at: float, tells: bool) -> None:
        self._process = process
        self._log = log
        self._tells = tells
        self.started_at = started_at

    def usage(self) -> Usage:
        """What it has used up so far."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        found = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
        return Usage(self._cpu(), peak_kib=int(found["VmHWM"][0]), resident_kib=int(found["VmRSS"][0]))

    def _cpu(self) -> float:
        fields = _stat(self._process.pid)
        return (int(fields[_USER_FIELD]) + int(fields[_SYSTEM_FIELD])) / os.sysconf("SC_CLK_TCK")

    def alive(self) -> None:
        """Raises AssertionError with its last words when it has ended."""
        if self._process.poll() is not None:
            raise AssertionError(f"the operator ended with {self._process.returncode}:\n{tail(self._log)}")

    def synced_at(self) -> float | None:
        """When its caches were filled, by `time.perf_counter`; None when it has not said so."""
        for line in self._log.read_text(errors="replace").splitlines() if self._tells else ():
            if SYNCED in line:
                said = datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp()
                return time.perf_counter() - (time.time() - said)
        return None

    async def synced(self, within: float = 120.0) -> float:
        """Waits until its caches are filled, and tells when that was; an operator that does not tell is not waited for.

        Raises:
            TimeoutError: they were not.
        """
        if not self._tells:
            return self.started_at
        async with asyncio.timeout(within):
            while (at := self.synced_at()) is None:
                self.alive()
                await asyncio.sleep(_POLL_SECONDS)
        return at

    async def quiet(self, within: float = 120.0) -> None:
        """Waits until it has next to nothing to do, going by the CPU that it uses.

        Raises:
            TimeoutError: it is always busy.
        """
        async with asyncio.timeout(within):
            before = -1.0
            while (now := self._cpu()) - before > _QUIET_CPU:
                before = now
                self.alive()
                await asyncio.sleep(_QUIET_SECONDS)


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
