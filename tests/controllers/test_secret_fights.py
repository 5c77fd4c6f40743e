"""Another client that changes a generated Secret each time is answered less and less often."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from ecr_secret_operator.runtime.damping import FREE_REPAIRS
from ecr_secret_operator.runtime.result import Result

from ..factories import HOST, OTHER_HOST
from .secret_cases import REFUSED, RESOURCE, SECRET, Case, a_case, request_refresh


async def test_a_fight_is_damped_and_names_the_other_client() -> None:
    async with a_case(served=True) as case:
        for _ in range(FREE_REPAIRS + 2):
            found = await case.secret()
            assert found
            found["metadata"]["managedFields"] = [{"manager": "rival", "time": "2026-03-01T12:00:00Z"}]
            case.wire.put(SECRET, {**found, "data": {}})
            await case.scene.settle()
            result = await case.reconcile(0.1)
        assert result.again_at
        assert result.again_at > case.now
        assert case.condition("Refreshing")["reason"] == "SecretContested"
        assert "rival" in case.condition("Refreshing")["message"]
        assert sum(write == f"PATCH {SECRET}" for write in case.wire.writes) == FREE_REPAIRS


async def test_a_fight_over_the_label_is_damped_although_no_watch_shows_the_secret() -> None:
    async with a_case(served=True) as case:
        for _ in range(FREE_REPAIRS + 2):
            found = await case.secret()
            assert found
            case.wire.put(SECRET, {**found, "metadata": {**found["metadata"], "labels": {}}})
            await case.scene.settle()
            await case.reconcile(0.1)
        assert case.condition("Refreshing")["reason"] == "SecretContested"
        assert case.condition()["status"] == "True", "the token is stored, and good"


async def contest(case: Case, damage: Callable[[], Awaitable[None]]) -> Result:
    """Damages the Secret until a repair has to wait."""
    for number in range(FREE_REPAIRS + 1):
        await damage()
        result = await case.reconcile(0.1)
        assert case.condition("Refreshing")["status"] == ("True" if number < FREE_REPAIRS - 1 else "False")
    return result


@pytest.mark.parametrize(
    ("change", "write"),
    [({"data": {}}, f"PATCH {SECRET}"), ({"immutable": True, "data": {}}, f"DELETE {SECRET}")],
    ids=["updated", "replaced"],
)
async def test_the_next_repair_comes_at_its_time_and_the_contest_ends_after_a_quiet_minute(
    change: dict[str, Any], write: str
) -> None:
    async with a_case(served=True) as case:

        async def damage() -> None:
            await case.damage(**change)

        result = await contest(case, damage)
        assert result.again_at == case.now + timedelta(seconds=1)
        result = await case.reconcile(1)
        assert case.wire.writes.count(write) == FREE_REPAIRS + 1
        assert case.condition("Refreshing")["message"].startswith("Secret ecr-pull is changed or deleted by")
        assert result.again_at == case.now + timedelta(seconds=60)
        await case.reconcile(60)
        assert case.condition("Refreshing")["status"] == "True"


async def test_a_fight_is_reported_once_whoever_takes_part() -> None:
    async with a_case(served=True) as case:
        for number in range(FREE_REPAIRS + 4):
            found = await case.secret()
            assert found
            managers = [{"manager": f"rival-{number}", "time": "2026-03-01T12:00:00Z"}]
            await case.damage(data={}, metadata={**found["metadata"], "managedFields": managers})
            await case.reconcile(60 if number > FREE_REPAIRS else 0.1)
        assert case.reasons.count("SecretContested") == 1


@pytest.mark.parametrize("refreshed", [False, True])
async def test_a_fight_that_the_other_client_ends_is_over_after_a_minute(*, refreshed: bool) -> None:
    async with a_case(served=True) as case:
        before = await case.secret()
        assert before

        async def damage() -> None:
            await case.damage(data={})

        await contest(case, damage)
        if refreshed:
            await request_refresh(case)
        else:
            await case.damage(data=before["data"])
        await case.reconcile(0.1)
        assert case.condition("Refreshing")["reason"] == "SecretContested"
        await case.reconcile(60)
        assert case.condition("Refreshing")["status"] == "True"


async def test_an_edit_ends_the_fight_over_the_secret_as_it_was() -> None:
    async with a_case(served=True) as case:

        async def damage() -> None:
            await case.damage(data={})

        await contest(case, damage)
        found = await case.wire.get(RESOURCE, dict[str, Any])
        found["metadata"]["generation"] = 2
        case.wire.put(RESOURCE, found)
        await case.scene.settle()
        await case.reconcile(0.1)
        assert case.wire.writes.count(f"PATCH {SECRET}") == FREE_REPAIRS + 1


async def test_a_secret_that_is_deleted_each_time_is_restored_less_often_too() -> None:
    async with a_case(served=True) as case:

        async def damage() -> None:
            case.wire.remove(SECRET)
            await case.scene.settle()

        await contest(case, damage)
        assert await case.secret() is None
        assert case.condition()["reason"] == "SecretContested"


async def test_a_foreign_secret_that_takes_its_place_does_not_count_as_served() -> None:
    async with a_case(served=True) as case:

        async def damage() -> None:
            case.wire.remove(SECRET)
            await case.scene.settle()

        for _ in range(FREE_REPAIRS):
            await damage()
            await case.reconcile(0.1)
        found = await case.secret()
        assert found
        await damage()
        metadata = {**found["metadata"], "labels": {}, "ownerReferences": [], "uid": "another"}
        annotations = {**found["metadata"]["annotations"], "ecr.mobb.redhat.com/owner": "team-a/another"}
        case.wire.put(SECRET, {**found, "metadata": {**metadata, "annotations": annotations}})
        await case.scene.settle()
        await case.reconcile(0.1)
        assert case.condition()["status"] == "False"


async def test_a_fight_is_damped_while_another_registry_fails() -> None:
    async with a_case(served=True, additional_registries=[{"ecr_registry": OTHER_HOST}]) as case:
        case.aws.errors[OTHER_HOST] = REFUSED
        await case.reconcile(7 * 3_600)  # a token for each registry is due
        case.wire.writes.clear()
        for _ in range(FREE_REPAIRS + 5):
            await case.damage(data={})
            result = await case.reconcile(0.1)
        assert case.wire.writes.count(f"PATCH {SECRET}") == FREE_REPAIRS
        assert result.again_at
        assert result.again_at > case.now
        for seconds in (60, 30, 30, 30):
            await case.reconcile(seconds)
        case.aws.errors.clear()
        await case.reconcile(1)
        assert case.condition("Refreshing")["status"] == "True", "the fight is over, although a registry failed"


async def test_a_denied_token_that_is_put_back_each_time_is_replaced_less_and_less_often() -> None:
    async with a_case(served=True) as case:
        wide = await case.secret()
        assert wide
        case.scene.policy(ambient_identity=True, limit={"access": "pull"})
        await case.scene.settle()
        await case.reconcile(1)
        case.wire.writes.clear()
        for _ in range(FREE_REPAIRS + 5):
            found = await case.secret()
            assert found
            await case.damage(metadata={**found["metadata"], "annotations": wide["metadata"]["annotations"]})
            await case.reconcile(0.1)
        assert case.wire.writes.count(f"PATCH {SECRET}") == FREE_REPAIRS
        assert case.aws.asked == [HOST], "for the narrower token"


async def test_an_earlier_version_is_not_taken_for_the_last_one_while_its_repair_has_to_wait() -> None:
    async with a_case(served=True) as case:
        earlier = await case.secret()
        assert earlier
        await request_refresh(case)
        await case.reconcile(60)
        last = await case.secret()
        assert last
        assert last["metadata"]["annotations"] != earlier["metadata"]["annotations"]
        case.aws.asked.clear()
        for _ in range(FREE_REPAIRS + 1):
            await case.damage(metadata={**last["metadata"], "annotations": earlier["metadata"]["annotations"]})
            await case.reconcile(0.1)
        assert case.condition("Refreshing")["reason"] == "SecretContested"
        await case.reconcile(60)
        restored = await case.secret()
        assert restored
        assert restored["metadata"]["annotations"] == last["metadata"]["annotations"]
        assert case.aws.asked == []
