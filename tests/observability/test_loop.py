"""What the event loop reports: connections are for debugging, all else is loud."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from structlog.testing import capture_logs

from ecr_secret_operator.observability.loop import handle_loop_error

FATAL = {"message": "Fatal error on SSL protocol", "exception": RuntimeError("the handler is closed")}


@pytest.mark.parametrize("of", ["transport", "protocol"])
async def test_a_connection_that_ends_badly_is_no_error(caplog: pytest.LogCaptureFixture, of: str) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(handle_loop_error)
    with caplog.at_level(logging.DEBUG), capture_logs() as lines:
        loop.call_exception_handler({**FATAL, of: object()})
    assert [(line["log_level"], line["error"]) for line in lines] == [("debug", "RuntimeError")]
    assert caplog.records == []


async def test_whatever_else_is_reported_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(handle_loop_error)
    context: dict[str, Any] = {"message": "Task exception was never retrieved", "exception": KeyError("bug")}
    loop.call_exception_handler(context)
    (record,) = caplog.records
    assert (record.levelname, record.exc_info is not None) == ("ERROR", True)
