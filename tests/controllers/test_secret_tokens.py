"""What becomes of a resource, whatever AWS answers and whatever changes while it is asked."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from ecr_secret_operator.domain.times import parse_time
from ecr_secret_operator.errors import (
    TokenError,
)
from ecr_secret_operator.reasons import Reason
from ecr_secret_operator.runtime.result import AGAIN

from ..factories import HOST, OTHER_HOST
from .secret_cases import REFUSED, RESOURCE, Case, a_case


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
        due = parse_time(case.scene.get().status["nextRefreshTime"])
        assert due
        await case.reconcile((due - case.now).total_seconds())
        assert case.aws.asked == [HOST]
        assert case.condition("Refreshing")["status"] == "True"
        await case.reconcile(11)
        assert case.condition("Refreshing")["reason"] == "AWSUnavailable"
        assert case.condition()["status"] == "True"
        del case.aws.errors[HOST]
        await case.reconcile(11)
        assert case.condition("Refreshing")["status"] == "True"


async def test_one_registry_that_fails_keeps_the_others_from_nothing() -> None:
    async with a_case(additional_registries=[{"ecr_registry": OTHER_HOST}]) as case:
        case.aws.errors[OTHER_HOST] = REFUSED
        await case.reconcile()
        assert await case.secret()
        assert case.condition()["status"] == "False"
        assert OTHER_HOST in case.condition()["message"]


@pytest.mark.parametrize("change", ["edited", "deleted", "denied", "expired"])
async def test_what_changes_while_aws_is_asked_is_judged_again(change: str) -> None:
    async with a_case() as case:

        async def meanwhile() -> None:
            if change == "edited":
                case.wire.put(RESOURCE, _edited(case))
            elif change == "deleted":
                case.wire.remove(RESOURCE)
            elif change == "denied":
                case.scene.policy(registries=[OTHER_HOST])
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
