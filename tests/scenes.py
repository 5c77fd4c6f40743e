"""The informers, caches and writers over objects in memory: for tests of what they do with changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast

from ecr_secret_operator.domain.resource import Key, Resource
from ecr_secret_operator.domain.secret.render import manifest, render
from ecr_secret_operator.kube.client import Client
from ecr_secret_operator.state.cluster import ClusterState

from .factories import a_raw_spec, a_served_status, spec_of, stored_tokens
from .wire import Object, Wire

GROUP = "/apis/ecr.mobb.redhat.com/v1alpha1"
ROLE = "arn:aws:iam::123456789012:role/pull"
SHARED = {"generated_secret_name": "shared", "namespaces": {"include": ["team-*"]}}
LOW = "low priority: "


class Ended:
    """An observer of watches that records which ended."""

    def __init__(self) -> None:
        self.sources: list[str] = []

    def watch_ended(self, source: str, why: str, failures: int) -> None:
        del why, failures
        self.sources.append(source)

    def watch_silent(self, source: str) -> None:
        pass

    def listed(self, source: str, count: int) -> None:
        pass


@dataclass
class Scene:
    """The informers, what they watch, and the keys that they have woken.

    Attributes:
        watched: the namespaces to watch; empty for all.
    """

    wire: Wire = field(default_factory=Wire)
    woken: list[str] = field(default_factory=list)
    watched: tuple[str, ...] = ()
    ended: Ended = field(default_factory=Ended)

    def __post_init__(self) -> None:
        self.state = ClusterState(
            cast("Client", self.wire),
            namespaces=self.watched,
            observer=self.ended,
            own_namespace="operators",
            policy_required=False,
            most_identity_watches=8,
        )
        self.state.on_change(self._wake)

    def _wake(self, key: Key, /, *, low_priority: bool = False) -> None:
        self.woken.append(f"{LOW if low_priority else ''}{key}")

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Lists everything, and goes on watching."""
        task = asyncio.create_task(self.state.watch())
        try:
            await self.settle()
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        assert bool(self.ended.sources) == bool(self.wire.refused), "a watch ends only where it is refused"

    async def settle(self) -> None:
        """Lets everything happen that is going to happen by itself."""
        for _ in range(200):
            await asyncio.sleep(0)

    # Objects, as users, administrators and other controllers make them

    def resource(self, name: str = "pull", namespace: str = "team-a", status: Any = None, **spec: Any) -> Object:
        path = f"{GROUP}/namespaces/{namespace}/secrets/{name}"
        metadata = {"name": name, "namespace": namespace, "generation": 1, "creationTimestamp": "2026-03-01T00:00:00Z"}
        body = {"kind": "Secret", "metadata": metadata, "spec": a_raw_spec(**spec)}
        return self.wire.put(path, {**body, "status": a_served_status() if status is None else status})

    def cluster_resource(self, status: Any = None, generation: int = 1, **spec: Any) -> Object:
        metadata = {"name": "all", "generation": generation, "creationTimestamp": "2026-03-01T00:00:00Z"}
        full = a_raw_spec(**{**SHARED, **spec})
        body = {"kind": "ClusterPullSecret", "metadata": metadata, "spec": full, "status": status or {}}
        return self.wire.put(f"{GROUP}/clusterpullsecrets/all", body)

    def policy(self, **spec: Any) -> None:
        self.wire.put(f"{GROUP}/accesspolicies/p", {"metadata": {"name": "p"}, "spec": spec})

    def namespace(self, name: str = "team-a", **labels: str) -> None:
        self.wire.put(f"/api/v1/namespaces/{name}", {"metadata": {"name": name, "labels": labels}})

    def account(
        self,
        name: str = "builder",
        namespace: str = "team-a",
        role: str = "",
        pull: tuple[str, ...] = (),
        **metadata: Any,
    ) -> None:
        annotations = {"eks.amazonaws.com/role-arn": role} if role else {}
        metadata = {"name": name, "namespace": namespace, "annotations": annotations, **metadata}
        body = {"metadata": metadata, "imagePullSecrets": [{"name": one} for one in pull]}
        self.wire.put(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}", body)

    def keys_secret(self, key_id: str = "QUtJQUVYQU1QTEU=") -> None:
        data = {"aws_access_key_id": key_id, "aws_secret_access_key": "czNjcmV0"}
        self.wire.put(
            "/api/v1/namespaces/team-a/secrets/keys",
            {"metadata": {"name": "keys", "namespace": "team-a"}, "data": data},
        )

    def get(self, kind: str = "Secret", namespace: str = "team-a", name: str = "pull") -> Resource:
        found = self.state.resources.get(Key(kind, namespace, name))
        assert found
        return found

    def generated(self, resource: Resource | None = None, **metadata: Any) -> Object:
        """Stores the Secret of a resource, as written before this operator started, or by another client."""
        resource = resource or self.get()
        body = manifest(render(resource, spec_of(resource), stored_tokens(resource)))
        path = f"/api/v1/namespaces/{body['metadata']['namespace']}/secrets/{body['metadata']['name']}"
        return self.wire.put(path, {**body, "metadata": {**body["metadata"], **metadata}})
