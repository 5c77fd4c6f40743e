"""Runs a command that takes minutes: progress while it lasts, its last words if it fails, nothing left if stopped."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from .reporting import Reporter
from .tether import tethered

TAIL_LINES = 25
GRACE_SECONDS = 2.0


class CommandFailed(Exception):
    """The command ended with an error; the text is the end of what it printed."""


def run(argv: Sequence[str], *, env: Mapping[str, str], log: Path, report: Reporter) -> None:
    """Runs a command in the directory of its log.

    Raises:
        CommandFailed: it cannot be started, or ended with an error.
    """
    with log.open("wb") as output:
        # A group of its own: everything that the command starts can be ended with it.
        process = subprocess.Popen(
            tethered(argv),
            env=dict(env),
            cwd=log.parent,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            process_group=0,
        )
        try:
            code = _wait(process, report)
        finally:
            end_group(process, GRACE_SECONDS)
    if code != 0:
        raise CommandFailed(tail(log) or f"{argv[0]} ended with {code} and said nothing")


def _wait(process: subprocess.Popen[bytes], report: Reporter) -> int:
    began = time.monotonic()
    while True:
        try:
            return process.wait(1)
        except subprocess.TimeoutExpired:
            report.alive(time.monotonic() - began)


def end_group(process: subprocess.Popen[bytes], grace: float) -> None:
    """Ends a process and its group, if it has not ended by itself: SIGTERM, then SIGKILL."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        os.killpg(process.pid, number)
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            continue


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The end of a log."""
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
