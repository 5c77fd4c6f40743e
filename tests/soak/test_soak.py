"""Hundreds of resources with tokens that live a minute, for as long as one likes, while this and that goes wrong.

`make soak` takes five minutes with 300; `ECR_SOAK_MINUTES=60 ECR_SOAK_RESOURCES=1000 make soak` an hour of 1,000.
Everything goes wrong once, then once more in another order, and so on; `ECR_SOAK_SEED` has the orders be others. What
memory each of these takes it has taken by the end of the first round: there must be no more afterwards. What goes wrong
lasts three seconds at most, then nothing does for a while: so AWS does answer in the last sixth of every token's life,
and the operator has no excuse.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ecr_secret_operator_lab.bench.api import Write
from ecr_secret_operator_lab.bench.ceiling import ceiling
from ecr_secret_operator_lab.cluster import ECR, Cluster, Object, condition, resource_path, secret_path
from ecr_secret_operator_lab.controlplane import ControlPlane, LineReporter, ensure_binaries
from ecr_secret_operator_lab.fakeaws import FakeAws, start_fake_aws
from ecr_secret_operator_lab.faultproxy import FaultProxy, start_fault_proxy
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.permissions import operator_kubeconfig
from ecr_secret_operator_lab.waiting import wait_for

from ..cluster.resources import a_resource
from ..laboratory import DEPLOY, PERMISSIONS

MINUTES = float(os.environ.get("ECR_SOAK_MINUTES", "5"))
SEED = int(os.environ.get("ECR_SOAK_SEED", "1"))
COUNT, SPREAD = int(os.environ.get("ECR_SOAK_RESOURCES", "300")), 10
LIFE = 60.0
WRONG_SECONDS, RIGHT_SECONDS = (0.5, 3.0), (6.0, 12.0)
MANAGED = "app.kubernetes.io/managed-by=ecr-secret-operator"
EXPIRES_AT = "ecr.mobb.redhat.com/expires-at"
GROWTH = 1.05
"""How much more memory after the warm-up is none: the allocator's."""

pytestmark = pytest.mark.timeout(MINUTES * 60 + 600)


@dataclass(frozen=True)
class Soak:
    """What runs, and what can go wrong with it."""

    plane: ControlPlane
    cluster: Cluster
    aws: FakeAws
    proxy: FaultProxy
    operator: OperatorProcess
    draw: random.Random

    def secrets(self) -> list[Object]:
        """All generated Secrets."""
        return self.cluster.items("/api/v1/secrets", labelSelector=MANAGED)

    def resources(self) -> list[Object]:
        return self.cluster.items(f"{ECR}/secrets")

    def ready(self) -> int:
        return sum(condition(one, "Ready").get("status") == "True" for one in self.resources())

    def some(self, count: int) -> list[str]:
        """API paths of some of the generated Secrets."""
        return [_generated(number) for number in self.draw.sample(range(COUNT), min(count, COUNT))]

    def faults(self) -> Mapping[str, Callable[[], None]]:
        """What can go wrong; each is over when it is told to fix."""
        return {
            "AWS throttles": lambda: self.aws.fail("Throttling"),
            "AWS breaks": lambda: self.aws.fail("InternalError"),
            "AWS refuses": lambda: self.aws.fail("AccessDenied"),
            "AWS speaks nonsense": lambda: self.aws.fail("malformed"),
            "the API server is overloaded": lambda: self._fail("answer", status=429, retry_after=1),
            "the API server is unavailable": lambda: self._fail("answer", status=503),
            "writes end with nobody knowing how": lambda: self._fail(
                "answer", method="PATCH", status=504, when="after"
            ),
            "connections break": lambda: self._fail("drop"),
            "answers are cut off": lambda: self._fail("truncate", watch=False, after_bytes=200),
            "everything is slow": lambda: self._fail("delay", seconds=0.5),
            "watches end": lambda: _discard(self.proxy.cut()),
            "Secrets are deleted": self._delete,
            "Secrets are edited": self._edit,
        }

    def order(self) -> Iterator[str]:
        """Names of what is to go wrong: all of them in some order, all of them in another, and so on."""
        while True:
            names = sorted(self.faults())
            self.draw.shuffle(names)
            yield from names

    def _fail(self, kind: str, **details: object) -> None:
        self.proxy.fail(kind, **details)

    def _delete(self) -> None:
        for path in self.some(20):
            self.cluster.delete(path)

    def _edit(self) -> None:
        for path in self.some(20):
            self.cluster.patch(path, {"data": {"more": "eA=="}})

    def fix(self) -> None:
        self.aws.fix()
        self.proxy.fix()


@dataclass(frozen=True)
class Reading:
    """What the operator's process used, seen from outside and from its metrics."""

    rss: float
    files: int
    threads: int
    tasks: float


def _discard(_: object) -> None:
    return


def _place(number: int) -> str:
    return f"soak-{number % SPREAD}"


def _generated(number: int) -> str:
    return secret_path(_place(number), f"made-{number}")


@pytest.fixture
def soak(tmp_path: Path) -> Iterator[Soak]:
    with ExitStack() as stack:
        manifests = [DEPLOY / "crds", *PERMISSIONS]
        plane = stack.enter_context(ControlPlane.start(ensure_binaries(LineReporter()), manifests=manifests))
        cluster = stack.enter_context(Cluster(plane.kubeconfig))
        aws = stack.enter_context(start_fake_aws())
        aws.settings(lifetime_seconds=LIFE)
        proxy = stack.enter_context(start_fault_proxy(operator_kubeconfig(plane)))
        for number in range(SPREAD):
            cluster.namespace(_place(number))
        bodies = (
            a_resource(name=f"one-{number}", generated_secret_name=f"made-{number}", frequency="1m")
            for number in range(COUNT)
        )
        ceiling(
            plane.kubeconfig,
            [(Write("POST", resource_path("secrets", _place(number)), body),) for number, body in enumerate(bodies)],
        )
        operator = OperatorProcess(
            environment=aws.environment(), log=tmp_path / "operator.log", kubeconfig=proxy.kubeconfig
        )
        stack.enter_context(operator).ready()
        yield Soak(plane, cluster, aws, proxy, operator, random.Random(SEED))


def _reading(operator: OperatorProcess) -> Reading:
    process = Path(f"/proc/{operator.process.pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    return Reading(
        rss=int(status["VmRSS"].split()[0]) / 1024,
        files=len(list((process / "fd").iterdir())),
        threads=int(status["Threads"]),
        tasks=operator.metric("ecr_secret_operator_tasks"),
    )


def _expired(secrets: list[Object]) -> list[str]:
    now = datetime.now(UTC)
    return [
        f"{one['metadata']['namespace']}/{one['metadata']['name']}"
        for one in secrets
        if datetime.fromisoformat(one["metadata"]["annotations"][EXPIRES_AT]) < now
    ]


def test_nothing_expires_leaks_or_stays_broken_whatever_goes_wrong(soak: Soak) -> None:
    wait_for(lambda: soak.ready() == COUNT, "all are served", within=LIFE)
    began, readings, history = time.monotonic(), [], []
    faults = soak.faults()
    for name in soak.order():
        passed = time.monotonic() - began
        if passed > MINUTES * 60:
            break
        history.append(f"{passed:.0f} s: {name}")
        faults[name]()
        _watch_over(soak, soak.draw.uniform(*WRONG_SECONDS), history)
        soak.fix()
        _watch_over(soak, soak.draw.uniform(*RIGHT_SECONDS), history)
        readings.append(_reading(soak.operator))
    wait_for(lambda: soak.ready() == COUNT, f"all are served at the end: {history}", within=LIFE)
    assert len(soak.secrets()) == COUNT
    assert soak.operator.process.poll() is None
    assert soak.operator.probe("/healthz")[0] == 200
    assert soak.operator.probe("/readyz")[0] == 200
    _check_no_growth(readings[len(faults) :])
    calls = len(soak.aws.calls()) / (time.monotonic() - began)
    assert calls < COUNT / LIFE / 10, f"{calls:.2f} calls to AWS a second: they are not shared"


def _watch_over(soak: Soak, seconds: float, history: list[str]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert not (found := _expired(soak.secrets())), f"{len(found)} have expired, {found[:5]}, after {history}"
        time.sleep(1)


def _check_no_growth(warm: list[Reading]) -> None:
    assert len(warm) > 3, "it ended in the first round, or soon after: ECR_SOAK_MINUTES is too little to tell"
    first, last = warm[: len(warm) // 2], warm[len(warm) // 2 :]

    def middle(some: list[Reading], field: str) -> float:
        return float(sorted(getattr(one, field) for one in some)[len(some) // 2])

    assert middle(last, "rss") <= GROWTH * middle(first, "rss"), f"memory grows: {warm}"
    for field in ("files", "tasks", "threads"):
        assert middle(last, field) <= middle(first, field) + 5, f"{field} are leaked: {warm}"
