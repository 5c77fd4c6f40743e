"""Turns each change into keys, and enqueues them. What a change wakes is decided in `routes`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

from ..domain.ports import Enqueue
from ..domain.resource import Key
from ..runtime.cache import Change
from ..runtime.queue import ignore
from .routes import wakes
from .stores.bundle import Stores

PART = 200
"""Keys that are enqueued at once when a change concerns all resources. A hundred policies take 0.2 ms for each."""


class Dispatcher:
    """Enqueues the keys that changes wake.

    Args:
        stores: find the keys.
    """

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._enqueue: Enqueue[Key] = ignore
        self._pending: dict[type, Change[Any]] = {}
        self._requested = asyncio.Event()

    def on_change(self, enqueue: Enqueue[Key]) -> None:
        """Sets what is called with the keys that each change wakes."""
        self._enqueue = enqueue

    def dispatch(self, change: Change[Any]) -> None:
        """Enqueues the keys that a change wakes."""
        for key, low_priority in wakes(change, self._stores):
            self._enqueue(key, low_priority=low_priority)

    def dispatch_later(self, change: Change[Any]) -> None:
        """Has `run` enqueue the keys of a change that concerns all resources. It does so once for many of a type."""
        self._pending[type(change.subject)] = change
        self._requested.set()

    async def run(self, *, prepare: Callable[[Sequence[Key]], None]) -> None:
        """Enqueues the keys of changes that concern all resources, until cancelled. Other tasks run between parts.

        Args:
            prepare: called with the keys of each part before they are enqueued.
        """
        while True:
            await self._requested.wait()
            self._requested.clear()
            while self._pending:
                _, change = self._pending.popitem()
                found = wakes(change, self._stores)
                while part := tuple(islice(found, PART)):
                    prepare([key for key, _ in part])
                    for key, low_priority in part:
                        self._enqueue(key, low_priority=low_priority)
                    await asyncio.sleep(0)
