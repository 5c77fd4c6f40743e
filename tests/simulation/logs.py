"""The log of simulated replicas: each line is handed to the world, and nothing is printed."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import structlog

from .invariants.bounds import NoCanaryOutsideSecrets

if TYPE_CHECKING:
    from .world import World


@contextmanager
def capture_logs(world: World) -> Iterator[None]:
    """Hands all lines to a world until the end of the block."""
    before = structlog.get_config()
    invariant = world.invariant(NoCanaryOutsideSecrets)

    def take(_logger: Any, method: str, event: MutableMapping[str, Any]) -> str:
        if method != "debug":
            line = str(event)
            invariant.on_log(line)
            world.logged(method, event)
        raise structlog.DropEvent

    structlog.configure(processors=[take], cache_logger_on_first_use=False)
    try:
        yield
    finally:
        structlog.configure(**before)
