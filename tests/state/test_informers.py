"""What is said of the watches, and which run, from objects in memory."""

from __future__ import annotations

import asyncio

import pytest

from ecr_secret_operator.domain.identity.sources import Missing

from ..scenes import GROUP, Scene

SECRETS, PULLING = f"{GROUP}/secrets", f"{GROUP}/namespaces/team-a/secrets"
SILENCE = 180.0


def trouble(scene: Scene, later: float = 0.0) -> str | None:
    return scene.state.informers.trouble(asyncio.get_running_loop().time() + later, SILENCE)


def silence(scene: Scene) -> float:
    return scene.state.informers.silence(asyncio.get_running_loop().time() + 60)


async def test_nothing_is_relied_on_before_policies_are_listed() -> None:
    scene = Scene()
    found = trouble(scene)
    assert found
    assert found.startswith("not listed yet")
    assert "accesspolicies" in found
    assert not scene.state.informers.policies_synced()
    assert not scene.state.informers.cluster_resources_synced()


async def test_all_is_well_once_everything_is_listed() -> None:
    scene = Scene()
    async with scene.watching():
        await asyncio.wait_for(scene.state.informers.synced(), 5)
        assert trouble(scene) is None
        assert scene.state.informers.policies_synced()
        assert scene.state.informers.cluster_resources_synced()
        assert 59 < silence(scene) < 90


async def test_a_refused_list_is_trouble_where_all_namespaces_are_watched() -> None:
    scene = Scene()
    scene.wire.refused.add(SECRETS)
    async with scene.watching():
        found = trouble(scene)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(scene.state.informers.synced(), 0.05)
    assert found
    assert SECRETS.removeprefix("/apis/") in found


async def test_a_namespace_that_may_not_be_listed_does_not_delay_the_others() -> None:
    scene = Scene(watched=("team-a", "team-b"))
    scene.wire.refused.add(PULLING)
    async with scene.watching():
        await asyncio.wait_for(scene.state.informers.synced(), 5)
        assert trouble(scene) is None
        assert not scene.state.informers.has_synced("team-a")
        assert scene.state.informers.has_synced("team-b")
        assert scene.state.informers.has_synced("team-c"), "nothing of it is to be listed"
        assert not scene.state.informers.cluster_resources_synced(), "a confined operator leaves them to another one"


async def test_a_confined_operator_that_may_list_nothing_is_in_trouble() -> None:
    scene = Scene(watched=("team-a",))
    lists = [PULLING, PULLING.replace("/secrets", "/argohelmreposecrets"), "/api/v1/namespaces/team-a/secrets"]
    scene.wire.refused.update(lists)
    async with scene.watching():
        found = trouble(scene)
    assert found
    assert found.startswith("not listed yet: ")
    assert len(found.removeprefix("not listed yet: ").split(", ")) == len(lists)


async def test_silence_is_trouble() -> None:
    scene = Scene()
    async with scene.watching():
        assert trouble(scene, later=SILENCE - 30) is None
        assert trouble(scene, later=SILENCE + 1) == "nothing has been heard from the API server for a while"


async def test_refused_credentials_are_named_after_a_silence() -> None:
    scene = Scene()
    async with scene.watching():
        for reflector in scene.state.informers._all:  # noqa: SLF001 - a token that expires while all is watched
            reflector.unauthorized = True
        assert trouble(scene) is None, "the API server may accept the next token"
        assert trouble(scene, later=SILENCE + 1) == "the API server refuses the operator's credentials"


# What depends on dynamic informers


def named(scene: Scene) -> set[tuple[str, str]]:
    """The watches of one object: the collection and the name."""
    found = [one.split("/") for one in scene.wire.watched() if "metadata.name=" in one]
    names = [next(part for part in parts if part.startswith("metadata.name=")) for parts in found]
    return {("/".join(parts[:2]), name.partition("=")[2]) for parts, name in zip(found, names, strict=True)}


async def test_labels_of_namespaces_are_known_while_a_policy_selects_by_them() -> None:
    scene = Scene()
    scene.namespace("team-a", team="a")
    scene.policy(namespaces={"selector": {"matchLabels": {"team": "a"}}}, ambient_identity=True)
    async with scene.watching():
        dependencies = scene.state.dependencies
        assert [policy.name for policy in dependencies.policies()] == ["p"]
        assert dependencies.labels("team-a") == {"team": "a"}
        assert dependencies.labels("other") is Missing.ABSENT
        scene.wire.remove(f"{GROUP}/accesspolicies/p")
        await scene.settle()
        assert dependencies.labels("team-a") is Missing.NOT_YET, "they are watched no more, and so not known"


async def test_labels_that_may_not_be_listed_are_refused() -> None:
    scene = Scene()
    scene.wire.refused.add("/api/v1/namespaces")
    scene.policy(namespaces={"selector": {"matchLabels": {"team": "a"}}}, ambient_identity=True)
    async with scene.watching():
        assert scene.state.dependencies.labels("team-a") is Missing.REFUSED


async def test_labels_beyond_what_is_kept_are_too_many() -> None:
    scene = Scene()
    scene.namespace("team-a", **{f"label-{number}": "x" * 63 for number in range(2_000)})
    scene.policy(namespaces={"selector": {"matchLabels": {"team": "a"}}}, ambient_identity=True)
    async with scene.watching():
        assert scene.state.dependencies.labels("team-a") is Missing.TOO_MANY


def of_two_identities() -> Scene:
    """A resource that names a ServiceAccount, and one that names a Secret with keys."""
    scene = Scene()
    scene.account(role="arn:aws:iam::123456789012:role/pull")
    scene.keys_secret()
    scene.resource("one", aws={"service_account": "builder"})
    scene.resource("two", aws={"credentials_secret": "keys"})
    return scene


async def test_identities_are_known_while_a_resource_names_them() -> None:
    scene = of_two_identities()
    async with scene.watching():
        dependencies = scene.state.dependencies
        account, keys = dependencies.account("team-a", "builder"), dependencies.credentials("team-a", "keys")
        assert not isinstance(account, Missing)
        assert not isinstance(keys, Missing)
        assert dependencies.account("team-a", "another") is Missing.NOT_YET, "nothing names it"
        scene.wire.remove("/api/v1/namespaces/team-a/secrets/keys")
        await scene.settle()
        assert dependencies.credentials("team-a", "keys") is Missing.ABSENT


async def test_each_named_object_is_watched_alone_and_forgotten_with_the_last_that_names_it() -> None:
    scene = of_two_identities()
    async with scene.watching():
        assert named(scene) == {("team-a/secrets", "keys"), ("team-a/serviceaccounts", "builder")}
        identities = scene.state.stores.identities
        assert (len(identities.accounts), len(identities.secrets)) == (1, 1)
        for name in ("one", "two"):
            scene.wire.remove(f"{GROUP}/namespaces/team-a/secrets/{name}")
        await scene.settle()
        assert named(scene) == set()
        assert (len(identities.accounts), len(identities.secrets)) == (0, 0)


async def test_a_namespace_that_comes_late_takes_a_watch_from_the_one_that_has_most() -> None:
    scene = Scene()
    for number in range(8):
        scene.resource(f"pull-{number}", aws={"service_account": f"builder-{number}"})
    async with scene.watching():
        watches = scene.state.dependencies.identity_watches
        assert (watches.running, watches.waiting) == (8, 0)
        scene.woken.clear()
        scene.resource(namespace="team-b", aws={"service_account": "builder"})
        await scene.settle()
        assert (watches.running, watches.waiting) == (8, 1)
        lost = [number for number in range(8) if watches.account("team-a", f"builder-{number}") is Missing.ALL_TAKEN]
        assert len(lost) == 1
        assert f"Secret/team-a/pull-{lost[0]}" in scene.woken, "its status has to say so"
        assert watches.account("team-b", "builder") is Missing.ABSENT


async def test_a_confined_operator_watches_service_accounts_of_its_namespaces_only() -> None:
    scene = Scene(watched=("team-a", "team-b"))
    scene.resource(link=[{"service_account": "builder"}])
    async with scene.watching():
        found = {one.partition("/")[0] for one in scene.wire.watched() if "serviceaccounts" in one}
        assert found == {"team-a", "team-b"}


async def test_metrics_show_each_resource() -> None:
    scene = Scene()
    scene.resource("one")
    scene.resource("two", status={})
    async with scene.watching():
        shown = {one.key.name: one.ready for one in scene.state.states()}
    assert shown == {"one": True, "two": False}
