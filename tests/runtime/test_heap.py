"""Freed memory goes back to the system."""

from __future__ import annotations

import asyncio
import ctypes
from pathlib import Path

import pytest

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


@in_virtual_time
async def test_it_is_given_back_every_minute() -> None:
    moments: list[float] = []
    async with Background(keep_trimmed(lambda: moments.append(elapsed()))):
        await asyncio.sleep(200)
    assert moments == [60, 120, 180]
