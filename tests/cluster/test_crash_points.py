"""kill -9 before and after every write: whatever the operator was about to do, the next one brings to the same end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ecr_secret_operator_lab.cluster import ECR, Cluster, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.faultproxy import FaultProxy, start_fault_proxy
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.permissions import operator_kubeconfig as kubeconfig_of
from ecr_secret_operator_lab.waiting import wait_for

from .accounts import account_path, an_account, listed, the_account, wait_listed
from .crashing import Scenario, Stage, Write, crash_at_every_write
from .private import private_world
from .pulls import PULLS, Site
from .resources import PLURALS, a_resource, apply, edit, get, wait_condition, wait_ready, wait_secret

pytestmark = pytest.mark.timeout(900)
"""Each test starts up to twenty operators, one after the other."""

CREATE, CHANGE, DELETE = "POST", "PATCH", "DELETE"


def starting(
    stack: ExitStack, proxy: FaultProxy, log: Path, aws: FakeAws, namespaces: str
) -> Callable[[], OperatorProcess]:
    """Starts operators that go through the proxy."""

    def start() -> OperatorProcess:
        operator = OperatorProcess(
            environment={**aws.environment(), "WATCH_NAMESPACE": namespaces, "COVERAGE_PROCESS_CONFIG": ""},
            log=log,
            kubeconfig=proxy.kubeconfig,
            args=("--log-level", "debug"),
        )
        stack.callback(operator.kill)
        return operator.ready()

    return start


@pytest.fixture
def stage(cluster: Cluster, namespace: str, operator_kubeconfig: Path, aws: FakeAws, tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        proxy = stack.enter_context(start_fault_proxy(operator_kubeconfig))

        start = starting(stack, proxy, tmp_path / "log", aws, namespace)
        collections = (
            secret_path(namespace),
            account_path(namespace),
            *(f"{ECR}/namespaces/{namespace}/{plural}" for plural in PLURALS.values()),
        )
        yield Stage(cluster, aws, proxy, collections, start)


def kinds_of(writes: list[Write]) -> list[tuple[str, str]]:
    """Method and last part of the path that tells what was written, sorted."""
    return sorted((method, next(part for part in _parts(path) if part in _TOLD)) for method, path, _ in writes)


_TOLD = frozenset(("status", "secrets", "serviceaccounts", "events"))


def _parts(path: str) -> list[str]:
    return path.split("/")[::-1]


Make = Callable[[Cluster, str], Scenario]


def nothing(_name: str) -> None:
    """There is nothing to arrange."""


def first_service(cluster: Cluster, where: str) -> Scenario:
    kind = "ArgoHelmRepoSecret"
    return Scenario(
        nothing,
        lambda name: apply(cluster, where, a_resource(kind, name)),
        lambda name: wait_ready(cluster, where, name, kind),
    )


def linked(cluster: Cluster, where: str, name: str) -> None:
    link = [{"service_account": name, "for": ["pull", "mount"]}]
    apply(cluster, where, a_resource(name=name, link=link))


def wait_linked(cluster: Cluster, where: str, name: str) -> None:
    wait_ready(cluster, where, name)
    wait_condition(cluster, where, name, type="Linked", status="True")
    wait_listed(cluster, where, name, pull=[f"{name}-generated"], mount=[f"{name}-generated"])


def first_service_with_a_link(cluster: Cluster, where: str) -> Scenario:
    return Scenario(
        lambda name: an_account(cluster, where, name),
        lambda name: linked(cluster, where, name),
        lambda name: wait_linked(cluster, where, name),
    )


def served(cluster: Cluster, where: str) -> Callable[[str], object]:
    def arrange(name: str) -> None:
        apply(cluster, where, a_resource(name=name))
        wait_ready(cluster, where, name)

    return arrange


def rotation(cluster: Cluster, where: str) -> Scenario:
    def act(name: str) -> None:
        annotations = {"ecr.mobb.redhat.com/refresh": "now"}
        cluster.patch(f"{ECR}/namespaces/{where}/secrets/{name}", {"metadata": {"annotations": annotations}})

    def done(name: str) -> None:
        def handled() -> bool:
            return bool((get(cluster, where, name) or {})["status"].get("lastHandledRefresh"))

        wait_for(handled, "it was refreshed")

    return Scenario(served(cluster, where), act, done, repeats=True)


def rename(cluster: Cluster, where: str) -> Scenario:
    def done(name: str) -> None:
        wait_ready(cluster, where, name)
        wait_secret(cluster, where, f"{name}-moved")
        wait_for(lambda: not cluster.get(secret_path(where, f"{name}-generated")), "the former one is gone")

    return Scenario(
        served(cluster, where), lambda name: edit(cluster, where, name, generated_secret_name=f"{name}-moved"), done
    )


def repair(cluster: Cluster, where: str) -> Scenario:
    def act(name: str) -> None:
        cluster.patch(secret_path(where, f"{name}-generated"), {"data": {"mine": "bWluZQ=="}})

    def done(name: str) -> None:
        wait_for(lambda: "mine" not in wait_secret(cluster, where, f"{name}-generated")["data"], "it is repaired")

    return Scenario(served(cluster, where), act, done, forgets=True)


def deletion_with_a_link(cluster: Cluster, where: str) -> Scenario:
    def arrange(name: str) -> None:
        an_account(cluster, where, name)
        linked(cluster, where, name)
        wait_linked(cluster, where, name)

    def done(name: str) -> None:
        wait_for(lambda: listed(the_account(cluster, where, name)) == ([], []), "it is unlinked")
        wait_for(lambda: not cluster.get(secret_path(where, f"{name}-generated")), "the Secret is gone")

    return Scenario(arrange, lambda name: cluster.delete(f"{ECR}/namespaces/{where}/secrets/{name}"), done)


def takeover(cluster: Cluster, where: str) -> Scenario:
    """By an older resource of the name that a younger one has."""

    def arrange(name: str) -> None:
        for letter in "ab":
            apply(cluster, where, a_resource(name=f"{name}-{letter}"))
            wait_ready(cluster, where, f"{name}-{letter}")

    def done(name: str) -> None:
        wait_ready(cluster, where, f"{name}-a")
        wait_condition(cluster, where, f"{name}-b", type="Ready", status="False", reason="SecretConflict")
        wait_for(lambda: not cluster.get(secret_path(where, f"{name}-a-generated")), "the former one is gone")

    return Scenario(
        arrange, lambda name: edit(cluster, where, f"{name}-a", generated_secret_name=f"{name}-b-generated"), done
    )


SCENARIOS: dict[str, tuple[Make, list[tuple[str, str]]]] = {
    "first service": (first_service, [(CHANGE, "status"), (CREATE, "secrets")]),
    "first service with a link": (
        first_service_with_a_link,
        [(CHANGE, "serviceaccounts"), (CHANGE, "status"), (CHANGE, "status"), (CREATE, "secrets")],
    ),
    "rotation": (rotation, [(CHANGE, "secrets"), (CHANGE, "status")]),
    "rename": (rename, [(CHANGE, "status"), (DELETE, "secrets"), (CREATE, "secrets"), (CREATE, "events")]),
    "repair": (repair, [(CHANGE, "secrets"), (CHANGE, "status"), (CREATE, "events")]),
    "deletion with a link": (
        deletion_with_a_link,
        [(CHANGE, "serviceaccounts"), (CREATE, "events"), (CREATE, "events")],
    ),
    "takeover": (
        takeover,
        [
            (CHANGE, "secrets"),
            (CHANGE, "status"),
            (CHANGE, "status"),
            (DELETE, "secrets"),
            (CREATE, "events"),
            (CREATE, "events"),
        ],
    ),
}


@pytest.mark.parametrize(("make", "expected"), SCENARIOS.values(), ids=SCENARIOS.keys())
def test_killed_at_any_write_the_next_one_comes_to_the_same_end(
    cluster: Cluster, namespace: str, stage: Stage, make: Make, expected: list[tuple[str, str]]
) -> None:
    writes = crash_at_every_write(stage, make(cluster, namespace))
    assert kinds_of(writes) == sorted(expected), "all writes were met"


# All namespaces


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A cluster without an operator yet."""
    with private_world(tmp_path_factory.mktemp("crash")) as world:
        yield Site(world, [])


def test_killed_while_it_serves_many_namespaces_it_comes_to_the_same_end(site: Site, tmp_path: Path) -> None:
    namespaces, kubeconfig = site.namespaces(3, crash="here"), kubeconfig_of(site.world.plane)
    where = {"selector": {"matchLabels": {"crash": "here"}}}
    scenario = Scenario(
        nothing, lambda name: site.pull(name, namespaces=where), lambda name: site.wait_served(name, 3, within=60)
    )
    with start_fault_proxy(kubeconfig) as proxy, ExitStack() as stack:
        start = starting(stack, proxy, tmp_path / "log", site.world.aws, "")
        collections = (PULLS, *(secret_path(namespace) for namespace in namespaces))
        stage = Stage(site.cluster, site.world.aws, proxy, collections, start)
        # How often its status is written depends on the time that passes meanwhile: the first one stands for all.
        writes = crash_at_every_write(stage, scenario, only=lambda write: write[2] == 0)
    assert len({path for _, path, _ in writes if path.startswith("/api/v1/")}) == 3
