"""What the operator is measured against: a client that does the same writes, as many at a time, and nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import aiohttp
import msgspec
import uvloop

from .api import Write, send, session

CONCURRENCY = 24
"""As many at a time as the operator reconciles, by default."""

Chain = tuple[Write, ...]
"""Writes that follow each other: the next begins when the one before is answered."""


class Spent(NamedTuple):
    """What the client needed.

    Attributes:
        seconds: of time.
        cpu_seconds: of its process, user and system.
    """

    seconds: float
    cpu_seconds: float


_Encoded = list[tuple[Write, bytes]]


def ceiling(kubeconfig: Path, chains: Iterable[Chain], *, concurrency: int = CONCURRENCY) -> Spent:
    """Does all chains, in any order, and nothing else.

    Args:
        kubeconfig: with a token.
        chains: what to do; encoded before the clock starts.
        concurrency: chains at a time.

    Returns:
        What they took together.

    Raises:
        aiohttp.ClientResponseError: the API server refused a write.
    """
    encoded = [[(one, msgspec.json.encode(one.body)) for one in chain] for chain in chains]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as the operator has it
        return runner.run(_all(kubeconfig, iter(encoded), concurrency))


async def _all(kubeconfig: Path, todo: Iterator[_Encoded], concurrency: int) -> Spent:
    async with session(kubeconfig) as connections:
        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(_work(connections, todo) for _ in range(concurrency)))
        return Spent(time.perf_counter() - started, time.process_time() - cpu)


async def _work(connections: aiohttp.ClientSession, todo: Iterator[_Encoded]) -> None:
    for chain in todo:
        for write, body in chain:
            await send(connections, write, body)
