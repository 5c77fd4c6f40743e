"""The arithmetic of the benchmark. Pure: figures in, figures out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median_low
from typing import TypeVar

from .records import Growth, Size

T = TypeVar("T")

FLAT = 1.25
"""A cost for each resource that grows by less, from one size to the next, is flat: the rest is the machine's noise."""


TELLING = 1_000
"""Of fewer resources, what one costs cannot be measured: the cost of the start, which is taken off, varies by more."""


def percentile(values: Sequence[float], share: float) -> float:
    """The least of the values that at least this share of them do not exceed (nearest rank)."""
    if not values:
        raise ValueError("no values")
    rank = max(1, math.ceil(share * len(values)))
    return sorted(values)[rank - 1]


def ratio(ceiling_seconds: float, seconds: float) -> float:
    """A speed as a share of the ceiling's."""
    return ceiling_seconds / seconds


def per_resource_ms(cpu_seconds: float, start_cpu_seconds: float, resources: int) -> float:
    """CPU for each resource in milliseconds, beyond what the start alone costs; never less than nothing."""
    return max(0.0, cpu_seconds - start_cpu_seconds) * 1000 / resources


def growth(sizes: Sequence[Size]) -> list[Growth]:
    """What changes from each size to the next, of those that are large enough to tell."""
    ordered = sorted((size for size in sizes if size.resources >= TELLING), key=lambda size: size.resources)
    return [_growth(smaller, larger) for smaller, larger in pairwise(ordered)]


def _growth(smaller: Size, larger: Size) -> Growth:
    before, after = smaller.first_service.cpu_ms_per_resource, larger.first_service.cpu_ms_per_resource
    more = larger.resources - smaller.resources
    return Growth(
        smaller=smaller.resources,
        larger=larger.resources,
        cpu_ratio=after / before if before else 0.0,
        flat=after <= before * FLAT,
        peak_kib_per_resource=(larger.peak_kib - smaller.peak_kib) / more,
    )


def middle(measured: Sequence[T], by: Callable[[T], float]) -> T:
    """The one of several measurements that is in the middle: whole, so that its figures fit each other."""
    wanted = median_low([by(one) for one in measured])
    return next(one for one in measured if by(one) == wanted)
