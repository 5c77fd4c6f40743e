"""What becomes of a resource when it is reconciled, whatever the API server answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

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

from ..factories import HOST, NOW, a_key
from .secret_cases import KEY, REFUSED, RESOURCE, SECRET, Case, Waits, a_case, request_refresh

# Serving


async def test_a_new_resource_gets_its_secret_and_a_status_and_then_rests() -> None:
    async with a_case() as case:
        result = await case.reconcile()
        assert (case.aws.asked, case.aws.requesters, case.waited) == ([HOST], [KEY], [KEY])
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


@pytest.mark.parametrize("low_priority", [True, False])
async def test_what_waits_for_a_token_that_is_being_fetched_leaves_its_worker(*, low_priority: bool) -> None:
    async with a_case() as case:
        case.aws.fetching, case.low_priority = True, low_priority
        assert await case.reconcile() == AWAITING_TOKEN
        assert case.aws.joined == [(KEY, low_priority)]
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
        (slow,) = (event for event in case.events if event.reason == "NamespaceSlow")
        assert "team-a" in slow.message


async def test_the_status_says_how_the_links_are() -> None:
    async with a_case(link=[{"service_account": "builder", "for": ["pull"]}]) as case:
        await case.reconcile()
        assert case.condition("Linked")["status"] == "False"
        assert "builder" in case.condition("Linked")["message"]
        case.scene.account("builder", pull=("ecr-pull",))
        await case.scene.settle()
        await case.reconcile(1)
        assert case.condition("Linked")["status"] == "True"


async def test_a_resource_that_is_created_again_starts_anew() -> None:
    """It may be another one, for which the tokens of the former one are not meant."""
    async with a_case(served=True) as case:
        case.wire.remove(SECRET)
        found = await case.wire.get(RESOURCE, dict[str, Any])
        case.wire.remove(RESOURCE)
        found["metadata"]["uid"] = "another"
        case.wire.put(RESOURCE, found)
        await case.scene.settle()
        await case.reconcile(1)
        assert case.aws.asked == [HOST]


async def test_nothing_is_remembered_of_a_resource_that_is_gone() -> None:
    async with a_case(served=True) as case:
        found = await case.wire.get(RESOURCE, dict[str, Any])
        case.wire.remove(RESOURCE)
        case.wire.remove(SECRET)
        await case.scene.settle()
        await case.reconcile()
        case.wire.put(RESOURCE, found)
        await case.scene.settle()
        await case.reconcile(1)
        assert case.aws.asked == [HOST]


async def test_each_resource_is_remembered_for_itself() -> None:
    async with a_case(served=True) as case:
        case.scene.resource("other", generated_secret_name="other")
        await case.scene.settle()
        await case.reconcile(1, key=a_key(name="other"))
        case.aws.asked.clear()
        case.wire.remove(SECRET)
        await case.scene.settle()
        await case.reconcile(1)
        assert case.aws.asked == []
        assert await case.secret()


async def test_a_namespace_that_is_not_selected_any_more_loses_its_secret_and_has_no_status() -> None:
    case, placement = Case(), a_key(kind="ClusterPullSecret", name="all")
    case.scene.namespace()
    case.scene.cluster_resource()
    path = SECRET.replace("ecr-pull", "shared")
    async with case.scene.watching():
        await case.reconcile(key=placement)
        assert await case.secret(path)
        assert case.condition(key=placement)["status"] == "True"
        case.scene.cluster_resource(generation=2, namespaces={"include": ["other-*"]})
        await case.scene.settle()
        await case.reconcile(1, key=placement)
        assert await case.secret(path) is None
        assert case.removed_for == [Removal.DESELECTED]
        assert case.outcomes[-1].failure is None
        found = case.scene.state.resources.get(placement)
        assert found is None or found.status == {}


async def test_a_failure_is_reported_again_once_it_was_over() -> None:
    async with a_case() as case:
        for error in (REFUSED, REFUSED, None, REFUSED):
            case.aws.errors = {HOST: error} if error else {}
            await case.reconcile(6 * 3600)
        assert case.reasons.count("AWSAccessDenied") == 2


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
        assert [(event.reason, event.message) for event in case.events] == [
            ("Repaired", "Secret ecr-pull was restored: labels")
        ]


async def test_a_secret_that_comes_and_goes_is_looked_for_again() -> None:
    async with a_case(served=True) as case:
        case.wire.remove(SECRET)
        await case.scene.settle()
        case.fail("POST", "secrets", AlreadyExists("there is one"))
        assert await case.reconcile(1) == AGAIN


async def test_all_that_was_changed_is_restored_and_named() -> None:
    async with a_case(served=True) as case:
        await case.damage(data={}, metadata={**(await case.metadata()), "ownerReferences": []})
        await case.reconcile(1)
        assert case.wire.writes[0] == f"PATCH {SECRET}"
        (repaired,) = case.events
        assert repaired.message == "Secret ecr-pull was restored: data, ownerReferences"


async def test_an_immutable_secret_is_replaced() -> None:
    async with a_case(served=True) as case:
        await case.damage(immutable=True, data={})
        await case.reconcile(1)
        assert [write.split()[0] for write in case.wire.writes[:2]] == ["DELETE", "POST"]
        assert case.removed_for == [Removal.REPLACED]
        assert case.condition()["status"] == "True"
        assert sorted(case.reasons) == ["Repaired", "SecretRemoved"]


async def test_an_immutable_secret_stays_while_its_successor_is_refused() -> None:
    async with a_case(served=True) as case:
        await case.damage(immutable=True, metadata={**(await case.metadata()), "ownerReferences": []})
        before = await case.secret()
        case.fail("POST", "secrets", Forbidden("a quota", status=403))
        await case.reconcile(1)
        assert await case.secret() == before


async def test_one_without_its_label_that_was_never_served_is_not_reported_as_repaired() -> None:
    """The operator created it, and was restarted before it wrote the status."""
    async with a_case() as case:
        case.scene.generated(labels={})
        await case.scene.settle()
        await case.reconcile()
        assert case.condition()["status"] == "True"
        assert case.reasons == []


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


@pytest.mark.parametrize(("method", "damage"), [("PATCH", {"data": {}}), ("DELETE", {"data": {}, "immutable": True})])
async def test_a_secret_that_is_deleted_before_it_is_restored_is_no_failure(
    method: str, damage: dict[str, object]
) -> None:
    async with a_case(served=True) as case:
        await case.damage(**damage)
        case.fail(method, "secrets", NotFound('secrets "ecr-pull" not found', status=404))
        assert await case.reconcile(1) == AGAIN
        assert (case.outcomes[1:], case.events) == ([], [])


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
