"""The text that /metrics answers with: rendered beside the event loop, and at most once a second."""

from __future__ import annotations

import asyncio

from ..observability.metrics import Metrics
from ..runtime.threads import in_thread

MOST_SECONDS = 1.0
"""A text is given to everybody who asks for so long at most. Prometheus scrapes every 15 seconds or less often."""
TIMES_AS_LONG = 10
"""It is given for so many times as long as it took to render: that takes a tenth of a processor at most."""


class Exposition:
    """Renders metrics.

    With 10,000 resources that takes half a second, and the text has 3 MB: so it happens in a thread, once for all who
    ask at the same time, and the text is dropped after a second. With few, it is milliseconds.

    Args:
        metrics: to render.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._rendering: asyncio.Task[bytes] | None = None

    async def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        if self._rendering is None:
            self._rendering = asyncio.create_task(self._render(), name="render metrics")
        return await asyncio.shield(self._rendering)

    async def _render(self) -> bytes:
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            return await in_thread(self._metrics.snapshot(), name="metrics")
        finally:
            loop.call_later(min(MOST_SECONDS, TIMES_AS_LONG * (loop.time() - began)), self._drop)

    def _drop(self) -> None:
        self._rendering = None
