"""The clock that the other tests rely on."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest

from tests.virtual_time import START, DeadEnd, elapsed, in_virtual_time, running


def test_a_day_passes_in_no_time_and_in_order() -> None:
    started = time.monotonic()
    order: list[str] = []

    async def wait(hours: float) -> None:
        await asyncio.sleep(hours * 3600)
        order.append(f"{hours} {elapsed()}")

    @in_virtual_time
    async def day() -> None:
        await asyncio.gather(wait(24), wait(0.5), wait(2))
        assert running().now() == START + timedelta(days=1)

    day()
    assert order == ["0.5 1800.0", "2 7200.0", "24 86400.0"]
    assert time.monotonic() - started < 5


def test_waiting_for_what_cannot_come_is_an_error() -> None:
    @in_virtual_time
    async def forever() -> None:
        await asyncio.Event().wait()

    with pytest.raises(DeadEnd):
        forever()


def test_a_loop_without_pause_is_an_error() -> None:
    @in_virtual_time
    async def hot() -> None:
        while True:  # noqa: ASYNC110 - the point
            await asyncio.sleep(0)

    with pytest.raises(DeadEnd):
        hot()
