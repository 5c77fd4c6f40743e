"""One simulation: the cluster, AWS, the replicas, what the plan does to them, and the invariants that have to hold."""

from __future__ import annotations

import asyncio
import contextvars
import hashlib
import random as shared_random
from collections.abc import Callable, Mapping
from datetime import timedelta
from random import Random
from typing import Any, TypeVar

from ecr_secret_operator_lab.cluster import Object

from . import actors, disruptors, operations
from .apiserver import ApiServer
from .aws import Call, SimulatedAws
from .cluster import Cluster
from .drawing_faults import FAULTS
from .expected import OPERATOR_NAMESPACE
from .invariants import INVARIANTS, Invariant, Violation
from .invariants.base import Change
from .invariants.others import BystanderServed
from .logs import capture_logs
from .loop import EndlessLoop, SimulatedLoop, running
from .plan import BYSTANDER, HOSTS, KEY_IDS, NAMESPACES, ROLES, Action, Plan
from .replica import Replica
from .rivals import Fights, Intruders, PolicyEngine

InvariantT = TypeVar("InvariantT", bound=Invariant)

STEP_SECONDS = 10.0
IDLE_STEPS = 30
"""While nothing changes, the controller manager and the checks run every so many steps only."""
VERSIONS = 5
BYSTANDER_STEPS = 12
"""After so many steps, a new resource is created in the namespace without trouble."""

BYSTANDER_KEY = "AKIABYSTANDER"
MODULES = (actors, disruptors, operations)
"""Where the functions of actions are."""

GENERAL = frozenset(("policy", "remove_policy", "trust", *FAULTS))
"""Actions that concern all namespaces."""
LARGEST_USUAL_SKEW = 120.0
"""Of two clocks, in seconds, unless one of them was set."""


class Stopped(Exception):
    """A violation ends the simulation."""


class World:
    """The world of one simulation.

    Attributes:
        plan: what happens.
        trace: what happened, a line each.
        violations: what did not hold.
        history: the last versions of each Secret that replicas wrote.
        backups: Secrets that were saved, by namespace.
        of_predecessor: the uids of Secrets as the Go operator wrote them.
        settling: whether actions are over.
        last_general_trouble: when something last happened that concerns all namespaces.
        clocks_jumped: whether a wall clock was set.
    """

    def __init__(self, plan: Plan, *, loop: SimulatedLoop) -> None:
        self.plan = plan
        self.loop = loop
        self.random = Random(plan.seed + 1)
        self.trace: list[str] = []
        self.violations: list[Violation] = []
        self.history: dict[tuple[str, str], list[Object]] = {}
        self.backups: dict[str, list[Object]] = {}
        self.of_predecessor: set[str] = set()
        self.settling = False
        self.last_general_trouble = 0.0
        self.clocks_jumped = False
        self._context = contextvars.copy_context()
        self._digest = hashlib.sha256()
        self._disturbed: list[tuple[float, str]] = []
        self._stopped = asyncio.Event()
        self.server = ApiServer(loop.utc(), namespaces=("default", "kube-system", OPERATOR_NAMESPACE))
        self.cluster = Cluster(self.server, loop, self._changed)
        self.aws = SimulatedAws(Random(plan.seed + 2))
        self.fights = Fights(self)
        self.admission = PolicyEngine(self)
        self.intruders = Intruders(self)
        self.invariants = {kind: kind(self) for kind in INVARIANTS}
        self.replicas = {name: Replica(self, name, plan.skews[name]) for name in plan.replicas}
        self._prepare()

    def _prepare(self) -> None:
        for name in (*NAMESPACES, BYSTANDER):
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            self.cluster.create("namespaces", body, user="admin")
        self.cluster.step()
        aws, plan = self.aws, self.plan
        aws.skew = timedelta(seconds=plan.skews["aws"])
        aws.lifetime, aws.role_lifetime = timedelta(seconds=plan.lifetime), timedelta(seconds=plan.role_lifetime)
        aws.trusted.update(dict.fromkeys(ROLES, ""))
        aws.keys.update({key: actors.secret_key_of(key) for key in (*KEY_IDS, BYSTANDER_KEY)})
        aws.listeners.append(self._called)

    # What invariants ask

    def invariant(self, kind: type[InvariantT]) -> InvariantT:
        """The invariant of a class."""
        found = self.invariants[kind]
        assert isinstance(found, kind)
        return found

    @property
    def _skew(self) -> float:
        """How much two clocks differ now, in seconds."""
        found = [replica.skew for replica in self.replicas.values()] + [self.plan.skews["aws"]]
        return max(found) - min(found)

    @property
    def largest_skew(self) -> float:
        """How much any two clocks may differ, in seconds."""
        return self._skew if not self.clocks_jumped else 7_300.0

    def lag(self, process: str, usual: float, disturbed: float) -> float:
        """How late a replica may act on what was before."""
        replica = self.replicas[process.partition("#")[0]]
        now = self.loop.since_boot()
        if now - replica.last_trouble < disturbed:
            return disturbed + now - replica.trouble_began  # what it knows may be as old as its trouble
        return usual

    def worked_for(self, seconds: float) -> bool:
        """Whether at least one replica has worked without trouble for so long, AWS answered, and the clocks agree.

        A replica whose clock is far ahead takes a new token for one that has expired.
        """
        if self._skew > LARGEST_USUAL_SKEW:
            return False
        now = self.loop.since_boot()
        quiet = now - max(self.aws.weather.clear_at, *(one.last_trouble for one in self.replicas.values())) > seconds
        return quiet and now - self.last_general_trouble > seconds

    def disturbances(self, seconds: float, namespace: str = "") -> int:
        """How many actions and starts of replicas there were in the last so many seconds.

        Args:
            seconds: how long ago at most.
            namespace: counts those that concern it only; empty for all.
        """
        since = self.loop.since_boot() - seconds
        return sum(1 for at, where in self._disturbed if at >= since and (not namespace or where in {"", namespace}))

    def disturbed(self, namespace: str = "") -> None:
        """Counts a disturbance of a namespace, or of all."""
        self._disturbed.append((self.loop.since_boot(), namespace))

    def violated(self, violation: Violation) -> None:
        """Records a violation, which ends the simulation."""
        self.violations.append(violation)
        self.note(str(violation)[12:])
        self._stopped.set()

    # What happens

    def note(self, text: str) -> None:
        """Adds a line to the trace."""
        line = f"{self.loop.since_boot():10.3f}  {text}"
        self.trace.append(line)
        self._digest.update(line.encode())

    @property
    def digest(self) -> str:
        """A digest of all that happened, for comparisons."""
        return self._digest.hexdigest()

    def later(self, seconds: float, action: Callable[[], object]) -> None:
        """Does something later, whatever happens to the process that wants it."""
        self.loop.call_later(seconds, action, context=self._context)

    def _changed(self, change: Change) -> None:
        verb = "creates" if change.before is None else "deletes" if change.after is None else "changes"
        self.note(f"{change.process or change.user} {verb} {change.plural} {'/'.join(filter(None, change.key))}")
        if change.plural == "secrets" and change.by_operator and change.after:
            versions = self.history.setdefault(change.key, [])
            versions.append(change.after)
            del versions[:-VERSIONS]
        self.fights.on_change(change)
        for invariant in self.invariants.values():
            invariant.on_change(change)

    def _called(self, call: Call) -> None:
        self.note(
            f"{call.replica} calls AWS for {call.scope}: {f'token {call.token.number}' if call.token else 'failed'}"
        )
        for invariant in self.invariants.values():
            invariant.on_call(call)
        if call.replica:
            self.replicas[call.replica.partition("#")[0]].on_call()

    def logged(self, method: str, event: Mapping[str, Any]) -> None:
        """Takes a line of the log. An error is a bug of the operator."""
        if method in {"error", "exception", "critical"}:
            self.violated(
                Violation(self.loop.since_boot(), "NoBug", f"{event.get('event')}: {event.get('exc_info')!r}")
            )

    async def run(self) -> None:
        """Runs the whole simulation; ends early with the first violation."""
        shared_random.seed(self.plan.seed)
        with capture_logs(self):
            steps = asyncio.create_task(self._step())
            course = asyncio.create_task(self._course())
            stopped = asyncio.create_task(self._stopped.wait())
            await asyncio.wait({course, stopped, steps}, return_when=asyncio.FIRST_COMPLETED)
            for task in (course, stopped, steps):
                task.cancel()
            results = await asyncio.gather(course, stopped, steps, return_exceptions=True)
            for replica in self.replicas.values():
                await replica.end()
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _course(self) -> None:
        for replica in self.replicas.values():
            replica.start()
        for action in self.plan.actions:
            await self._sleep_until(action.at)
            self._do(action)
        await self._sleep_until(self.plan.duration)
        self._calm()
        await asyncio.sleep(self.plan.settle)
        for invariant in self.invariants.values():
            invariant.at_end()

    async def _sleep_until(self, moment: float) -> None:
        wait = moment - self.loop.since_boot()
        if wait > 0:
            await asyncio.sleep(wait)

    def _do(self, action: Action) -> None:
        self.note(f"== {action.name} {dict(action.arguments)}")
        if action.name in GENERAL:
            self.last_general_trouble = self.loop.since_boot()
        self.disturbed(action.arguments.get("to_namespace", action.arguments.get("namespace", "")))
        function = next(found for one in MODULES if (found := getattr(one, action.name, None)))
        function(self, **action.arguments)

    def _calm(self) -> None:
        """Ends all disturbances."""
        self.note("== calm")
        self.settling = True
        self.disturbed()
        self.fights.end()
        self.admission.end()
        self.intruders.end()
        weather = self.aws.weather
        weather.down_until = weather.hung_until = weather.slow_until = weather.throttled_until = 0.0
        for replica in self.replicas.values():
            replica.calm()
        for namespace in NAMESPACES:
            self.cluster.delete("resourcequotas", namespace, "no-secrets", user="admin")
        for plural in ("secrets", "secrets.ecr", "argohelmreposecrets", "clusterpullsecrets"):
            for found in self.cluster.items(plural):
                meta = found["metadata"]
                if meta.get("finalizers"):
                    actors.release(self, plural, meta.get("namespace", ""), meta["name"])

    async def _step(self) -> None:
        """What happens regularly: the controller manager, checks, a resource in a namespace without trouble."""
        revision = number = 0
        while True:
            await asyncio.sleep(STEP_SECONDS)
            number += 1
            if number % BYSTANDER_STEPS == 0 and not self.settling:
                self._serve_bystander(number)
            if self.server.state.revision == revision and number % IDLE_STEPS:
                continue
            self.cluster.step()
            revision = self.server.state.revision
            for invariant in self.invariants.values():
                invariant.on_step()

    def _serve_bystander(self, number: int) -> None:
        """Replaces the resource in the namespace of the bystander by a new one."""
        for old in self.cluster.items("secrets.ecr", BYSTANDER):
            self.cluster.delete("secrets.ecr", BYSTANDER, old["metadata"]["name"], user="bystander")
        spec = {
            "generated_secret_name": f"pull-{number}",
            "ecr_registry": HOSTS[0],
            "aws": {"credentials_secret": "keys"},
        }
        actors.keys(self, BYSTANDER, "keys", BYSTANDER_KEY)
        self.invariant(BystanderServed).created(f"pull-{number}")
        actors.create(self, "Secret", BYSTANDER, f"pull-{number}", spec)


def simulate(plan: Plan) -> World:
    """Runs a simulation to its end."""
    worlds: list[World] = []

    async def run() -> None:
        worlds.append(World(plan, loop=running()))
        await worlds[0].run()

    with asyncio.Runner(loop_factory=SimulatedLoop) as runner:
        try:
            runner.run(run())
        except EndlessLoop as error:
            worlds[0].violated(Violation(worlds[0].loop.since_boot(), "TimePasses", str(error)))
    return worlds[0]
