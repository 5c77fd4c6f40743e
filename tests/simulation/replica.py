"""One replica of the operator: the whole of it, as a process that can crash, stand still, and be cut off."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from operator import attrgetter
from random import Random
from typing import TYPE_CHECKING, Any, cast

from ecr_secret_operator.domain.resource import Key
from ecr_secret_operator.errors import OperatorError, Unavailable
from ecr_secret_operator.kube.accounts import AccountTokens
from ecr_secret_operator.kube.client import Client
from ecr_secret_operator.kube.config import ClusterConfig
from ecr_secret_operator.kube.connection import Connection
from ecr_secret_operator.manager import Operator
from ecr_secret_operator.runtime.machine import Machine
from ecr_secret_operator.settings import Settings

from .apiserver import Request, Response
from .client import SERVER, SimulatedClient
from .expected import OPERATOR_NAMESPACE
from .invariants.base import DISTURBED_SECONDS
from .invariants.others import LeaderWrites
from .loop import PROCESS
from .network import Faults, Network

if TYPE_CHECKING:
    from .world import World

USER = "operator"
USUAL = Faults(latency=(0.002, 0.05), event_latency=(0.001, 0.05))
TROUBLES: Mapping[str, Faults] = {
    "errors": replace(USUAL, failed=0.3, failed_after=0.15, watch_broken=0.5, watch_seconds=(0.0, 20.0)),
    "lost": replace(USUAL, lost=0.1, lost_after=0.15, timeout_seconds=60.0),
    "slow": replace(USUAL, latency=(0.2, 8.0), event_latency=(0.1, 5.0)),
    "throttled": replace(USUAL, throttled=0.6),
    "stalled": replace(USUAL, watch_silent=0.8, watch_expired=0.2, watch_seconds=(0.0, 30.0)),
}
RESTART_SECONDS = 2.0
REMEMBERED: Mapping[str, str] = {
    "failures": "_controller._failures",
    "Retry-After": "_controller._retry_after",
    "schedule": "_queue._at",
    "memory": "_reconciler._memories._memories",
    "memory of ServiceAccounts": "_accounts._memories._memories",
}


class _Client(SimulatedClient):
    """The client of a replica: its requests can be the moment of a crash, and end with the process."""

    replica: Replica

    async def _response(self, request: Request) -> Response:
        replica = self.replica
        replica.check_alive()
        writes = request.method != "GET" and not request.dry_run and not request.path.endswith("/token")
        counted = writes and "/leases" not in request.path
        if writes:
            replica.begins_to_write(request.path)
        await replica.on_request(request)
        if counted and replica.dies_now(after=False):
            await asyncio.Event().wait()
        started = replica.world.loop.since_boot()
        response = await super()._response(request)
        if counted and replica.dies_now(after=True):
            await asyncio.Event().wait()
        if "/leases" in request.path and writes and response.status < 300:
            replica.renewed_at = started
        return response


class Replica:
    """One replica.

    Args:
        world: that it is part of.
        name: of it; its processes are name#1, name#2 ...
        skew: what its wall clock is ahead, in seconds.

    Attributes:
        last_trouble: until when it was disturbed.
        trouble_began: when that began.
        renewed_at: when it began to renew its Lease for the last time; None if it never held it.
        operator: the present one.
    """

    def __init__(self, world: World, name: str, skew: float) -> None:
        self.world = world
        self.name = name
        self.skew = self._usual_skew = skew
        self.last_trouble = 0.0
        self.trouble_began = 0.0
        self.renewed_at: float | None = None
        self.operator: Operator | None = None
        self._process = ""
        self._number = 0
        self._workers = 4
        self._alive = False
        self._ended = False
        self._crash_in = 0
        self._crash_after = False
        self._down = 0.0
        self._pause_in = 0
        self._pause_seconds = 0.0
        self._network = Network(Random(f"{world.plan.seed} {name}"), USUAL)
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def utc(self) -> datetime:
        """The wall clock of its machine."""
        return self.world.loop.utc() + timedelta(seconds=self.skew)

    def start(self) -> None:
        """Starts a process, unless one runs."""
        if self._alive or self._ended:
            return
        self._number += 1
        self._process = f"{self.name}#{self._number}"
        self._alive, self.renewed_at, self._stop = True, None, asyncio.Event()
        self._crash_in = self._pause_in = 0
        self.world.note(f"{self._process} starts")
        self.world.disturbed()
        context = contextvars.copy_context()
        context.run(PROCESS.set, self._process)
        self.operator = context.run(self._built)
        self._task = asyncio.get_running_loop().create_task(self.operator.run(self._stop), context=context)
        process = self._process
        self._task.add_done_callback(lambda task: self._has_ended(process, task))

    def _built(self) -> Operator:
        world, loop = self.world, self.world.loop
        settings = Settings(
            kubeconfig=None,
            namespaces=world.plan.confined_to,
            metrics_address=None,
            probe_address=None,
            leader_elect=len(world.plan.replicas) > 1,
            leader_election_namespace=None,
            workers=self._workers,
            require_access_policy=world.plan.required,
        )
        simulated = _Client(world.server, self._network, loop.utc, user=USER)
        simulated.replica = self
        client = cast("Client", simulated)
        machine = Machine(
            utc=self.utc, monotonic=loop.time, since_boot=loop.since_boot, identity=self._process, trim=lambda: None
        )
        config = ClusterConfig(Connection(SERVER), OPERATOR_NAMESPACE)
        fetch = world.aws.fetch_of(AccountTokens(client), self.utc)
        return Operator(settings, config, client, machine=machine, fetch=fetch)

    def _has_ended(self, process: str, task: asyncio.Task[None]) -> None:
        if process != self._process or not self._alive:
            return
        self._alive = False
        error = None if task.cancelled() else task.exception()
        self.world.note(f"{process} ends: {error or 'stopped'}")
        if error and not isinstance(error, OperatorError):
            self._task = None
            raise error
        self.last_trouble = self._until(RESTART_SECONDS)
        self.world.later(RESTART_SECONDS, self.start)

    def _until(self, seconds: float) -> float:
        """Until when trouble of so many seconds lasts, beside what lasts longer."""
        now = self.world.loop.since_boot()
        if now - self.last_trouble > DISTURBED_SECONDS:
            self.trouble_began = now
        return max(self.last_trouble, now + seconds)

    # Faults

    def check_alive(self) -> None:
        """Raises Unavailable if the running code belongs to a process that has crashed."""
        if not self._alive or PROCESS.get() != self._process:
            raise Unavailable("the process has crashed")

    async def on_request(self, request: Request) -> None:
        """Lets intruders act, and stands still if that is planned for this request."""
        if "/leases" in request.path or request.path.endswith("/events"):
            return
        self.world.intruders.on_request(request)
        if self.on_call():
            await asyncio.sleep(0)

    def on_call(self) -> bool:
        """Stands still, if that is planned for this request or call to AWS. Returns whether it does."""
        if not self._pause_in:
            return False
        self._pause_in -= 1
        if self._pause_in:
            return False
        self.pause(self._pause_seconds)
        return True

    def begins_to_write(self, path: str) -> None:
        """Tells the invariant about the leader."""
        plural = path.removesuffix("/status").rstrip("/").split("/")
        kind = "leases" if "leases" in plural else "events" if "events" in plural else path
        self.world.invariant(LeaderWrites).begun(self._process, kind, self.renewed_at)

    def dies_now(self, *, after: bool) -> bool:
        """Whether this request is the moment of a planned crash."""
        if not self._crash_in or after != self._crash_after:
            return False
        self._crash_in -= 1
        if self._crash_in:
            return False
        self.world.note(f"{self._process} dies {'after' if after else 'before'} a request")
        self.world.later(0.0, lambda: self.crash(self._down))
        return True

    def crash_at(self, request: int, *, after: bool, down: float) -> None:
        """Plans a crash at one of the next writes."""
        self._crash_in, self._crash_after, self._down = request, after, down

    def crash(self, down: float) -> None:
        """Kills the process at whatever await it is, and starts it again later."""
        self.last_trouble = self._until(down)
        self.world.last_general_trouble = self.world.loop.since_boot()
        if self._alive:
            self._alive = False
            self.world.note(f"{self._process} is killed")
            self.world.loop.kill(self._process)
        self.world.later(down, self.start)

    def pause_at(self, request: int, seconds: float) -> None:
        """Plans to stand still at one of the next requests or calls to AWS."""
        self._pause_in, self._pause_seconds = request, seconds

    def sleep(self, seconds: float) -> None:
        """Puts the machine to sleep: its monotonic clock stands still, too, and the others go on."""
        process = self._process
        self.last_trouble = self._until(seconds)
        self.world.loop.pause(process)
        self.world.later(seconds, lambda: self._wake(process, seconds))

    def _wake(self, process: str, seconds: float) -> None:
        self.world.note(f"{process} wakes up")
        self.world.loop.resume(process, slept=seconds)

    def pause(self, seconds: float) -> None:
        """Lets nothing of the process run for some time."""
        process = self._process
        self.last_trouble = self._until(seconds)
        self.world.loop.pause(process)
        self.world.later(seconds, lambda: self._resume(process))

    def _resume(self, process: str) -> None:
        self.world.note(f"{process} goes on")
        self.world.loop.resume(process)

    def jump(self, seconds: float) -> None:
        """Sets the wall clock."""
        self.skew += seconds
        self.world.clocks_jumped = True
        self.last_trouble = self._until(0.0)

    def partition(self, seconds: float) -> None:
        """Cuts the process off from the API server."""
        self.last_trouble = self._until(seconds)
        self._network.partitioned.add(USER)
        self.world.later(seconds, lambda: self._network.partitioned.discard(USER))

    def disturb(self, how: str, seconds: float) -> None:
        """Lets requests fail in one way for some time."""
        self.last_trouble = self._until(seconds)
        self._network.faults = TROUBLES[how]
        self.world.later(seconds, self._undisturbed)

    def _undisturbed(self) -> None:
        self._network.faults = USUAL

    def restart(self, workers: int) -> None:
        """Ends the process as the kubelet does; it starts again with other settings."""
        self._workers = workers
        self.last_trouble = self._until(5.0)
        self._stop.set()

    def calm(self) -> None:
        """Ends all faults."""
        self._crash_in = self._pause_in = 0
        self.skew = self._usual_skew  # NTP corrects a clock that was set
        self._network.partitioned.clear()
        self._undisturbed()
        self.world.loop.resume(self._process)
        self.last_trouble = self.world.loop.since_boot()
        self.start()

    async def end(self) -> None:
        """Ends the process for good."""
        self._ended = True
        if self._alive:
            self._alive = False
            self.world.loop.kill(self._process)
        if self._task:
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.sleep(0)

    def remembered(self) -> Mapping[str, Iterable[Key]]:
        """The keys that the process remembers something of, by place."""
        found = self.operator
        return {place: cast("Mapping[Key, Any]", attrgetter(path)(found)) for place, path in REMEMBERED.items()}
