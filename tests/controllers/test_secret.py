"""What becomes of a resource when it is reconciled, whatever the API server answers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ecr_secret_operator.errors import (
    AlreadyExists,
    ApiError,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Unavailable,
)
from ecr_secret_operator.reasons import Reason, Removal
from ecr_secret_operator.runtime.result import AGAIN, AWAITING_TOKEN, DONE

from ..factories import HOST, NOW
from .secret_cases import RESOURCE, SECRET, Waits, a_case, request_refresh

# Serving


async def test_a_new_resource_gets_its_secret_and_a_status_and_then_rests() -> None:
    async with a_case() as case:
        result = await case.reconcile()
        assert case.aws.asked == [HOST]
        assert case.condition()["status"] == "True"
        assert case.wire.writes == [f"POST {SECRET.removesuffix('/ecr-pull')}", f"PATCH {RESOURCE}/status"]
        assert result.again_at
        assert NOW + timedelta(hours=5) < result.again_at <= NOW + timedelta(hours=6)
        await case.reconcile(60)
        assert case.aws.asked == [HOST]
        assert len(case.wire.writes) == 2


async def test_a_token_that_is_at_hand_is_stored_without_asking_aws() -> None:
    async with a_case() as case:
        case.aws.cached = True
        await case.reconcile()
        assert case.aws.asked == []
        assert case.condition()["status"] == "True"


async def test_a_due_token_is_replaced() -> None:
    async with a_case(served=True) as case:
        await case.reconcile(6 * 3600)
        assert case.aws.asked == [HOST]
        assert case.wire.writes[0] == f"PATCH {SECRET}"


async def test_what_waits_for_a_token_that_is_being_fetched_leaves_its_worker() -> None:
    async with a_case() as case:
        case.aws.fetching = True
        assert await case.reconcile() == AWAITING_TOKEN
        assert case.wire.writes == []


async def test_a_resource_that_is_gone_is_done() -> None:
    async with a_case(served=True) as case:
        case.wire.remove(RESOURCE)
        await case.scene.settle()
        assert await case.reconcile() == DONE


async def test_a_restart_asks_and_writes_nothing() -> None:
    async with a_case(served=True) as case:
        case.restart()
        await case.reconcile(60)
        assert (case.aws.asked, case.wire.writes) == ([], [])


async def test_a_resource_whose_service_account_was_not_read_yet_waits() -> None:
    async with a_case(aws={"service_account": "pull"}) as case:
        case.authorizer = Waits()
        case.restart()
        assert await case.reconcile() == DONE
        assert (case.aws.asked, case.wire.writes) == ([], [])


async def test_a_refresh_that_gives_the_stored_token_is_tried_again_in_five_seconds() -> None:
    async with a_case(served=True) as case:
        await request_refresh(case)
        result = await case.reconcile()
        assert case.aws.asked == [HOST]
        assert result.again_at == NOW + timedelta(seconds=5)


async def test_a_request_for_a_refresh_is_answered_once() -> None:
    async with a_case(served=True) as case:
        await request_refresh(case)
        await case.reconcile(60)
        await case.reconcile(60)
        assert case.aws.asked == [HOST]


async def test_a_rename_removes_the_former_secret_once_the_new_one_is_stored() -> None:
    async with a_case(served=True) as case:
        case.scene.resource(status=dict(case.scene.get().status), generated_secret_name="renamed")
        await case.scene.settle()
        await case.reconcile(60)
        assert await case.secret() is None
        assert await case.secret(SECRET.replace("ecr-pull", "renamed"))
        assert case.removed_for == [Removal.RENAMED]


async def test_a_former_secret_that_is_gone_already_is_not_reported() -> None:
    async with a_case(served=True) as case:
        case.scene.resource(status=dict(case.scene.get().status), generated_secret_name="renamed")
        await case.scene.settle()
        case.fail("DELETE", "secrets", NotFound("gone"))
        await case.reconcile(60)
        assert case.removed_for == []


async def test_a_slow_namespace_is_reported_on_one_of_its_resources() -> None:
    async with a_case() as case:
        case.slow = True
        await case.reconcile()
        assert "NamespaceSlow" in case.reasons


# Repairing


async def test_a_deleted_secret_is_restored_without_asking_aws() -> None:
    async with a_case(served=True) as case:
        case.wire.remove(SECRET)
        await case.scene.settle()
        await case.reconcile(1)
        assert await case.secret()
        assert case.aws.asked == []
        assert case.reasons == ["Repaired"]


async def test_a_secret_without_the_operators_label_is_found_by_its_name_and_restored() -> None:
    async with a_case(served=True) as case:
        found = await case.secret()
        assert found
        del found["metadata"]["labels"]
        case.wire.put(SECRET, found)
        await case.scene.settle()
        await case.reconcile(1)
        restored = await case.secret()
        assert restored
        assert restored["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "ecr-secret-operator"}
        assert case.reasons == ["Repaired"]
        assert "label" in case.events[0].message


async def test_a_secret_that_comes_and_goes_is_looked_for_again() -> None:
    async with a_case(served=True) as case:
        case.wire.remove(SECRET)
        await case.scene.settle()
        case.fail("POST", "secrets", AlreadyExists("there is one"))
        assert await case.reconcile(1) == AGAIN


async def test_an_immutable_secret_is_replaced() -> None:
    async with a_case(served=True) as case:
        found = await case.secret()
        assert found
        case.wire.put(SECRET, {**found, "immutable": True, "data": {}})
        await case.scene.settle()
        await case.reconcile(1)
        assert [write.split()[0] for write in case.wire.writes[:2]] == ["DELETE", "POST"]
        assert case.removed_for == [Removal.REPLACED]


async def test_a_newer_token_that_is_stored_already_stays() -> None:
    """Another replica, or an earlier process, was faster."""
    async with a_case(served=True) as case:
        before = await case.secret()
        case.aws.clock = lambda: NOW - timedelta(hours=1)
        await request_refresh(case)
        await case.reconcile()
        assert case.aws.asked == [HOST]
        assert await case.secret() == before


# What the API server says


async def test_a_refresh_that_is_refused_leaves_the_stored_token() -> None:
    async with a_case(served=True) as case:
        before = await case.secret()
        case.fail("PATCH", "secrets", Forbidden("may not", status=403))
        await case.reconcile(6 * 3600)
        assert await case.secret() == before
        assert case.condition()["status"] == "True"
        assert case.condition("Refreshing")["reason"] == "KubernetesError"


@pytest.mark.parametrize("error", [Forbidden("may not", status=403), Invalid("too long", status=422)])
async def test_a_write_that_is_refused_is_reported(error: ApiError) -> None:
    async with a_case() as case:
        case.fail("POST", "secrets", error)
        result = await case.reconcile()
        assert result.failed
        assert case.condition()["reason"] == "KubernetesError"
        assert str(error) in case.condition()["message"]


async def test_without_an_answer_nothing_is_said_of_the_resource() -> None:
    async with a_case() as case:
        case.fail("POST", "secrets", Unavailable("no answer"))
        with pytest.raises(Unavailable):
            await case.reconcile()
        assert case.scene.get().status == {}


@pytest.mark.parametrize(("method", "plural"), [("POST", "secrets"), ("PATCH", "secrets/status")])
async def test_what_another_client_changed_is_judged_again(method: str, plural: str) -> None:
    async with a_case() as case:
        case.fail(method, plural, Conflict("changed"))
        assert await case.reconcile() == AGAIN


async def test_a_resource_that_goes_before_its_status_is_stored_is_done() -> None:
    async with a_case() as case:
        case.fail("PATCH", "secrets/status", NotFound("gone"))
        await case.reconcile()
        assert case.outcomes == []


async def test_a_status_that_is_refused_is_an_event() -> None:
    async with a_case() as case:
        case.fail("PATCH", "secrets/status", Invalid("spec.x is not known", status=422))
        await case.reconcile()
        (outcome,) = case.outcomes
        assert outcome.failure
        assert outcome.failure.reason is Reason.KUBERNETES_ERROR
