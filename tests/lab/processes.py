"""Processes that a test started."""

from __future__ import annotations

from pathlib import Path


def processes_with(variable: str, value: Path) -> list[str]:
    """The command lines of all processes that have this in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"{variable}={value}\0".encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue  # it has ended, or is not ours
    return found
