"""The text that /metrics answers with: rendered beside the event loop, and at most once a second."""

from __future__ import annotations

import asyncio

from ..runtime.threads import in_thread
from .metrics import Metrics

FRESH_SECONDS = 1.0
"""For so long a text is given to everybody who asks. Prometheus scrapes every 15 seconds or less often."""


class Exposition:
    """Renders metrics.

    With 10,000 resources that takes half a second, and the text has 3 MB: so it happens in a thread, once for all who
    ask at the same time, and the text is dropped after a second.

    Args:
        metrics: to render.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._rendering: asyncio.Task[bytes] | None = None

    async def text(self) -> bytes:
        """All metrics in Prometheus' text format, at most a second old when rendering began."""
        if self._rendering is None:
            self._rendering = asyncio.create_task(self._render(), name="render metrics")
            self._rendering.add_done_callback(self._drop_later)
        return await asyncio.shield(self._rendering)

    async def _render(self) -> bytes:
        return await in_thread(self._metrics.snapshot(), name="metrics")

    def _drop_later(self, _rendered: asyncio.Task[bytes]) -> None:
        asyncio.get_running_loop().call_later(FRESH_SECONDS, self._drop)

    def _drop(self) -> None:
        self._rendering = None
