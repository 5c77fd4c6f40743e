"""What policy denies is removed, and only that."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ecr_secret_operator.errors import (
    Forbidden,
    TokenError,
)
from ecr_secret_operator.reasons import Reason, Removal
from ecr_secret_operator.runtime.result import AGAIN

from ..factories import HOST, OTHER_HOST
from ..scenes import ROLE
from .secret_cases import REFUSED, SECRET, a_case


async def test_what_policy_denies_loses_its_secret() -> None:
    async with a_case(served=True) as case:
        case.scene.policy(registries=[OTHER_HOST])
        await case.scene.settle()
        await case.reconcile(1)
        assert await case.secret() is None
        assert case.condition()["reason"] == "PolicyDenied"
        assert case.removed_for == [Removal.DENIED]
        assert case.aws.asked == []


async def test_what_policy_allows_again_is_served_again() -> None:
    async with a_case(served=True) as case:
        case.scene.policy(registries=[OTHER_HOST])
        await case.scene.settle()
        await case.reconcile(1)
        case.scene.policy(registries=[HOST, OTHER_HOST], ambient_identity=True)
        await case.scene.settle()
        await case.reconcile(1)
        assert case.aws.asked == [HOST], "the former token is forgotten"
        assert case.condition()["status"] == "True"


async def test_a_denied_token_goes_although_its_immutable_secret_cannot_be_replaced() -> None:
    async with a_case(served=True) as case:
        await case.damage(immutable=True)
        case.scene.policy(role_arns=[ROLE], default_role_arn=ROLE)
        await case.scene.settle()
        case.fail("POST", "secrets", Forbidden("a quota", status=403))
        await case.reconcile(1)
        assert await case.secret() is None
        assert case.condition()["reason"] == "KubernetesError"
        assert case.removed_for == [Removal.REPLACED]


@pytest.mark.parametrize("refused", [False, True])
async def test_a_token_of_an_identity_that_policy_denies_now_is_removed(*, refused: bool) -> None:
    async with a_case(served=True) as case:
        case.scene.policy(role_arns=[ROLE], default_role_arn=ROLE)
        await case.scene.settle()
        case.aws.errors[HOST] = REFUSED
        if refused:
            case.fail("PATCH", "secrets", Forbidden("no", status=403))
        await case.reconcile(1)
        assert await case.secret() is None
        assert case.removed_for == [Removal.TOKEN_DENIED]


async def test_a_token_that_policy_denies_is_removed_where_the_new_one_cannot_be_written() -> None:
    async with a_case(served=True) as case:
        case.scene.policy(role_arns=[ROLE], default_role_arn=ROLE)
        await case.scene.settle()
        case.fail("PATCH", "secrets", Forbidden("no", status=403))
        await case.reconcile(1)
        assert await case.secret() is None
        assert case.condition()["reason"] == "KubernetesError"


async def test_a_token_that_policy_denies_is_removed_under_a_former_name_too() -> None:
    async with a_case(served=True) as case:
        case.scene.resource(status=dict(case.scene.get().status), generated_secret_name="renamed")
        case.scene.policy(role_arns=[ROLE], default_role_arn=ROLE)
        await case.scene.settle()
        await case.reconcile(1)
        assert await case.secret() is None
        assert await case.secret(SECRET.replace("ecr-pull", "renamed"))
        assert case.removed_for == [Removal.TOKEN_DENIED]


LIMIT = {"access": "pull", "repositories": ["{namespace}/*"]}
SILENT = TokenError("AWS did not answer", reason=Reason.AWS_UNAVAILABLE)
WAITS = TokenError("AWS has not been asked yet", reason=Reason.LIMIT_EXCEEDED)


async def test_a_token_that_may_do_more_than_policy_allows_is_replaced_in_one_write() -> None:
    async with a_case(served=True) as case:
        case.scene.policy(ambient_identity=True, limit=LIMIT)
        await case.scene.settle()
        await case.reconcile(1)
        assert (case.aws.asked, case.wire.writes[0]) == ([HOST], f"PATCH {SECRET}")
        assert case.removed_for == []
        assert case.scene.get().status["tokenLimit"] == "pull in team-a/*"


@pytest.mark.parametrize(("error", "stays"), [(REFUSED, False), (SILENT, True), (WAITS, True)])
async def test_it_is_removed_when_aws_refuses_a_narrower_one_and_stays_while_aws_is_silent(
    error: TokenError, *, stays: bool
) -> None:
    async with a_case(served=True) as case:
        case.scene.policy(ambient_identity=True, limit=LIMIT)
        await case.scene.settle()
        retry_at = case.now + timedelta(seconds=90)
        case.aws.errors[HOST] = TokenError(str(error), reason=error.reason, retry_at=retry_at)
        result = await case.reconcile(1)
        assert result.again_at == retry_at
        assert ("expiresAt" in case.scene.get().status) == stays
        assert (await case.secret() is not None) == stays
        assert case.removed_for == ([] if stays else [Removal.TOKEN_DENIED])
        assert (case.condition()["status"], case.condition()["reason"]) == ("False", error.reason)
        case.aws.errors.clear()
        await case.reconcile(60)
        assert case.scene.get().status["tokenLimit"] == "pull in team-a/*"


async def test_a_token_of_a_denied_identity_is_removed_also_while_aws_is_silent() -> None:
    async with a_case(served=True) as case:
        case.scene.policy(role_arns=[ROLE], default_role_arn=ROLE, limit=LIMIT)
        await case.scene.settle()
        case.aws.errors[HOST] = SILENT
        await case.reconcile(1)
        assert await case.secret() is None
        assert case.removed_for == [Removal.TOKEN_DENIED]


async def test_of_two_registries_the_one_whose_narrower_token_is_there_is_not_held_up() -> None:
    """Only one token is too wide: the other registry names a limit of its own."""
    narrow = {"ecr_registry": OTHER_HOST, "aws": {"access": "pull", "repositories": ["team-a/*"]}}
    async with a_case(served=True, additional_registries=[narrow]) as case:
        case.scene.policy(ambient_identity=True, limit=LIMIT)
        await case.scene.settle()
        case.aws.errors[OTHER_HOST] = SILENT
        await case.reconcile(6 * 3600)
        assert set(case.aws.asked) == {HOST, OTHER_HOST}
        assert case.wire.writes[0] == f"PATCH {SECRET}"


async def test_a_kept_token_that_policy_denies_meanwhile_is_not_written_again() -> None:
    """AWS is asked for one registry only, while the limit is set."""
    second = {"ecr_registry": OTHER_HOST, "aws": {"role_arn": ROLE}}
    async with a_case(served=True) as case:
        case.scene.resource(status=dict(case.scene.get().status), additional_registries=[second])
        await case.scene.settle()

        async def limited() -> None:
            case.scene.policy(ambient_identity=True, role_arns=["*"], limit=LIMIT)
            await case.scene.settle()

        case.aws.meanwhile = limited
        assert await case.reconcile(1) == AGAIN
        assert case.aws.asked == [OTHER_HOST]
        assert case.wire.writes == []


async def test_a_denied_token_that_finalizers_hold_is_reported_once() -> None:
    async with a_case(served=True) as case:
        found = await case.secret()
        assert found
        metadata = {**found["metadata"], "deletionTimestamp": "2026-03-01T12:00:00Z", "finalizers": ["example.com/a"]}
        case.wire.put(SECRET, {**found, "metadata": metadata})
        case.scene.policy(role_arns=[ROLE], default_role_arn=ROLE)
        await case.scene.settle()
        case.fail("PATCH", "secrets", Forbidden("no", status=403))
        await case.reconcile(1)
        assert case.removed_for == []
