"""Runs the fake as a process of its own, so that its load and its faults stay out of whoever uses it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from selectors import EVENT_READ, DefaultSelector
from typing import TYPE_CHECKING

from .client import FakeAws, FakeAwsError
from .records import DEFAULT_MAX_RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterator

START_SECONDS = 30.0
STOP_SECONDS = 5.0


@contextmanager
def start_fake_aws(*, port: int = 0, max_records: int = DEFAULT_MAX_RECORDS) -> Iterator[FakeAws]:
    """Starts a fake AWS and stops it at the end; it also ends by itself when this process does.

    Args:
        port: on 127.0.0.1; 0 takes a free one.
        max_records: how many calls, tokens and sessions are remembered each.

    Raises:
        FakeAwsError: it did not start; its own words are on standard error.
    """
    command = [sys.executable, "-m", __package__, "--port", str(port), "--max-records", str(max_records)]
    # A group of its own: Ctrl-C at a terminal reaches its user first, who may still need it while shutting down.
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0)
    with process:
        try:
            yield FakeAws(_url(process))
        finally:
            _stop(process)


def _url(process: subprocess.Popen[str]) -> str:
    if process.stdout is None:
        raise FakeAwsError("the fake has no standard output")
    with DefaultSelector() as selector:
        selector.register(process.stdout, EVENT_READ)
        line = process.stdout.readline() if selector.select(START_SECONDS) else ""
    if not line:
        raise FakeAwsError(f"the fake AWS did not start: {process.poll()}")
    return line.strip()


def _stop(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None:
        process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
