"""Simulates many seeds in several processes."""

from __future__ import annotations

import gc
import multiprocessing
import time
from dataclasses import dataclass

import click

from .drawing import draw
from .mutations import mutated
from .world import simulate


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one seed gave."""

    seed: int
    violations: tuple[str, ...]
    invariants: frozenset[str]
    seconds: float
    hours: float
    digest: str


def run_seed(seed: int, mutation: str = "") -> Outcome:
    """Simulates one seed."""
    started = time.perf_counter()
    with mutated(mutation):
        world = simulate(draw(seed))
    return Outcome(
        seed,
        tuple(map(str, world.violations)),
        frozenset(one.invariant for one in world.violations),
        time.perf_counter() - started,
        world.loop.since_boot() / 3_600,
        world.digest,
    )


def _collect_less() -> None:
    """Lets collections of garbage be rare, and skip what is imported: they took a twentieth of the time."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _run_numbered(task: tuple[int, str]) -> Outcome:
    return run_seed(*task)


def hunt(seeds: range, *, jobs: int, mutation: str = "", stop_at: int = 0) -> list[Outcome]:
    """Simulates many seeds, prints the progress, and returns those that fail.

    Args:
        seeds: to simulate.
        jobs: processes.
        mutation: what is broken on purpose; empty for nothing.
        stop_at: ends after so many failures; 0 for never.
    """
    failed: list[Outcome] = []
    started, hours = time.perf_counter(), 0.0
    context = multiprocessing.get_context("spawn")  # each process begins with the same hash seed and empty caches
    with context.Pool(jobs, initializer=_collect_less, maxtasksperchild=50) as pool:
        results = pool.imap_unordered(_run_numbered, ((seed, mutation) for seed in seeds), chunksize=1)
        for number, outcome in enumerate(results, 1):
            hours += outcome.hours
            if outcome.violations:
                failed.append(outcome)
                click.echo(f"seed {outcome.seed}: {outcome.violations[0].strip()}")
            if number % 100 == 0 or number == len(seeds):
                rate = f"{hours:.0f} simulated hours in {time.perf_counter() - started:.0f} s"
                click.echo(f"{number} of {len(seeds)} seeds, {len(failed)} with a violation, {rate}")
            if stop_at and len(failed) >= stop_at:
                break
    return failed
