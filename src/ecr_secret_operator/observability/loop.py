"""Errors that the event loop reports because no task does."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog


def handle_loop_error(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An exception handler for `loop.set_exception_handler`.

    An error of a connection is for debugging: the code that used the connection raises an error of its own, and at
    the end of the process connections are closed while TLS is still at work on them. All other errors are logged as
    usual.

    Args:
        loop: that reports the error.
        context: as `loop.call_exception_handler` describes it.
    """
    if "transport" in context or "protocol" in context:
        error = type(context.get("exception")).__name__
        structlog.get_logger().debug("a connection ended with an error", message=context.get("message"), error=error)
    else:
        loop.default_exception_handler(context)
