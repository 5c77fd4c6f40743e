"""Identifies processes of this machine. Linux: /proc/PID/stat, proc_pid_stat(5)."""

from __future__ import annotations

from pathlib import Path

STATE_FIELD, START_TIME_FIELD = 0, 19
"""Positions after the name of the program."""


def start_time(pid: int) -> int | None:
    """When a process started, in clock ticks since boot; None when it does not run.

    With its process id, this identifies a process, because ids are used again.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[STATE_FIELD] in "ZX" else int(fields[START_TIME_FIELD])
