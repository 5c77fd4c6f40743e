"""Freed memory goes back to the system."""

from __future__ import annotations

import asyncio
import ctypes
from pathlib import Path

import pytest

from ecr_secret_operator.runtime import heap
from ecr_secret_operator.runtime.heap import keep_trimmed, trim
from tests.virtual_time import Background, elapsed, in_virtual_time

TEXTS, CHARACTERS = 20_000, 4_000


def resident() -> int:
    """Bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_what_was_freed_between_what_is_in_use_is_given_back() -> None:
    texts = [f"{number:08}" * (CHARACTERS // 8) for number in range(TEXTS)]
    kept = texts[:: TEXTS // 10]
    full = resident()
    del texts
    trim()
    assert full - resident() > TEXTS * CHARACTERS * 0.7
    assert len(kept) == 10


def test_a_c_library_without_such_a_function_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of Alpine Linux has none."""
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())
    trim()


def test_it_is_given_back_every_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    moments: list[float] = []
    monkeypatch.setattr(heap, "trim", lambda: moments.append(elapsed()))

    @in_virtual_time
    async def scenario() -> None:
        async with Background(keep_trimmed()):
            await asyncio.sleep(200)

    scenario()
    assert moments == [60, 120, 180]
