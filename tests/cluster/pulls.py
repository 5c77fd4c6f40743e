"""ClusterPullSecrets in a cluster of their own: applied, looked at in many namespaces, and counted by the audit log."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ecr_secret_operator_lab.cluster import ECR, Cluster, Object, condition, secret_path
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.permissions import NAMESPACE, SERVICE_ACCOUNT
from ecr_secret_operator_lab.waiting import NotReached, wait_for

from .private import World, private_world
from .resources import a_resource

PULLS = f"{ECR}/clusterpullsecrets"
USER = f"system:serviceaccount:{NAMESPACE}:{SERVICE_ACCOUNT}"
MANAGED = "app.kubernetes.io/managed-by=ecr-secret-operator"
READING = frozenset(("get", "list", "watch"))

Status = Mapping[str, Any]
_numbers = itertools.count()


@dataclass
class Site:
    """A cluster with one operator, which a test may restart."""

    world: World
    operators: list[OperatorProcess]
    made: set[str] = field(default_factory=set)

    @property
    def cluster(self) -> Cluster:
        return self.world.cluster

    @property
    def operator(self) -> OperatorProcess:
        return self.operators[-1]

    def restart(self, *args: str, **environment: str) -> OperatorProcess:
        """Ends the operator, and starts another one."""
        assert self.operator.stop() == 0
        self.operators.append(self.world.start(*args, **environment))
        return self.operator

    # Namespaces

    def namespaces(self, count: int, **labels: str) -> list[str]:
        """New ones with these labels, made by several clients at a time."""
        names = [f"team-{next(_numbers)}" for _ in range(count)]

        def make(some: Iterable[str]) -> None:
            with Cluster(self.world.plane.kubeconfig) as cluster:
                for name in some:
                    cluster.namespace(name, **labels)

        if count < 8:
            make(names)
        else:
            with ThreadPoolExecutor(8) as pool:
                list(pool.map(make, (names[start::8] for start in range(8))))
        return names

    def namespace(self, **labels: str) -> str:
        (name,) = self.namespaces(1, **labels)
        return name

    def label(self, namespace: str, **labels: str | None) -> None:
        self.cluster.patch(f"/api/v1/namespaces/{namespace}", {"metadata": {"labels": labels}})

    # Resources

    def pull(self, name: str, **spec: Any) -> Object:
        """Makes a ClusterPullSecret."""
        self.made.add(name)
        return self.cluster.create(PULLS, a_resource("ClusterPullSecret", name, **{"region": None, **spec}))

    def edit(self, name: str, **spec: Any) -> None:
        self.cluster.patch(f"{PULLS}/{name}", {"spec": spec})

    def delete(self, name: str) -> None:
        self.made.discard(name)
        self.cluster.delete(f"{PULLS}/{name}")

    def get(self, name: str) -> Object | None:
        return self.cluster.get(f"{PULLS}/{name}")

    def clear(self) -> None:
        """Deletes what the test made, but not what the module did."""
        for name in list(self.made):
            self.delete(name)
        self.world.clear()

    def wait(self, name: str, says: Callable[[Status], bool], what: str, *, within: float = 30.0) -> Status:
        """Waits until a resource says something of its present generation."""

        def said() -> Status | None:
            found = self.get(name)
            status: Status = (found or {}).get("status") or {}
            current = found and status.get("observedGeneration") == found["metadata"]["generation"]
            return status if current and says(status) else None

        try:
            return wait_for(said, f"{name} says that {what}", within=within)
        except NotReached as error:
            raise NotReached(f"{error}; it says {json.dumps((self.get(name) or {}).get('status'))}") from None

    def wait_served(self, name: str, count: int, *, within: float = 30.0) -> Status:
        """Waits until all of so many selected namespaces are served."""
        counts = {"selected": count, "served": count, "failing": 0}
        return self.wait(
            name,
            lambda status: status["namespaces"] == counts and is_ready(status),
            f"{count} namespaces are served",
            within=within,
        )

    def wait_failing(self, name: str, reasons: Mapping[str, str], *, within: float = 30.0) -> Status:
        """Waits until exactly these namespaces are listed, with these reasons."""
        return self.wait(name, lambda status: failing(status) == reasons, f"{reasons}", within=within)

    # Secrets

    def secret(self, namespace: str, name: str) -> Object | None:
        return self.cluster.get(secret_path(namespace, name))

    def wait_secret(self, namespace: str, name: str, *, within: float = 20.0) -> Object:
        return wait_for(lambda: self.secret(namespace, name), f"{namespace}/{name} is there", within=within)

    def wait_gone(self, namespace: str, name: str, *, within: float = 20.0) -> None:
        wait_for(lambda: self.secret(namespace, name) is None, f"{namespace}/{name} is gone", within=within)

    def generated(self, name: str) -> list[Object]:
        """All Secrets of a name that the operator made."""
        return self.cluster.items("/api/v1/secrets", labelSelector=MANAGED, fieldSelector=f"metadata.name={name}")

    # What the operator did

    def writes(self, *, after: int = 0) -> list[str]:
        """What the operator has written so far, such as `patch clusterpullsecrets/status all`; without events."""
        lines = self.world.plane.audit_log.read_text().splitlines()[after:]
        return list(_writes(lines))

    def requests(self) -> int:
        """How many requests of the operator there were; for `writes`."""
        return len(self.world.plane.audit_log.read_text().splitlines())

    def events(self, name: str) -> list[Object]:
        """The events about a cluster resource."""
        return self.cluster.items("/api/v1/namespaces/default/events", fieldSelector=f"involvedObject.name={name}")


def _writes(lines: Iterable[str]) -> Iterator[str]:
    for entry in map(json.loads, lines):
        what = entry.get("objectRef", {})
        if not entry.get("userAgent", "").startswith("ecr-secret-operator/") or entry["verb"] in READING:
            continue
        if what["resource"] not in {"events", "leases"}:
            resource = "/".join(filter(None, (what["resource"], what.get("subresource"))))
            yield f"{entry['verb']} {resource} {what.get('name', '')}".strip()


def failing(status: Status) -> dict[str, str]:
    """The failing namespaces with their reasons."""
    return {one["namespace"]: one["reason"] for one in status.get("failingNamespaces", [])}


def is_ready(status: Status) -> bool:
    return bool(condition({"status": status}, "Ready").get("status") == "True")


def state(status: Status, kind: str) -> tuple[str, str]:
    """Status and reason of a condition."""
    found = condition({"status": status}, kind)
    return found.get("status", ""), found.get("reason", "")


def versions(objects: Iterable[Object]) -> dict[str, str]:
    return {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in objects}


@contextmanager
def private_site(directory: Path, *args: str) -> Iterator[Site]:
    """A cluster of its own with an operator for all namespaces."""
    with private_world(directory, audited=[USER]) as world:
        yield Site(world, [world.start(*args)])
