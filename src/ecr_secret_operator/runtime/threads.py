"""Blocking functions beside the event loop, in threads that never keep the process from ending."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(function: Callable[[], T], *, name: str) -> T:
    """Runs a blocking function in a daemon thread. Unlike with an executor, the process can end while it hangs."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def succeed(result: T) -> None:
        if not future.done():
            future.set_result(result)

    def fail(error: BaseException) -> None:
        if not future.done():
            future.set_exception(error)

    def run() -> None:
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - it is handed to the caller
            _call(loop, fail, error)
        else:
            _call(loop, succeed, result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return await future


def _call(loop: asyncio.AbstractEventLoop, function: Callable[[T], None], value: T) -> None:
    try:
        loop.call_soon_threadsafe(function, value)
    except RuntimeError:
        return  # the loop is closed, and no coroutine waits any more
