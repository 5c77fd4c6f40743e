"""What resources ask of ServiceAccounts, and how their links stand, from objects in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ecr_secret_operator.domain.links import (
    LINKED_LABEL,
    LINKS,
    DesiredLinks,
    LinkedAccount,
    LinkStatus,
    Ref,
    links_patch,
)
from ecr_secret_operator.domain.resource import Key
from ecr_secret_operator.domain.secret.removal import Unlinked
from ecr_secret_operator.errors import Conflict
from ecr_secret_operator.reasons import Removal

from ..domain.clusters import a_cluster_resource, a_cluster_spec
from ..factories import a_key, a_resource, a_served_status, a_spec
from ..scenes import SHARED, Scene

PULL, OTHER = Ref("pull", "ecr-pull"), Ref("pull", "another")
LINK: list[dict[str, Any]] = [{"service_account": "builder", "for": ["pull"]}]
RECORDED: dict[str, Any] = {"labels": {LINKED_LABEL: "true"}, "annotations": {LINKS: "pull:ecr-pull"}}
BUILDER = "/api/v1/namespaces/team-a/serviceaccounts/builder"
PULLING = "/apis/ecr.mobb.redhat.com/v1alpha1/namespaces/team-a/secrets/pull"


def linked(scene: Scene, **metadata: Any) -> None:
    """A ServiceAccount that has the Secret by a link."""
    scene.account(pull=("ecr-pull",), **{**RECORDED, **metadata})


def desired(scene: Scene) -> DesiredLinks | None:
    return scene.state.service_accounts.desired_links(account(scene))


def account(scene: Scene) -> LinkedAccount:
    found = scene.state.service_accounts.account(Key("ServiceAccount", "team-a", "builder"))
    assert found
    return found


def generated(scene: Scene, **metadata: Any) -> object:
    """The Secret of the resource, which is its owner."""
    return scene.generated(a_resource(uid="uid-of-pull"), **metadata)


def refused(reason: str) -> dict[str, Any]:
    status = a_served_status()
    status["conditions"][0] |= {"status": "False", "reason": reason}
    return status


def deleting(scene: Scene) -> object:
    stored = scene.resource(link=LINK)
    return scene.wire.put(
        PULLING, {**stored, "metadata": {**stored["metadata"], "deletionTimestamp": "2026-03-01T00:00:00Z"}}
    )


# How the links of a resource stand


async def test_a_resource_without_links_has_no_link_status() -> None:
    scene = Scene()
    scene.resource()
    async with scene.watching():
        assert scene.state.service_accounts.link_status(scene.get()) is None


async def test_nothing_is_known_before_service_accounts_are_listed() -> None:
    resource = a_resource(spec=a_spec(link=LINK))
    assert Scene().state.service_accounts.link_status(resource) == LinkStatus(unseen=True)


async def test_a_forbidden_list_fails_each_link() -> None:
    scene = Scene()
    scene.resource(link=LINK)
    scene.wire.refused.add("/api/v1/serviceaccounts")
    async with scene.watching():
        status = scene.state.service_accounts.link_status(scene.get())
    assert status
    ((name, text),) = status.failed
    assert name == "builder"
    assert "may not list ServiceAccounts" in text


STATUSES: dict[str, tuple[Callable[[Scene], object], LinkStatus]] = {
    "no such ServiceAccount": (lambda _scene: None, LinkStatus(absent=("builder",))),
    "without the Secret": (lambda scene: scene.account(), LinkStatus(pending=True)),
    "with the Secret": (lambda scene: scene.account(pull=("ecr-pull",)), LinkStatus(linked=("builder",))),
    "being deleted, without the Secret": (
        lambda scene: scene.account(deletionTimestamp="2026-03-01T00:00:00Z"),
        LinkStatus(absent=("builder (being deleted)",)),
    ),
    "being deleted, with the Secret": (
        lambda scene: scene.account(pull=("ecr-pull",), deletionTimestamp="2026-03-01T00:00:00Z"),
        LinkStatus(linked=("builder",)),
    ),
}


@pytest.mark.parametrize("name", STATUSES)
async def test_how_a_link_stands(name: str) -> None:
    given, status = STATUSES[name]
    scene = Scene()
    scene.resource(link=LINK)
    given(scene)
    async with scene.watching():
        assert scene.state.service_accounts.link_status(scene.get()) == status


async def test_a_failure_is_reported_until_it_is_cleared_and_wakes_the_resource() -> None:
    scene = Scene()
    scene.resource(link=LINK)
    scene.account()
    async with scene.watching():
        links = scene.state.service_accounts
        scene.woken.clear()
        links.set_link_error(account(scene), "a webhook denies it")
        assert set(scene.woken) == {"Secret/team-a/pull"}
        assert links.link_status(scene.get()) == LinkStatus(failed=(("builder", "a webhook denies it"),), pending=True)
        scene.woken.clear()
        links.set_link_error(account(scene), "a webhook denies it")
        assert scene.woken == [], "it is known already"
        links.set_link_error(account(scene), "")
        assert set(scene.woken) == {"Secret/team-a/pull"}
        assert links.link_status(scene.get()) == LinkStatus(pending=True)


async def test_a_failure_is_forgotten_with_its_service_account() -> None:
    scene = Scene()
    scene.resource(link=LINK)
    scene.account()
    async with scene.watching():
        scene.state.service_accounts.set_link_error(account(scene), "a webhook denies it")
        scene.account(labels={"team": "a"})
        await scene.settle()
        assert scene.state.stores.accounts.failure("team-a", "builder") == "a webhook denies it", "after another change"
        scene.wire.remove(BUILDER)
        await scene.settle()
        assert scene.state.stores.accounts.failure("team-a", "builder") == ""
        scene.account()
        await scene.settle()
        assert scene.state.service_accounts.link_status(scene.get()) == LinkStatus(pending=True)


# What resources ask of a ServiceAccount


async def test_nothing_is_desired_before_resources_are_listed() -> None:
    scene = Scene()
    scene.account()
    one = LinkedAccount("team-a", "builder", "7", {"pull": (), "mount": ()}, frozenset(), frozenset(), frozenset())
    assert scene.state.service_accounts.desired_links(one) is None


async def test_nothing_is_desired_while_the_lists_of_its_namespace_are_refused() -> None:
    scene = Scene(watched=("team-a", "team-b"))
    scene.wire.refused.add(PULLING.removesuffix("/pull"))
    one = LinkedAccount("team-a", "builder", "7", {"pull": (), "mount": ()}, frozenset(), frozenset(), frozenset())
    async with scene.watching():
        links = scene.state.service_accounts
        assert links.desired_links(one) is None
        assert links.desired_links(replace(one, namespace="team-b")) == DesiredLinks({}, frozenset())


ASKED: dict[str, tuple[Callable[[Scene], object], dict[Ref, bool]]] = {
    "no Secret yet": (lambda scene: scene.resource(link=LINK), {PULL: False}),
    "its Secret is there": (lambda scene: (scene.resource(link=LINK), generated(scene)), {PULL: True}),
    "its Secret is being deleted": (
        lambda scene: (scene.resource(link=LINK), generated(scene, deletionTimestamp="2026-03-01T00:00:00Z")),
        {PULL: False},
    ),
    "it is suspended": (lambda scene: (scene.resource(link=LINK, suspend=True), generated(scene)), {PULL: False}),
    "policy denies it": (
        lambda scene: (scene.resource(link=LINK, status=refused("PolicyDenied")), generated(scene)),
        {},
    ),
    "the name of its Secret is taken": (
        lambda scene: (scene.resource(link=LINK, status=refused("SecretConflict")), generated(scene)),
        {},
    ),
    "it is being deleted, without a Secret": (deleting, {}),
    "it is being deleted, with its Secret": (lambda scene: (deleting(scene), generated(scene)), {PULL: False}),
    "it links for nothing": (lambda scene: scene.resource(), {}),
}


@pytest.mark.parametrize("name", ASKED)
async def test_what_is_asked_of_a_service_account(name: str) -> None:
    given, asked = ASKED[name]
    scene = Scene()
    scene.account(labels={LINKED_LABEL: "true"})  # so that ServiceAccounts are watched in each case
    given(scene)
    async with scene.watching():
        assert desired(scene) == DesiredLinks(asked, frozenset())


KEPT: dict[str, tuple[Callable[[Scene], object], bool]] = {
    "there is no Secret": (lambda _scene: None, False),
    "its Secret lost the operator's label": (lambda scene: (scene.resource(), generated(scene, labels={})), False),
    "its Secret lost the operator's label, and its resource has another name for it": (
        lambda scene: (scene.resource(generated_secret_name="another", link=LINK), generated(scene, labels={})),
        False,
    ),
    "its resource is gone, and the Secret outlives it": (
        lambda scene: scene.generated(a_resource(), ownerReferences=[]),
        True,
    ),
    "its resource is gone, and the Secret will go with it": (lambda scene: scene.generated(a_resource()), False),
    "its resource dropped the link": (lambda scene: (scene.resource(), generated(scene)), False),
    "its resource has another name for the Secret, and links it": (
        lambda scene: (scene.resource(generated_secret_name="another", link=LINK), generated(scene)),
        True,
    ),
    "its resource has another name, and is denied": (
        lambda scene: (
            scene.resource(generated_secret_name="another", link=LINK, status=refused("PolicyDenied")),
            generated(scene),
        ),
        False,
    ),
    "its resource cannot be read": (lambda scene: (scene.resource(frequency="often"), generated(scene)), True),
    "its cluster resource does not select the namespace": (lambda scene: of_a_cluster_resource(scene, "other"), False),
}


def of_a_cluster_resource(scene: Scene, *selected: str) -> None:
    scene.namespace("team-a")
    scene.cluster_resource(namespaces={"include": [*selected]}, generated_secret_name="ecr-pull")
    of_a_placement(scene)


def of_a_placement(scene: Scene) -> None:
    """A Secret that was made for a ClusterPullSecret."""
    spec = a_cluster_spec(**{**SHARED, "generated_secret_name": "ecr-pull"})
    whole = a_cluster_resource(
        key=a_key(kind="ClusterPullSecret", namespace="", name="all"), uid="uid-of-all", spec=spec
    )
    scene.generated(whole.placement("team-a", {}, selected=True, identities_in="operators"))


@pytest.mark.parametrize("name", KEPT)
async def test_whether_a_recorded_link_stays(name: str) -> None:
    given, stays = KEPT[name]
    scene = Scene()
    linked(scene)
    given(scene)
    async with scene.watching():
        wanted = desired(scene)
    assert wanted
    assert wanted.held == (frozenset({PULL}) if stays else frozenset())


async def test_a_link_to_the_secret_of_a_placement_stays_while_namespaces_are_unknown() -> None:
    scene = Scene()
    linked(scene)
    scene.wire.refused.add("/api/v1/namespaces")
    of_a_cluster_resource(scene, "other")
    async with scene.watching():
        assert desired(scene) == DesiredLinks({}, frozenset({PULL}))


async def test_an_operator_that_is_confined_leaves_links_of_cluster_resources() -> None:
    scene = Scene(watched=("team-a",))
    linked(scene)
    of_a_placement(scene)
    async with scene.watching():
        assert desired(scene) == DesiredLinks({}, frozenset({PULL}))


# Why an entry is removed


async def test_why_an_entry_is_removed() -> None:
    scene = Scene()
    linked(scene)
    async with scene.watching():
        links, here = scene.state.service_accounts, account(scene)
        assert links.unlinked(here, PULL) == Unlinked(PULL, Removal.NOT_ASKED)
        scene.generated(a_resource())
        await scene.settle()
        assert links.unlinked(here, PULL) == Unlinked(PULL, Removal.RESOURCE_GONE, a_key())
        scene.resource()
        await scene.settle()
        assert links.unlinked(here, PULL) == Unlinked(PULL, Removal.LINK_DROPPED, a_key())
        mounts = [{"service_account": "builder", "for": ["mount"]}]
        scene.resource("first", link=mounts, status=refused("PolicyDenied"))
        await scene.settle()
        assert links.unlinked(here, PULL) == Unlinked(PULL, Removal.LINK_DROPPED, a_key()), "that is another entry"
        scene.resource("second", link=LINK, status=refused("PolicyDenied"))
        await scene.settle()
        assert links.unlinked(here, PULL) == Unlinked(PULL, Removal.DENIED, a_key(name="second"))


# What is written


async def test_a_change_is_stored_and_known_at_once() -> None:
    scene = Scene()
    scene.account(labels={"team": "a"})
    scene.resource(link=LINK)
    generated(scene)
    async with scene.watching():
        here, wanted = account(scene), desired(scene)
        assert wanted
        await scene.state.service_accounts.change(here, links_patch(here, wanted))
        assert account(scene).has(PULL)
        assert account(scene).recorded == {PULL}
        with pytest.raises(Conflict):
            await scene.state.service_accounts.change(here, links_patch(here, wanted))
        assert scene.wire.writes == [f"PATCH {BUILDER}", f"PATCH {BUILDER}"]


async def test_who_else_has_written_to_a_service_account() -> None:
    scene = Scene()
    managers = [
        {"manager": "kubectl", "time": "2026-03-01T00:00:00Z"},
        {"manager": "argocd", "time": "2026-03-02T00:00:00Z"},
    ]
    scene.account(labels={LINKED_LABEL: "true"}, managedFields=managers)
    async with scene.watching():
        assert await scene.state.service_accounts.managers(account(scene)) == ("argocd", "kubectl")


async def test_service_accounts_are_forgotten_when_nothing_links_them() -> None:
    scene = Scene()
    scene.account()
    scene.resource(link=LINK)
    async with scene.watching():
        assert len(scene.state.stores.accounts) == 1
        scene.wire.remove(PULLING)
        await scene.settle()
        assert len(scene.state.stores.accounts) == 0
        assert not any("serviceaccounts" in one and LINKED_LABEL not in one for one in scene.wire.watched())
