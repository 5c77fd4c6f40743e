"""An identity that AWS denies is not used once for each limit of its tokens."""

from __future__ import annotations

import asyncio

import pytest

from ecr_secret_operator.aws import denials
from ecr_secret_operator.aws.denials import Denials
from ecr_secret_operator.domain.identity.identity import AssumedRole
from ecr_secret_operator.domain.identity.limit import UNLIMITED, TokenLimit
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.resource import Key
from ecr_secret_operator.domain.tokens.token import Token
from ecr_secret_operator.errors import TokenError
from ecr_secret_operator.reasons import Reason
from ecr_secret_operator.runtime.backoff import Backoff
from tests.aws.scopes import ANY, Aws
from tests.factories import NOW
from tests.virtual_time import in_virtual_time

ROLE = "arn:aws:iam::210987654321:role/ecr-pull"
CLUSTER = Key("ClusterPullSecret", "", "ecr-pull")
NAMESPACES = 300


def scope(number: int, role: str = ROLE) -> Scope:
    return Scope("aws", "us-east-2", AssumedRole(role), limit=TokenLimit("pull", (f"team-{number}/*",)), account="1")


async def answer(aws: Aws, one: Scope) -> Token | TokenError:
    try:
        return await aws.source.token(one, ANY, CLUSTER)
    except TokenError as error:
        return error


async def served(aws: Aws, one: Scope) -> None:
    """A namespace that comes back when it was told to, until it has its token."""
    while isinstance(found := await answer(aws, one), TokenError):
        assert found.retry_at
        await asyncio.sleep(max(0.001, (found.retry_at - aws.now()).total_seconds()))


@in_virtual_time
async def test_a_denied_role_is_asked_for_a_few_times_and_not_for_each_namespace() -> None:
    aws = Aws()
    scopes = [scope(number) for number in range(NAMESPACES)]
    aws.refused.update(scopes)
    first = await answer(aws, scopes[0])
    assert isinstance(first, TokenError)
    tasks = [asyncio.create_task(served(aws, one)) for one in scopes]
    await asyncio.sleep(600)
    assert len(aws.calls) < 60, "once in half a minute, whatever the number of namespaces"
    aws.refused.clear()
    await asyncio.wait_for(asyncio.gather(*tasks), 120)
    assert len(aws.calls) < 60 + NAMESPACES


@in_virtual_time
async def test_another_role_is_not_held_up() -> None:
    aws = Aws()
    aws.refused.add(scope(0))
    assert isinstance(await answer(aws, scope(0)), TokenError)
    assert isinstance(await answer(aws, scope(1)), TokenError)
    assert isinstance(await answer(aws, scope(1, f"{ROLE}-2")), Token)
    unlimited = Scope("aws", "us-east-2", AssumedRole(ROLE))
    assert isinstance(await answer(aws, unlimited), Token)


def denial(reason: Reason, *, of_limit: bool = False) -> TokenError:
    return TokenError("no", reason=reason, of_limit=of_limit)


def held_back(error: TokenError, limit: TokenLimit | None = None) -> bool:
    found = Denials(Backoff(base=1.0, cap=30.0, floor=0.5), draw=lambda: 1.0)
    first = scope(0) if limit is None else Scope("aws", "us-east-2", AssumedRole(ROLE), limit=limit)
    found.answered(first, error, NOW)
    try:
        found.check(scope(1), NOW)
    except TokenError as raised:
        return raised.retry_at is not None and raised.retry_at > NOW
    return False


def test_only_what_concerns_the_identity_is_shared() -> None:
    assert held_back(denial(Reason.AWS_ACCESS_DENIED))
    assert held_back(denial(Reason.IDENTITY_UNAVAILABLE))
    assert not held_back(denial(Reason.AWS_ACCESS_DENIED, of_limit=True))
    assert not held_back(denial(Reason.AWS_UNAVAILABLE))
    assert not held_back(denial(Reason.AWS_ACCESS_DENIED), UNLIMITED)


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(denials, "MOST_KEPT", 2)
    found = Denials(Backoff(base=1.0, cap=30.0, floor=0.5), draw=lambda: 1.0)
    for number in range(3):
        found.answered(scope(0, f"{ROLE}-{number}"), denial(Reason.AWS_ACCESS_DENIED), NOW)
    found.check(scope(1, f"{ROLE}-0"), NOW)
    for number in (1, 2):
        with pytest.raises(TokenError):
            found.check(scope(1, f"{ROLE}-{number}"), NOW)


def test_one_request_passes_after_the_back_off_and_the_others_wait_for_its_answer() -> None:
    found = Denials(Backoff(base=1.0, cap=30.0, floor=0.5), draw=lambda: 1.0)
    found.answered(scope(0), denial(Reason.AWS_ACCESS_DENIED), NOW)
    with pytest.raises(TokenError) as caught:
        found.check(scope(1), NOW)
    assert caught.value.retry_at
    later = caught.value.retry_at
    found.check(scope(2), later)
    with pytest.raises(TokenError):
        found.check(scope(3), later)
    found.answered(scope(2), None, later)
    found.check(scope(3), later)
