"""`python -m tests.simulation`: runs simulations by seed, hunts for violations, and prints the smallest replay."""

from __future__ import annotations

import argparse
import os
import sys

import click

from .drawing import calm, draw
from .hunting import hunt
from .mutations import MUTATIONS, mutated
from .plan import Plan
from .shrink import shrunk
from .world import World, simulate

HASH_SEED = "PYTHONHASHSEED"


def replay(plan: Plan, mutation: str, *, trace: bool, shrink: bool) -> World:
    """Simulates one plan, and prints what happened."""
    with mutated(mutation):
        world = simulate(plan)
        if shrink and world.violations:
            plan = shrunk(plan, frozenset(one.invariant for one in world.violations))
            world = simulate(plan)
    for action in plan.actions:
        click.echo(action)
    if trace:
        click.echo("\n".join(world.trace))
    for violation in world.violations:
        click.echo(violation)
    click.echo(f"seed {plan.seed}: {len(world.violations)} violations, digest {world.digest[:16]}")
    return world


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="simulate this seed, and print what happened")
    parser.add_argument("--days", type=float, help="simulate so many calm days with 50 resources, beside --seed")
    parser.add_argument("--trace", action="store_true", help="print each change and call")
    parser.add_argument("--shrink", action="store_true", help="print the smallest plan that fails")
    parser.add_argument("--from", type=int, default=0, dest="first", help="first seed of a hunt")
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds to hunt in")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes of a hunt")
    parser.add_argument("--stop-at", type=int, default=0, help="end a hunt after so many failures")
    parser.add_argument("--mutation", default="", choices=["", *MUTATIONS], help="break the operator on purpose")
    return parser.parse_args()


def main() -> int:
    """Runs what the command line says; 1 if there is a violation."""
    if os.environ.get(HASH_SEED) != "0":
        # The order of sets depends on it, and so does what a seed gives.
        os.execve(  # noqa: S606 - the same program again
            sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, HASH_SEED: "0"}
        )
    found = _arguments()
    if found.seed is not None or found.days:
        seed = found.seed or 0
        plan = calm(seed, found.days) if found.days else draw(seed)
        return bool(replay(plan, found.mutation, trace=found.trace, shrink=found.shrink).violations)
    seeds = range(found.first, found.first + found.seeds)
    failed = hunt(seeds, jobs=found.jobs, mutation=found.mutation, stop_at=found.stop_at)
    if failed:
        click.echo(f"to replay: python -m tests.simulation --seed {failed[0].seed} --shrink")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
