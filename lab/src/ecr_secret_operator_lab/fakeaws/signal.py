"""A signal that something changed, so that requests can wait for a state instead of polling for it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Signal:
    """Wakes everybody who waits, every time it is fired. For one event loop."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def fire(self) -> None:
        """Something changed."""
        self._event.set()
        self._event = asyncio.Event()

    async def wait_until(self, holds: Callable[[], bool]) -> None:
        """Returns as soon as the condition holds; it is checked after every change."""
        while not holds():
            await self._event.wait()
