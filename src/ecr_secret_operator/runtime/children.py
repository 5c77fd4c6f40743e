"""Child processes that give credentials: bounded in time and output, and never alive after this process.

What a child writes to standard error is discarded. It is foreign text that can hold a secret, and the only way to keep
it out of logs, events and statuses for certain is never to read it.
"""

from __future__ import annotations

import atexit
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

CHILD_SECONDS = 20.0
"""How long a child may take. Shorter than a call to AWS may (30 s), so the message can name the child."""

_MOST_BYTES = 1 << 20
_CHUNK = 1 << 16

_lock = threading.Lock()
_running: dict[subprocess.Popen[bytes], bool] = {}
"""Each with whether it has a process group of its own."""

_stopped = False


class ChildFailed(Exception):
    """A child gave no output; `str()` says what it did, such as "exited with code 1".

    Attributes:
        started: whether it ran at all.
    """

    def __init__(self, message: str, *, started: bool = True) -> None:
        super().__init__(message)
        self.started = started


def program(command: Sequence[str]) -> str:
    """The base name of a command's program. The rest of a command line can hold secrets."""
    return Path(command[0]).name if command else ""


def run_child(
    command: Sequence[str], *, environment: Mapping[str, str] | None = None, interactive: bool = False
) -> bytes:
    """Runs a program and returns what it wrote to standard output. Blocking.

    Args:
        command: the program and its arguments.
        environment: all of its environment; None for that of this process.
        interactive: a person is at the terminal: the program may ask, for as long as the person needs, and its
            standard error is shown to the person.

    Raises:
        ChildFailed: it could not be started, did not end in time, or ended with another code than 0.
    """
    process = _start(command, environment, interactive=interactive)
    try:
        output = _output(process, None if interactive else time.monotonic() + CHILD_SECONDS)
    except TimeoutError:
        raise ChildFailed(f"did not end within {CHILD_SECONDS:g} seconds and was killed") from None
    finally:
        with _lock:
            _kill(process, group=_running.pop(process))
        process.wait()
        if process.stdout:
            process.stdout.close()
    if process.returncode < 0:
        raise ChildFailed(f"was ended by signal {-process.returncode}")
    if process.returncode > 0:
        raise ChildFailed(f"exited with code {process.returncode}")
    return output


def _output(process: subprocess.Popen[bytes], deadline: float | None) -> bytes:
    """All that a child writes until it ends. Raises TimeoutError, and ChildFailed when it writes too much."""
    assert process.stdout is not None  # noqa: S101 - it was started with a pipe
    pipe, output = process.stdout.fileno(), bytearray()
    poll = select.poll()
    poll.register(pipe, select.POLLIN)
    while poll.poll(_left(deadline, 1000)):
        found = os.read(pipe, _CHUNK)
        if not found:
            try:
                process.wait(_left(deadline, 1))
            except subprocess.TimeoutExpired:
                raise TimeoutError from None
            return bytes(output)
        output += found
        if len(output) > _MOST_BYTES:
            raise ChildFailed(f"wrote more than {_MOST_BYTES >> 20} MiB")
    raise TimeoutError


def _left(deadline: float | None, units: int) -> float | None:
    return None if deadline is None else max(deadline - time.monotonic(), 0.0) * units


def _start(
    command: Sequence[str], environment: Mapping[str, str] | None, *, interactive: bool
) -> subprocess.Popen[bytes]:
    with _lock:
        if _stopped:
            raise ChildFailed("was not started, because this process is ending", started=False)
        try:
            process = subprocess.Popen(
                command,
                stdin=None if interactive else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=None if interactive else subprocess.DEVNULL,
                env=environment,
                process_group=None if interactive else 0,  # a group of its own: its children are killed with it
            )
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise ChildFailed(f"could not be started: {why}", started=False) from None
        _running[process] = not interactive
        return process


def _kill(process: subprocess.Popen[bytes], *, group: bool) -> None:
    """Ends a child and, where it has a group of its own, all that it started."""
    with suppress(ProcessLookupError, PermissionError):
        if group:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def stop_children() -> None:
    """Kills all children, and lets no other start. Runs by itself when this process ends."""
    global _stopped  # noqa: PLW0603 - one process, one end
    with _lock:
        _stopped = True
        for process, group in _running.items():
            _kill(process, group=group)


atexit.register(stop_children)
