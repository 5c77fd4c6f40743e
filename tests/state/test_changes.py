"""Which keys each kind of change wakes: the wiring of informers, caches and links, without a cluster.

One row for each change. A row that has to be edited is a change of behaviour.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from ecr_secret_operator.domain.resource import Key
from ecr_secret_operator.domain.secret.render import render

from ..domain.clusters import a_cluster_resource, a_cluster_spec, good, said
from ..factories import a_resource, spec_of, stored_tokens
from ..scenes import GROUP, LOW, ROLE, SHARED, Scene


def nothing(_scene: Scene) -> None:
    """What is there before the change: nothing."""


def one(scene: Scene) -> None:
    scene.resource()


def two_of_one_name(scene: Scene) -> None:
    """The second waits for the Secret's name, which the first has."""
    scene.resource("pull")
    scene.resource("rival")


def nameless_and_linking(scene: Scene) -> None:
    """A resource whose spec names no Secret, and a ServiceAccount that another resource links."""
    linking(scene)
    scene.resource("nameless", generated_secret_name=7)


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
    scene.generated(whole.placement("team-a", {}, selected=True, identities_in="operators"))


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
    await scene.state.resources.publish(scene.get(), {**scene.get().status, "phase": "Updated"})


async def own_secret(scene: Scene) -> None:
    resource = scene.get()
    await scene.state.secrets.create(render(resource, spec_of(resource), stored_tokens(resource)))


async def own_placement(scene: Scene) -> None:
    placement = scene.get("ClusterPullSecret", "team-a", "all")
    await scene.state.resources.publish(placement, said(placement, good(placement)))


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
    "it named no Secret, and gets a name": (
        nameless_and_linking,
        lambda scene: scene.resource("nameless"),
        {"Secret/team-a/nameless"},
    ),
    "it names no Secret, and is deleted": (
        nameless_and_linking,
        lambda scene: scene.wire.remove(f"{GROUP}/namespaces/team-a/secrets/nameless"),
        {"Secret/team-a/nameless"},
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
        {ALL, LOW + IN_A, LOW + IN_B, LOW + "ClusterPullSecret/other/all"},  # what is remembered of them is dropped
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


def account_watches(scene: Scene) -> set[str]:
    return {found.split("/")[0] for found in scene.wire.watched() if "metadata.name=" in found}


async def test_what_policy_denies_is_not_watched_until_it_is_allowed() -> None:
    scene = Scene()
    of_an_account(scene)
    scene.policy(namespaces={"include": ["team-b"]}, role_arns=["*"])
    async with scene.watching():
        assert account_watches(scene) == set()
        scene.policy(role_arns=["*"])
        await scene.settle()
        assert account_watches(scene) == {"team-a"}
        scene.wire.remove(f"{GROUP}/accesspolicies/p")
        await scene.settle()
        assert account_watches(scene) == {"team-a"}
        scene.policy(ambient_identity=True)
        await scene.settle()
        assert account_watches(scene) == set()


async def test_what_cluster_resources_name_is_watched_although_all_watches_are_in_use() -> None:
    scene = Scene()
    for number in range(12):
        scene.resource(namespace=f"team-{number}", aws={"service_account": "builder"})
    async with scene.watching():
        watches = scene.state.dependencies.identity_watches
        assert (watches.running, watches.waiting) == (8, 4)
        scene.cluster_resource(aws={"service_account": "puller"})
        await scene.settle()
        assert "operators" in account_watches(scene)
        assert (watches.running, watches.waiting) == (8, 4)
