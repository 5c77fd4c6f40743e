"""A name that another client or another resource has is left alone, and taken once it is free."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from ecr_secret_operator.domain.resource import Key
from ecr_secret_operator.errors import AlreadyExists
from ecr_secret_operator.reasons import Removal
from ecr_secret_operator.runtime.result import AGAIN

from ..factories import HOST, NOW, a_key, a_raw_spec, a_spec
from ..scenes import GROUP
from .secret_cases import RESOURCE, SECRET, Case, a_case

FOREIGN = {"metadata": {"name": "ecr-pull", "namespace": "team-a"}, "type": "Opaque", "data": {"a": "Yg=="}}
CONFIG = f'{{"auths":{{"{HOST}":{{"username":"AWS","password":"x","auth":"QVdTOng="}}}}}}'
PREDECESSORS = {
    **FOREIGN,
    "type": "kubernetes.io/dockerconfigjson",
    "data": {".dockerconfigjson": b64encode(CONFIG.encode()).decode()},
}


async def test_a_foreign_secret_is_left_alone_and_the_name_taken_once_it_is_free() -> None:
    async with a_case() as case:
        foreign = case.wire.put(SECRET, FOREIGN)
        result = await case.reconcile()
        assert case.condition()["reason"] == "SecretConflict"
        assert result.again_at == NOW + timedelta(seconds=5)
        assert await case.secret() == foreign
        asked = len(case.aws.asked)
        await case.reconcile(5)
        assert len(case.aws.asked) == asked, "no token is spent on a name that is taken"
        case.wire.remove(SECRET)
        await case.reconcile(5)
        assert case.condition()["status"] == "True"


async def test_the_predecessors_secret_is_taken_over() -> None:
    async with a_case() as case:
        case.wire.put(SECRET, PREDECESSORS)
        await case.reconcile()
        assert case.condition()["status"] == "True"
        (adopted,) = (event for event in case.events if event.reason == "Adopted")
        assert adopted.message.startswith("Secret ecr-pull, which the operator's predecessor made")


async def test_a_name_that_was_taken_is_free_once_the_predecessor_has_it() -> None:
    async with a_case() as case:
        case.wire.put(SECRET, FOREIGN)
        await case.reconcile()
        case.wire.put(SECRET, PREDECESSORS)
        await case.reconcile(5)
        assert case.condition()["status"] == "True"
        assert "Adopted" in case.reasons


async def test_a_secret_that_a_finalizer_holds_is_waited_for() -> None:
    async with a_case(served=True) as case:
        found = await case.secret()
        assert found
        metadata = {**found["metadata"], "deletionTimestamp": "2026-03-01T12:00:00Z", "finalizers": ["example.com/a"]}
        case.wire.put(SECRET, {**found, "metadata": {**metadata, "labels": {}}})
        await case.scene.settle()
        result = await case.reconcile(1)
        assert result.again_at == case.now + timedelta(seconds=5)
        assert "example.com/a" in case.condition("Refreshing")["message"]


@pytest.mark.parametrize(("hours", "posts"), [(1, 2), (13, 1)])
async def test_a_name_that_is_taken_while_its_secret_is_replaced_is_judged_again(hours: int, posts: int) -> None:
    """One POST finds it taken, after the dry run that comes first while the token is valid."""
    async with a_case(served=True) as case:
        await case.damage(immutable=True, metadata={**(await case.metadata()), "ownerReferences": []})
        for _ in range(posts):
            case.fail("POST", "secrets", AlreadyExists("there is one"))
        assert await case.reconcile(hours * 3600) == AGAIN
        assert (case.removed_for, case.reasons) == ([Removal.REPLACED], ["SecretRemoved"])


OLDER = "2026-02-01T00:00:00Z"
"""Before the resource of a case was created."""


def a_rival(case: Case, status: Mapping[str, Any] | None = None, **over: Any) -> Key:
    """Another resource of the namespace that names the same Secret."""
    metadata = {"name": "rival", "namespace": "team-a", "generation": 1, "creationTimestamp": OLDER}
    body = {"kind": "Secret", "metadata": metadata, "spec": a_raw_spec(**over), "status": status or {}}
    case.wire.put(f"{GROUP}/namespaces/team-a/secrets/rival", body)
    return a_key(name="rival")


async def test_of_two_resources_that_name_a_secret_the_older_one_has_it() -> None:
    async with a_case() as case:
        rival = a_rival(case)
        await case.scene.settle()
        await case.reconcile(key=rival)
        result = await case.reconcile()
        assert result.again_at == NOW + timedelta(seconds=5)
        assert "generated for Secret team-a/rival, the oldest resource" in case.condition()["message"]
        assert case.condition(key=rival)["status"] == "True"


async def test_the_name_goes_to_an_older_resource_that_comes_late() -> None:
    async with a_case(served=True) as case:
        rival = a_rival(case)
        await case.scene.settle()
        await case.reconcile(key=rival)
        assert case.condition(key=rival)["status"] == "True"
        found = await case.secret()
        assert found
        assert [owner["name"] for owner in found["metadata"]["ownerReferences"]] == ["rival"]


@pytest.mark.parametrize("labelled", [True, False], ids=["shown by the watch", "without its label"])
async def test_a_name_that_its_owner_has_left_is_taken_over(*, labelled: bool) -> None:
    async with a_case() as case:
        rival = a_rival(case)
        await case.scene.settle()
        await case.reconcile(key=rival)
        await case.reconcile()
        assert case.condition()["reason"] == "SecretConflict"
        if not labelled:
            found = await case.secret()
            assert found
            await case.damage(metadata={**found["metadata"], "labels": {}})
        a_rival(case, generated_secret_name="elsewhere")
        await case.scene.settle()
        await case.reconcile(5)
        assert (case.condition()["status"] == "True") is labelled, "without the label, its owner is unknown"


async def test_a_secret_of_another_resource_is_named_with_its_owner() -> None:
    async with a_case() as case:
        a_rival(case)
        await case.scene.settle()
        await case.reconcile(key=a_key(name="rival"))
        case.wire.remove(f"{GROUP}/namespaces/team-a/secrets/rival")
        await case.scene.settle()
        await case.reconcile()
        assert "Secret ecr-pull exists and is generated for Secret team-a/rival" in case.condition()["message"]


async def test_a_newer_token_that_no_watch_has_shown_yet_stays() -> None:
    """Another replica was faster."""
    async with a_case() as case:
        case.aws.clock = lambda: NOW - timedelta(hours=1)

        async def meanwhile() -> None:
            case.scene.generated()

        case.aws.meanwhile = meanwhile
        await case.reconcile()
        assert case.wire.writes == [f"PATCH {RESOURCE}/status"]
        assert case.scene.get().status["expiresAt"] == "2026-03-02T00:00:00Z"
        assert case.reasons == []


@pytest.mark.parametrize("conflicted", [False, True])
async def test_a_name_that_its_owner_has_left_is_taken_over_before_a_watch_has_shown_the_secret(
    *, conflicted: bool
) -> None:
    async with a_case() as case:
        rival = a_rival(case, generated_secret_name="elsewhere")
        if conflicted:
            case.wire.put(SECRET, FOREIGN)
            await case.reconcile()
            case.wire.remove(SECRET)
        await case.scene.settle()
        case.scene.generated(replace(case.scene.get(name=rival.name), spec=a_spec()))
        await case.reconcile(5)
        assert case.condition()["status"] == "True"
        assert [owner["name"] for owner in (await case.metadata())["ownerReferences"]] == ["pull"]


async def test_a_secret_that_the_oldest_resource_has_just_obtained_is_left_to_it() -> None:
    """Until then the older resource failed, and the younger one kept its Secret."""
    async with a_case(served=True) as case:
        failing = {"type": "Ready", "status": "False", "reason": "AWSUnavailable", "observedGeneration": 1}
        rival = a_rival(case, status={"observedGeneration": 1, "conditions": [failing]})
        case.wire.remove(SECRET)
        await case.scene.settle()
        theirs = case.scene.generated(case.scene.get(name=rival.name))
        await case.reconcile()
        assert await case.secret() == theirs
        assert "Secret ecr-pull is generated for Secret team-a/rival" in case.condition()["message"]
