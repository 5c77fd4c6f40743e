"""Logs: JSON in a cluster, for people at a terminal, redacted in both, on standard error."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal, TextIO, cast

import msgspec
import structlog
from structlog.typing import Processor

from ..domain.printable import one_line, printable, printable_json
from .redact import redacting_processor
from .stream import LossyStream

LogFormat = Literal["auto", "json", "console"]

_MANY_LINES = ("exception", "stack")

_QUIET = ("urllib3", "aiohttp", "asyncio")
"""At debug, these write requests and answers out whole, tokens included (measured with the Go operator's peer, too)."""


_SILENT = "botocore"
"""It warns, with a traceback, of failures that it raises too: each is logged once, as one sentence, by the caller."""


def _json(event: object, **_: object) -> str:
    """A log line, ten times as fast as by json.dumps. What was redacted is all plain and fit for UTF-8."""
    return printable_json(msgspec.json.encode(event).decode())


def _console_processor(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """For structlog: escapes what is not printable. Only tracebacks keep their line breaks."""
    return {
        one_line(key): (printable if key in _MANY_LINES else one_line)(value if isinstance(value, str) else str(value))
        for key, value in event.items()
    }


def configure_logs(level: str, fmt: LogFormat) -> None:
    """Configures structlog and the standard library's logging with the same format and level.

    Args:
        level: debug, info, warning or error. Libraries never log below warning, whatever this says.
        fmt: `auto` means console at a terminal, else json.
    """
    stream, terminal = LossyStream(sys.stderr), bool(sys.stderr and sys.stderr.isatty())
    console = fmt == "console" or (fmt == "auto" and terminal)
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redacting_processor,
    ]
    rendering: list[Processor] = (
        [_console_processor, structlog.dev.ConsoleRenderer(colors=terminal)]
        if console
        else [structlog.processors.JSONRenderer(_json)]
    )
    numeric = getattr(logging, level.upper())
    structlog.configure(
        processors=[*shared, *rendering],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, stream)),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redacting_processor, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(numeric, logging.INFO))
    logging.getLogger(_SILENT).setLevel(logging.CRITICAL + 1)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(numeric, logging.WARNING))
