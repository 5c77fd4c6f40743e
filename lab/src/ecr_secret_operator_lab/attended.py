"""Servers of the laboratory that run as processes of their own, and end when the process that started them does.

The starter's side and the server's: the server says on its first line where it is to be found, and ends with its
standard input. Their load and their faults stay out of the process that uses them.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from selectors import EVENT_READ, DefaultSelector

STDIN = 0
START_SECONDS = 30.0
STOP_SECONDS = 5.0


class NotStarted(Exception):
    """The server ended, or said nothing in time; its own words are on standard error."""


@contextmanager
def attended(module: str, *args: str) -> Iterator[str]:
    """Starts a module as a server, gives its first line, and stops it at the end.

    Raises:
        NotStarted: it did not start.
    """
    command = [sys.executable, "-m", module, *args]
    # A group of its own: Ctrl-C at a terminal reaches its user first, who may still need it while shutting down.
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0)
    with process:
        try:
            yield _first_line(process, module)
        finally:
            _stop(process)


def _first_line(process: subprocess.Popen[str], module: str) -> str:
    if process.stdout is None:
        raise NotStarted(f"{module} has no standard output")
    with DefaultSelector() as selector:
        selector.register(process.stdout, EVENT_READ)
        line = process.stdout.readline() if selector.select(START_SECONDS) else ""
    if not line:
        raise NotStarted(f"{module} did not start: {process.poll()}")
    return line.strip()


def _stop(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def told_to_stop(*, attended: bool = True) -> asyncio.Event:
    """In the server: is set by SIGTERM and SIGINT, and when an attended one's standard input ends."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if attended:
        threading.Thread(target=_watch_stdin, args=(loop, stop), daemon=True).start()
    return stop


def say(line: str) -> None:
    """In the server: the first line."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Reads with os.read: a thread that sits in sys.stdin would keep its lock while the interpreter shuts down."""
    while os.read(STDIN, 4096):
        pass
    loop.call_soon_threadsafe(stop.set)
