"""A request for a refresh is answered once for each registry, and the rest of it stays pending."""

from __future__ import annotations

from datetime import timedelta

import pytest

from ecr_secret_operator.errors import TokenError, Unavailable
from ecr_secret_operator.reasons import Reason

from ..factories import HOST, NOW, OTHER_HOST
from .secret_cases import SECRET, Case, a_case, request_refresh

TWO = [{"ecr_registry": OTHER_HOST}]
SILENT = TokenError("AWS did not answer", reason=Reason.AWS_UNAVAILABLE)


def handled(case: Case) -> str | None:
    """The request that the status says was handled."""
    value = case.scene.get().status.get("lastHandledRefresh")
    return None if value is None else str(value)


async def asked_in(case: Case, after: float) -> list[str]:
    """The registries that one reconcile asks AWS for."""
    case.aws.asked.clear()
    await case.reconcile(after)
    return case.aws.asked


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


async def test_a_registry_that_has_answered_is_not_asked_again_while_another_one_fails() -> None:
    async with a_case(served=True, additional_registries=TWO) as case:
        await request_refresh(case)
        case.aws.errors[OTHER_HOST] = SILENT
        assert await asked_in(case, 60) == [HOST, OTHER_HOST]
        assert await asked_in(case, 60) == [OTHER_HOST]
        assert handled(case) is None
        case.aws.errors.clear()
        assert await asked_in(case, 60) == [OTHER_HOST]
        assert handled(case) == "now"
        assert await asked_in(case, 60) == []


async def test_answers_to_one_request_do_not_count_for_the_next_one() -> None:
    async with a_case(served=True, additional_registries=TWO) as case:
        await request_refresh(case)
        case.aws.errors[OTHER_HOST] = SILENT
        assert await asked_in(case, 60) == [HOST, OTHER_HOST]
        await request_refresh(case, "again")
        case.aws.errors = {HOST: SILENT}
        assert await asked_in(case, 60) == [HOST, OTHER_HOST]
        assert await asked_in(case, 60) == [HOST]
        case.aws.errors.clear()
        assert await asked_in(case, 60) == [HOST]
        assert handled(case) == "again"


async def test_a_request_is_pending_until_the_new_token_is_stored() -> None:
    async with a_case(served=True) as case:
        await request_refresh(case)
        case.fail("PATCH", "secrets", Unavailable("no answer"))
        with pytest.raises(Unavailable):
            await case.reconcile(60)
        assert handled(case) is None
        assert await asked_in(case, 60) == [HOST]
        assert handled(case) == "now"
        assert case.wire.writes[0] == f"PATCH {SECRET}"


async def test_a_request_is_pending_while_its_secret_is_gone() -> None:
    async with a_case(served=True) as case:
        await request_refresh(case)
        case.wire.remove(SECRET)
        await case.scene.settle()
        case.fail("POST", "secrets", Unavailable("no answer"))
        with pytest.raises(Unavailable):
            await case.reconcile(60)
        assert await asked_in(case, 60) == [HOST]
        assert handled(case) == "now"
