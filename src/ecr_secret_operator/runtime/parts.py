"""Runs the parts of a process together: none of them can end without being noticed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping


class PartEnded(RuntimeError):
    """A part returned, although it was to run until it is cancelled: a bug."""


async def run_parts(
    parts: Mapping[str, Coroutine[object, object, None]],
    stop: asyncio.Event,
    *,
    before_end: Callable[[], Awaitable[None]],
) -> None:
    """Runs all parts until told to stop, or until any of them ends; then cancels those that are left.

    Args:
        parts: by name. Each runs until it is cancelled.
        stop: tells to stop.
        before_end: runs after that, while the parts still run.

    Raises:
        PartEnded: a part returned.
        Exception: whatever a part ended with, also where it ended after the signal to stop.
    """
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
        raise PartEnded(f"part {ended[0]} of the process ended, and was not told to")
