"""What becomes of a resource, whatever AWS answers and whatever changes while it is asked."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from ecr_secret_operator.domain.times import parse_time
from ecr_secret_operator.errors import (
    TokenError,
)
from ecr_secret_operator.reasons import Reason
from ecr_secret_operator.runtime.result import AGAIN

from ..factories import HOST, NOW, OTHER_HOST
from ..scenes import ROLE
from .secret_cases import REFUSED, RESOURCE, Case, a_case

LATER = NOW + timedelta(minutes=5)


def until_due(case: Case) -> float:
    """Seconds until the token is refreshed."""
    due = parse_time(case.scene.get().status["nextRefreshTime"])
    assert due
    return (due - case.now).total_seconds()


async def test_without_a_token_a_failure_is_reported_at_once() -> None:
    async with a_case() as case:
        case.aws.errors[HOST] = REFUSED
        await case.reconcile()
        assert case.condition()["reason"] == "AWSAccessDenied"
        assert case.reasons == ["AWSAccessDenied"]
        assert await case.secret() is None


async def test_while_the_token_is_good_a_failure_is_reported_once_it_has_lasted() -> None:
    async with a_case(served=True) as case:
        case.aws.errors[HOST] = TokenError("AWS is away", reason=Reason.AWS_UNAVAILABLE)
        await case.reconcile(until_due(case))
        assert case.aws.asked == [HOST]
        assert case.condition("Refreshing")["status"] == "True"
        await case.reconcile(11)
        assert case.condition("Refreshing")["reason"] == "AWSUnavailable"
        assert case.condition()["status"] == "True"
        del case.aws.errors[HOST]
        await case.reconcile(11)
        assert case.condition("Refreshing")["status"] == "True"


@pytest.mark.parametrize(("failing", "other"), [(HOST, OTHER_HOST), (OTHER_HOST, HOST)])
async def test_one_registry_that_fails_keeps_the_others_from_nothing(failing: str, other: str) -> None:
    async with a_case(additional_registries=[{"ecr_registry": OTHER_HOST}]) as case:
        case.aws.errors[failing] = TokenError("AWS refused", reason=Reason.AWS_ACCESS_DENIED, retry_at=LATER)
        result = await case.reconcile()
        found = await case.secret()
        assert found
        assert set(json.loads(found["metadata"]["annotations"]["ecr.mobb.redhat.com/tokens"])) == {other}
        assert case.condition()["status"] == "False"
        assert failing in case.condition()["message"]
        assert result.again_at == LATER


async def test_a_failure_that_does_not_pass_by_itself_is_reported_at_once() -> None:
    async with a_case(served=True) as case:
        case.aws.errors[HOST] = TokenError("there is no such role", reason=Reason.IDENTITY_UNAVAILABLE)
        await case.reconcile(until_due(case))
        assert case.condition("Refreshing")["reason"] == "IdentityUnavailable"
        assert case.condition()["status"] == "True"


async def test_failures_that_alternate_are_reported_once_each() -> None:
    async with a_case() as case:
        for number in range(6):
            reason = Reason.AWS_UNAVAILABLE if number % 2 else Reason.AWS_ACCESS_DENIED
            case.aws.errors[HOST] = TokenError("no", reason=reason)
            await case.reconcile(60)
        assert case.reasons == ["AWSAccessDenied", "AWSUnavailable"]


async def test_while_aws_fails_an_expired_token_stays_in_its_secret() -> None:
    """A Pod that is pulled from a cache needs the Secret to exist."""
    async with a_case(served=True) as case:
        expires = case.scene.get().status["expiresAt"]
        case.now += timedelta(hours=13)
        retry_at = case.now + timedelta(seconds=90)
        case.aws.errors[HOST] = TokenError("AWS is away", reason=Reason.AWS_UNAVAILABLE, retry_at=retry_at)
        before = await case.secret()
        result = await case.reconcile()
        assert await case.secret() == before
        assert case.removed_for == []
        assert (case.condition()["status"], case.scene.get().status["expiresAt"]) == ("False", expires)
        assert result.again_at == retry_at


@pytest.mark.parametrize("change", ["edited", "deleted", "denied", "expired", "another identity"])
async def test_what_changes_while_aws_is_asked_is_judged_again(change: str) -> None:
    async with a_case() as case:

        async def meanwhile() -> None:
            if change == "edited":
                case.wire.put(RESOURCE, _edited(case))
            elif change == "deleted":
                case.wire.remove(RESOURCE)
            elif change == "denied":
                case.scene.policy(registries=[OTHER_HOST])
            elif change == "another identity":
                case.scene.policy(ambient_identity=True, role_arns=[ROLE], default_role_arn=ROLE)
            else:
                case.now += timedelta(hours=13)
            await case.scene.settle()

        case.aws.meanwhile = meanwhile
        assert await case.reconcile() == AGAIN
        assert await case.secret() is None


def _edited(case: Case) -> dict[str, Any]:
    resource = case.scene.get()
    metadata = {"name": "pull", "namespace": "team-a", "uid": resource.uid, "generation": 2}
    return {"kind": "Secret", "metadata": metadata, "spec": {"generated_secret_name": "x", "ecr_registry": HOST}}
