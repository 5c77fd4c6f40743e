"""Runs the fake as a process of its own, so that its load and its faults do not affect the process that uses it."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from ..attended import NotStarted, attended
from .client import FakeAws, FakeAwsError
from .records import DEFAULT_MAX_RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def start_fake_aws(*, port: int = 0, max_records: int = DEFAULT_MAX_RECORDS) -> Iterator[FakeAws]:
    """Starts a fake AWS and stops it at the end; it also ends by itself when this process does.

    Args:
        port: on 127.0.0.1; 0 takes a free one.
        max_records: how many calls, tokens and sessions are remembered each.

    Raises:
        FakeAwsError: it did not start; its own words are on standard error.
    """
    with ExitStack() as stack:
        options = ("--port", str(port), "--max-records", str(max_records))
        try:
            url = stack.enter_context(attended(__package__, *options))
        except NotStarted as error:
            raise FakeAwsError(str(error)) from error
        yield FakeAws(url)
