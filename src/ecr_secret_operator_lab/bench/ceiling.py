"""What the operator is measured against: a client that does the same writes, as many at a time, and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import aiohttp
import msgspec

from .api import Write, send, session

CONCURRENCY = 24
"""As many at a time as the operator reconciles, unless it is told otherwise."""

Chain = tuple[Write, ...]
"""Writes that follow each other: the next begins when the one before is answered."""

_Encoded = list[tuple[Write, bytes]]


def ceiling(kubeconfig: Path, chains: Iterable[Chain], *, concurrency: int = CONCURRENCY) -> float:
    """Does all chains, in any order, and nothing else.

    Args:
        kubeconfig: with a token.
        chains: what to do; encoded before the clock starts.
        concurrency: chains at a time.

    Returns:
        How long they took together, in seconds.

    Raises:
        aiohttp.ClientResponseError: the API server refused a write.
    """
    encoded = [[(one, msgspec.json.encode(one.body)) for one in chain] for chain in chains]
    return asyncio.run(_all(kubeconfig, iter(encoded), concurrency))


async def _all(kubeconfig: Path, todo: Iterator[_Encoded], concurrency: int) -> float:
    async with session(kubeconfig) as connections:
        started = time.perf_counter()
        await asyncio.gather(*(_work(connections, todo) for _ in range(concurrency)))
        return time.perf_counter() - started


async def _work(connections: aiohttp.ClientSession, todo: Iterator[_Encoded]) -> None:
    for chain in todo:
        for write, body in chain:
            await send(connections, write, body)
