"""A control plane of a module's own: an AccessPolicy is for the whole cluster, so its tests cannot share one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecr_secret_operator.crds import all_definitions
from ecr_secret_operator_lab.cluster import ECR, Cluster, Object, Refused, condition, resource_path
from ecr_secret_operator_lab.controlplane import ControlPlane, LineReporter, ensure_binaries
from ecr_secret_operator_lab.fakeaws import FakeAws, start_fake_aws
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.permissions import operator_kubeconfig as kubeconfig_of
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import DEPLOY, PERMISSIONS
from .resources import PLURALS, a_resource

POLICIES = f"{ECR}/accesspolicies"


@dataclass(frozen=True, slots=True)
class World:
    """A cluster with an operator for all its namespaces, and the AWS that it asks."""

    plane: ControlPlane
    cluster: Cluster
    aws: FakeAws
    start: Callable[..., OperatorProcess]

    def policy(self, name: str, **spec: Any) -> None:
        """Makes an AccessPolicy, or replaces its spec."""
        body = {"apiVersion": "ecr.mobb.redhat.com/v1alpha1", "kind": "AccessPolicy", "metadata": {"name": name}}
        self.cluster.create(POLICIES, {**body, "spec": spec})

    def clear(self) -> None:
        """Deletes all resources and policies, in this order: no resource is served that a policy had denied."""
        for plural in PLURALS.values():
            for found in self.cluster.items(f"{ECR}/{plural}"):
                metadata = found["metadata"]
                self.cluster.delete(resource_path(plural, metadata["namespace"], metadata["name"]))
        for found in self.cluster.items(POLICIES):
            self.cluster.delete(f"{POLICIES}/{found['metadata']['name']}")

    def apply(self, namespace: str, kind: str = "Secret", name: str = "ecr", **spec: Any) -> None:
        """Makes a resource."""
        body = a_resource(kind, name, **{"region": None, **spec})
        self.cluster.create(resource_path(PLURALS[kind], namespace), body)

    def store_unchecked(self, store: Callable[[], object]) -> None:
        """Stores something in a Secret resource, as an older definition let it in."""
        definition = next(one for one in all_definitions() if one["spec"]["names"]["plural"] == "secrets")
        (version,) = definition["spec"]["versions"]
        path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{definition['metadata']['name']}"
        lenient = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        self.cluster.patch(path, {"spec": {"versions": [{**version, "schema": {"openAPIV3Schema": lenient}}]}})

        def stored() -> bool:
            with suppress(Refused):
                store()
                return True
            return False

        wait_for(stored, "the definition lets it in", within=30)
        self.cluster.patch(path, {"spec": {"versions": [version]}})

    def get(self, namespace: str, name: str = "ecr", kind: str = "Secret") -> Object | None:
        """A resource."""
        return self.cluster.get(resource_path(PLURALS[kind], namespace, name))

    def ready(self, namespace: str, name: str = "ecr", kind: str = "Secret") -> Mapping[str, str]:
        """Its Ready condition, once it says anything of its present generation."""

        def said() -> Mapping[str, str] | None:
            found = self.get(namespace, name, kind)
            state = condition(found, "Ready")
            return state if found and state.get("observedGeneration") == found["metadata"]["generation"] else None

        return wait_for(said, f"{kind} {namespace}/{name} says how it is")

    def wait(self, namespace: str, name: str = "ecr", *, reason: str, within: float = 5.0) -> Mapping[str, str]:
        """Waits until its Ready condition has this reason."""

        def said() -> Mapping[str, str] | None:
            state = condition(self.get(namespace, name), "Ready")
            return state if state.get("reason") == reason else None

        return wait_for(said, f"{namespace}/{name} says {reason}", within=within)


@contextmanager
def private_world(directory: Path, *, audited: Sequence[str] = ()) -> Iterator[World]:
    """Starts one, without an operator yet; the requests of the users `audited` are written to an audit log."""
    with ExitStack() as stack:
        manifests = [DEPLOY / "crds", *PERMISSIONS]
        plane = stack.enter_context(
            ControlPlane.start(ensure_binaries(LineReporter()), manifests=manifests, audited=audited)
        )
        operator_kubeconfig = kubeconfig_of(plane)
        cluster = stack.enter_context(Cluster(plane.kubeconfig))
        aws = stack.enter_context(start_fake_aws())

        def start(*args: str, **environment: str) -> OperatorProcess:
            operator = OperatorProcess(
                environment={**aws.environment(), **environment},
                log=directory / "operator.log",
                kubeconfig=operator_kubeconfig,
                args=("--log-level", "debug", *args),
            )
            return stack.enter_context(operator).ready()

        yield World(plane, cluster, aws, start)
