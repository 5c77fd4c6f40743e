"""Operators that reach the API server through a fault proxy each, which tells what each one does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import yaml

from ecr_secret_operator_lab.cluster import Cluster
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.faultproxy import FaultProxy, Handled, start_fault_proxy
from ecr_secret_operator_lab.operator import OperatorProcess

from ..laboratory import DEPLOY

LEADER = "ecr_secret_operator_leader"
LEASE = "bc9c1120.mobb.redhat.com"
WRITING = frozenset(("POST", "PUT", "PATCH", "DELETE"))


@dataclass(frozen=True)
class Replica:
    """An operator and its way to the API server."""

    operator: OperatorProcess
    proxy: FaultProxy

    @property
    def leads(self) -> bool:
        return self.operator.metric(LEADER) == 1

    def writes(self, *, after: int = 0) -> list[Handled]:
        """What it wrote, and the API server carried out; without Leases and events."""
        return [
            one for one in written(self.proxy, after=after) if "/leases" not in one.path and "/events" not in one.path
        ]


def written(proxy: FaultProxy, *, after: int = 0) -> list[Handled]:
    """The writes that the API server carried out."""
    found = proxy.requests(after=after)
    return [
        one for one in found if one.method in WRITING and one.upstream_status in {200, 201} and "review" not in one.path
    ]


StartReplica = Callable[..., Replica]


@contextmanager
def replicas(kubeconfig: Path, namespace: str, aws: FakeAws, directory: Path) -> Iterator[StartReplica]:
    """Gives what starts one; all of them are stopped at the end."""
    with ExitStack() as stack:

        def start(*args: str) -> Replica:
            proxy = stack.enter_context(start_fault_proxy(kubeconfig))
            operator = OperatorProcess(
                environment={**aws.environment(), "WATCH_NAMESPACE": namespace},
                log=directory / f"operator-{proxy.server.rpartition(':')[2]}.log",
                kubeconfig=proxy.kubeconfig,
                args=("--log-level", "debug", *args),
            )
            stack.callback(operator.kill)
            return Replica(operator.ready(), proxy)

        yield start


def allow_leases(cluster: Cluster, namespace: str) -> None:
    """Gives the operator the permissions for Leases that it has in its own namespace: each test needs a Lease."""
    for manifest in yaml.safe_load_all((DEPLOY / "rbac" / "cluster" / "3-leader-election.yaml").read_text()):
        manifest["metadata"]["namespace"] = namespace
        plural = f"{manifest['kind'].lower()}s"
        cluster.create(f"/apis/rbac.authorization.k8s.io/v1/namespaces/{namespace}/{plural}", manifest)
