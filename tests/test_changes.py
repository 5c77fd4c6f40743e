"""Which keys each kind of change wakes: the wiring of informers, caches and links, without a cluster.

One row for each change. A row that has to be edited is a change of behaviour.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from ecr_secret_operator.domain.generated import manifest, render
from ecr_secret_operator.domain.resource import Key, Resource
from ecr_secret_operator.kube.client import Client
from ecr_secret_operator.world import World

from .domain.clusters import a_cluster_resource, a_cluster_spec, good, said
from .factories import a_raw_spec, a_resource, a_served_status, holdings, spec_of
from .wire import Object, Wire

GROUP = "/apis/ecr.mobb.redhat.com/v1alpha1"
ROLE = "arn:aws:iam::123456789012:role/pull"
SHARED = {"generated_secret_name": "shared", "namespaces": {"include": ["team-*"]}}
LOW = "low priority: "


class Silent:
    """An observer of watches that reports nothing."""

    def watch_ended(self, source: str, why: str, failures: int) -> None:
        raise AssertionError((source, why, failures))

    def listed(self, source: str, count: int) -> None:
        pass


@dataclass
class Scene:
    """The informers, what they watch, and the keys that they have woken since `begin`."""

    wire: Wire = field(default_factory=Wire)
    woken: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = World(
            cast("Client", self.wire),
            namespaces=(),
            observer=Silent(),
            own_namespace="operators",
            policy_required=False,
            most_identity_watches=8,
        )
        self.world.on_change(self._wake)

    def _wake(self, key: Key, /, *, patient: bool = False) -> None:
        self.woken.append(f"{LOW if patient else ''}{key}")

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Lists everything, and goes on watching."""
        task = asyncio.create_task(self.world.watch())
        try:
            await self.settle()
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

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
        full = a_raw_spec(**SHARED, **spec)
        body = {"kind": "ClusterPullSecret", "metadata": metadata, "spec": full, "status": status or {}}
        return self.wire.put(f"{GROUP}/clusterpullsecrets/all", body)

    def policy(self, **spec: Any) -> None:
        self.wire.put(f"{GROUP}/accesspolicies/p", {"metadata": {"name": "p"}, "spec": spec})

    def namespace(self, name: str = "team-a", **labels: str) -> None:
        self.wire.put(f"/api/v1/namespaces/{name}", {"metadata": {"name": name, "labels": labels}})

    def account(
        self, name: str = "builder", namespace: str = "team-a", role: str = "", pull: tuple[str, ...] = ()
    ) -> None:
        annotations = {"eks.amazonaws.com/role-arn": role} if role else {}
        metadata = {"name": name, "namespace": namespace, "annotations": annotations}
        body = {"metadata": metadata, "imagePullSecrets": [{"name": one} for one in pull]}
        self.wire.put(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}", body)

    def keys_secret(self, key_id: str = "QUtJQUVYQU1QTEU=") -> None:
        data = {"aws_access_key_id": key_id, "aws_secret_access_key": "czNjcmV0"}
        self.wire.put(
            "/api/v1/namespaces/team-a/secrets/keys",
            {"metadata": {"name": "keys", "namespace": "team-a"}, "data": data},
        )

    def get(self, kind: str = "Secret", namespace: str = "team-a", name: str = "pull") -> Resource:
        found = self.world.get(Key(kind, namespace, name))
        assert found
        return found

    def generated(self, resource: Resource | None = None, **metadata: Any) -> Object:
        """Stores the Secret of a resource, as it was written before this operator started, or by somebody else."""
        resource = resource or self.get()
        body = manifest(render(resource, spec_of(resource), holdings(resource)))
        path = f"/api/v1/namespaces/{body['metadata']['namespace']}/secrets/{body['metadata']['name']}"
        return self.wire.put(path, {**body, "metadata": {**body["metadata"], **metadata}})


def nothing(_scene: Scene) -> None:
    """What is there before the change: nothing."""


def one(scene: Scene) -> None:
    scene.resource()


def two_of_one_name(scene: Scene) -> None:
    """The second waits for the Secret's name, which the first has."""
    scene.resource("pull")
    scene.resource("rival")


def served(scene: Scene) -> None:
    scene.resource()
    scene.generated(a_resource(uid="uid-of-pull"))


def namespaces(scene: Scene) -> None:
    for name in ("team-a", "team-b", "other"):
        scene.namespace(name)


def everywhere(scene: Scene) -> None:
    """A ClusterPullSecret that two of three namespaces are selected by."""
    namespaces(scene)
    scene.cluster_resource()


def everywhere_and_one(scene: Scene) -> None:
    """And a resource whose Secret has the same name."""
    everywhere(scene)
    scene.resource(generated_secret_name="shared")


def with_placement(scene: Scene) -> None:
    """A ClusterPullSecret whose Secret is stored in one namespace."""
    everywhere(scene)
    whole = a_cluster_resource(key=Key("ClusterPullSecret", "", "all"), uid="uid-of-all", spec=a_cluster_spec(**SHARED))
    scene.generated(whole.share("team-a", {}, wanted=True, identities_in="operators"))


def by_label(scene: Scene) -> None:
    """A policy that selects namespaces by label, and resources in two of them."""
    scene.namespace("team-a", team="a")
    scene.namespace("team-b")
    scene.policy(**BY_LABEL)
    scene.resource(namespace="team-a")
    scene.resource(namespace="team-b")


def of_an_account(scene: Scene) -> None:
    scene.account(role=ROLE)
    scene.resource(aws={"service_account": "builder"})
    scene.resource("other")


def of_keys(scene: Scene) -> None:
    scene.keys_secret()
    scene.resource(aws={"credentials_secret": "keys"})
    scene.resource("other")


def linking(scene: Scene) -> None:
    scene.account()
    scene.resource(link=[{"service_account": "builder", "for": ["pull"]}])


async def own_status(scene: Scene) -> None:
    await scene.world.publish(scene.get(), {**scene.get().status, "phase": "Updated"})


async def own_secret(scene: Scene) -> None:
    resource = scene.get()
    await scene.world.create(render(resource, spec_of(resource), holdings(resource)))


async def own_placement(scene: Scene) -> None:
    placement = scene.get("ClusterPullSecret", "team-a", "all")
    await scene.world.publish(placement, said(placement, good(placement)))


Act = Callable[[Scene], Awaitable[None] | object]
PULL, OTHER, RIVAL = "Secret/team-a/pull", "Secret/team-a/other", "Secret/team-a/rival"
IN_TEAM_B = "Secret/team-b/pull"
ALL, IN_A, IN_B = "ClusterPullSecret//all", "ClusterPullSecret/team-a/all", "ClusterPullSecret/team-b/all"
BUILDER = "ServiceAccount/team-a/builder"
BOTH, BOTH_LOW = {PULL, IN_TEAM_B}, {LOW + PULL, LOW + IN_TEAM_B}
BY_LABEL = {"namespaces": {"selector": {"matchLabels": {"team": "a"}}}, "ambient_identity": True}

CHANGES: dict[str, tuple[Callable[[Scene], object], Act, set[str]]] = {
    # Resources
    "a resource is created": (nothing, one, {PULL}),
    "its spec is edited": (one, lambda scene: scene.resource(frequency="1h"), {PULL}),
    "its status is edited by another client": (one, lambda scene: scene.resource(status={"phase": "x"}), {PULL}),
    "its status is written by this process": (one, own_status, set()),
    "it is deleted": (one, lambda scene: scene.wire.remove(f"{GROUP}/namespaces/team-a/secrets/pull"), {PULL}),
    "it gives up the name of its Secret": (
        two_of_one_name,
        lambda scene: scene.resource(generated_secret_name="another"),
        {PULL, RIVAL},
    ),
    "it is deleted, and another one waits for its name": (
        two_of_one_name,
        lambda scene: scene.wire.remove(f"{GROUP}/namespaces/team-a/secrets/pull"),
        {PULL, RIVAL},
    ),
    # Generated Secrets
    "a Secret is created by this process": (one, own_secret, set()),
    "a Secret is created by this process, and another resource names it": (two_of_one_name, own_secret, {RIVAL}),
    "a Secret with its name is created by another client": (one, lambda scene: scene.generated(), {PULL}),
    "its Secret is edited": (served, lambda scene: scene.generated(annotations={}), {PULL}),
    "its Secret is deleted": (
        served,
        lambda scene: scene.wire.remove("/api/v1/namespaces/team-a/secrets/ecr-pull"),
        {PULL},
    ),
    "its Secret loses the operator's label": (served, lambda scene: scene.generated(labels={}), {PULL}),
    # ClusterPullSecrets and their placements
    "a ClusterPullSecret is created": (
        namespaces,
        lambda scene: scene.cluster_resource(),
        {ALL, LOW + IN_A, LOW + IN_B, IN_A, IN_B},  # namespaces are listed for it, too
    ),
    "a ClusterPullSecret is edited": (
        everywhere,
        lambda scene: scene.cluster_resource(frequency="1h", generation=2),
        {ALL, LOW + IN_A, LOW + IN_B},
    ),
    "the status of a ClusterPullSecret is edited by another client": (
        everywhere,
        lambda scene: scene.cluster_resource({"phase": "x"}),
        {ALL},
    ),
    "a ClusterPullSecret is deleted": (
        everywhere,
        lambda scene: scene.wire.remove(f"{GROUP}/clusterpullsecrets/all"),
        {ALL},
    ),
    "a ClusterPullSecret is edited, and a placement has its Secret": (
        with_placement,
        lambda scene: scene.cluster_resource(frequency="1h", generation=2),
        {ALL, LOW + IN_A, LOW + IN_B},
    ),
    "the Secret of a placement is deleted": (
        with_placement,
        lambda scene: scene.wire.remove("/api/v1/namespaces/team-a/secrets/shared"),
        {IN_A},
    ),
    "a placement gets its Secret from this process": (everywhere, own_placement, {ALL}),
    "a namespace is created that it selects": (
        everywhere,
        lambda scene: scene.namespace("team-c"),
        {ALL, "ClusterPullSecret/team-c/all"},
    ),
    "a namespace is created that it does not select": (everywhere, lambda scene: scene.namespace("new"), set()),
    "a namespace is deleted that it selects": (
        everywhere,
        lambda scene: scene.wire.remove("/api/v1/namespaces/team-a"),
        {ALL, IN_A},
    ),
    "a resource with the name of its Secret is deleted": (
        everywhere_and_one,
        lambda scene: scene.wire.remove(f"{GROUP}/namespaces/team-a/secrets/pull"),
        {PULL, IN_A},
    ),
    # Policies and namespaces
    "a policy is created": (one, lambda scene: scene.policy(ambient_identity=True), {LOW + PULL}),
    "a policy is edited": (by_label, lambda scene: scene.policy(**BY_LABEL, mode="Audit"), BOTH_LOW),
    "a policy selects by label no more": (by_label, lambda scene: scene.policy(mode="Audit"), BOTH | BOTH_LOW),
    "a policy is deleted": (
        by_label,
        lambda scene: scene.wire.remove(f"{GROUP}/accesspolicies/p"),
        BOTH | BOTH_LOW,
    ),
    "a namespace gets another label": (
        by_label,
        lambda scene: scene.namespace("team-b", team="a"),
        {"Secret/team-b/pull"},
    ),
    "a namespace is edited, but no label": (by_label, lambda scene: scene.namespace("team-a", team="a"), set()),
    # Identities
    "the ServiceAccount that it names gets another role": (
        of_an_account,
        lambda scene: scene.account(role=f"{ROLE}-2"),
        {PULL},
    ),
    "the ServiceAccount that it names is deleted": (
        of_an_account,
        lambda scene: scene.wire.remove("/api/v1/namespaces/team-a/serviceaccounts/builder"),
        {PULL},
    ),
    "another ServiceAccount is edited": (of_an_account, lambda scene: scene.account("x", role=ROLE), set()),
    "the Secret with its keys is edited": (of_keys, lambda scene: scene.keys_secret("QUtJQU9USEVSMDA="), {PULL}),
    "the Secret with its keys is deleted": (
        of_keys,
        lambda scene: scene.wire.remove("/api/v1/namespaces/team-a/secrets/keys"),
        {PULL},
    ),
    # Links
    "a ServiceAccount that it links is created": (
        lambda scene: scene.resource(link=[{"service_account": "builder"}]),
        lambda scene: scene.account(),
        {PULL, BUILDER},
    ),
    "a ServiceAccount that it links is edited": (
        linking,
        lambda scene: scene.account(pull=("another",)),
        {PULL, BUILDER},
    ),
    "a ServiceAccount that it links is deleted": (
        linking,
        lambda scene: scene.wire.remove("/api/v1/namespaces/team-a/serviceaccounts/builder"),
        {PULL, BUILDER},
    ),
    "the Secret that it links is created by another client": (
        linking,
        lambda scene: scene.generated(),
        {PULL, BUILDER},
    ),
    "the Secret that it links is created by this process": (linking, own_secret, {BUILDER}),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_what_a_change_wakes(name: str) -> None:
    given, change, keys = CHANGES[name]
    scene = Scene()
    given(scene)
    async with scene.watching():
        scene.woken.clear()
        done = change(scene)
        if isinstance(done, Awaitable):
            await done
        await scene.settle()
        assert set(scene.woken) == keys


LISTS: dict[str, tuple[Callable[[Scene], object], set[str]]] = {
    "a resource": (one, {LOW + PULL}),
    "a resource and its Secret": (served, {LOW + PULL, PULL}),
    "a ClusterPullSecret": (everywhere, {ALL, LOW + ALL, LOW + IN_A, LOW + IN_B, IN_A, IN_B}),
    "a resource with a ServiceAccount": (of_an_account, {LOW + PULL, PULL, LOW + OTHER}),
    "a link": (linking, {LOW + PULL, PULL, BUILDER}),
}


@pytest.mark.parametrize("name", LISTS)
async def test_what_the_first_list_wakes(name: str) -> None:
    given, keys = LISTS[name]
    scene = Scene()
    given(scene)
    async with scene.watching():
        assert set(scene.woken) == keys
