"""Finds the smallest plan that still fails in the same way, by leaving out actions (delta debugging, Zeller 1999)."""

from __future__ import annotations

from collections.abc import Callable

from .plan import Plan
from .world import World, simulate

MOST_RUNS = 400


def fails_alike(world: World, invariants: frozenset[str]) -> bool:
    """Whether one of some invariants does not hold."""
    return any(one.invariant in invariants for one in world.violations)


def shrunk(plan: Plan, invariants: frozenset[str], run: Callable[[Plan], World] = simulate) -> Plan:
    """The smallest plan found that violates one of the invariants that the whole plan violates.

    Args:
        plan: that fails.
        invariants: names of what it violates.
        run: runs a plan.
    """
    runs, actions, chunk = 0, plan.actions, max(1, len(plan.actions) // 2)
    while runs < MOST_RUNS:
        start, smaller = 0, False
        while start < len(actions) and runs < MOST_RUNS:
            fewer = actions[:start] + actions[start + chunk :]
            runs += 1
            if fails_alike(run(plan.with_actions(fewer)), invariants):
                actions, smaller = fewer, True
            else:
                start += chunk
        if chunk == 1 and not smaller:
            break
        chunk = max(1, chunk // 2)
    return plan.with_actions(actions)
