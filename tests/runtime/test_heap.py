"""Freed memory goes back to the system."""

from __future__ import annotations

from pathlib import Path

from ecr_secret_operator.runtime.heap import trim

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
