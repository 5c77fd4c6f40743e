"""Runs the long-lived tasks of a process together, so that none of them can end unnoticed.

asyncio.TaskGroup is not enough for this: it stays silent when a task returns, or when other code cancels it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping

from ..errors import OperatorError


class PartEnded(OperatorError):
    """A part returned or was cancelled, although it had to run until the end. This is a bug."""

    @classmethod
    def of(cls, name: str) -> PartEnded:
        """The error for a task of this name."""
        return cls(f"task {name!r} ended, although it has to run as long as the operator. Please report this bug")


async def _nothing() -> None:
    pass


async def run_parts(
    parts: Mapping[str, Coroutine[object, object, None]],
    stop: asyncio.Event | None = None,
    *,
    before_end: Callable[[], Awaitable[None]] = _nothing,
) -> None:
    """Runs all parts until told to stop, or until any of them ends; then cancels the others.

    Args:
        parts: by name. Each runs until it is cancelled.
        stop: tells to stop; without it, the parts run until this is cancelled.
        before_end: runs after that, while the parts still run. It does not run when this is cancelled.

    Raises:
        PartEnded: a part returned or was cancelled before the stop.
        Exception: the error that a part ended with, also after the stop.
    """
    stop = stop or asyncio.Event()
    tasks = [asyncio.create_task(part, name=name) for name, part in parts.items()]
    stopped = asyncio.create_task(stop.wait(), name="stop")
    try:
        await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        ended = [task.get_name() for task in tasks if task.done()]
        await before_end()
    finally:
        for task in (stopped, *tasks):
            task.cancel()
        await asyncio.gather(stopped, *tasks, return_exceptions=True)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()):
            raise error
    if ended and not stop.is_set():
        raise PartEnded.of(ended[0])
