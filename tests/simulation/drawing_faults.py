"""Draws the arguments of faults: of replicas, of the network and of AWS."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from .plan import REPLICAS


def _replica(random: Random) -> dict[str, Any]:
    return {"replica": random.choice(REPLICAS)}


def _crash(random: Random) -> dict[str, Any]:
    when = random.choice(("now", "before", "after"))
    return {
        **_replica(random),
        "when": when,
        "request": random.randrange(1, 12),
        "down": random.choice((0.5, 5.0, 40.0)),
    }


def _pause(random: Random) -> dict[str, Any]:
    seconds = random.choice((3.0, 12.0, 20.0, 60.0, 400.0))
    return {**_replica(random), "seconds": seconds, "request": random.choice((0, 0, random.randrange(1, 12)))}


def _sleep(random: Random) -> dict[str, Any]:
    return {**_replica(random), "seconds": random.choice((8.0, 20.0, 300.0, 7_200.0))}


def _jump(random: Random) -> dict[str, Any]:
    return {**_replica(random), "seconds": random.choice((5.0, -5.0, 90.0, -90.0, 7_200.0, -7_200.0))}


def _partition(random: Random) -> dict[str, Any]:
    return {**_replica(random), "seconds": random.choice((5.0, 30.0, 100.0, 700.0))}


def _trouble(random: Random) -> dict[str, Any]:
    how = random.choice(("errors", "lost", "slow", "throttled", "stalled"))
    return {**_replica(random), "how": how, "seconds": random.choice((10.0, 60.0, 300.0))}


def _aws_trouble(random: Random) -> dict[str, Any]:
    return {
        "how": random.choice(("down", "hung", "slow", "throttled")),
        "seconds": random.choice((20.0, 200.0, 2_000.0)),
    }


def _nothing(_random: Random) -> dict[str, Any]:
    return {}


def _restart(random: Random) -> dict[str, Any]:
    return {**_replica(random), "workers": random.choice((1, 4, 16))}


FAULTS: Mapping[str, tuple[float, Callable[[Random], dict[str, Any]]]] = {
    "crash": (4, _crash),
    "pause": (4, _pause),
    "sleep": (1, _sleep),
    "jump": (1, _jump),
    "partition": (2, _partition),
    "trouble": (4, _trouble),
    "compact": (2, _nothing),
    "aws": (3, _aws_trouble),
    "restart": (1, _restart),
}
"""How often each fault is drawn, and what draws its arguments."""
