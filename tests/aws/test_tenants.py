"""Whatever the resources of one namespace ask AWS for, those of another one do not wait, and the calls are bounded."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from datetime import timedelta

import pytest

from ecr_secret_operator.aws import source as module
from ecr_secret_operator.domain.identity.identity import AssumedRole
from ecr_secret_operator.domain.identity.limit import TokenLimit
from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.resource import Key
from ecr_secret_operator.domain.secret.registries import Want
from ecr_secret_operator.domain.tokens.token import Token
from ecr_secret_operator.errors import TokenError
from tests.aws.scopes import ANY, Aws, at, kept, wants
from tests.factories import a_key
from tests.virtual_time import elapsed, in_virtual_time, running, settle

ROLE = "arn:aws:iam::210987654321:role/ecr-pull"
MINE = a_key(namespace="quiet")
HANGS = 3600.0


def role(number: int, *, tenant: str = "") -> Scope:
    return at(AssumedRole(f"{ROLE}-{tenant}-{number}"))


def resource(number: int, *, tenant: str = "noisy") -> Key:
    return a_key(namespace=tenant, name=f"resource-{number}")


def flood(aws: Aws, count: int, *, tenant: str = "noisy") -> Iterator[asyncio.Task[Token]]:
    """So many resources of one namespace ask at once, each for a role of its own, and no call is answered."""
    for number in range(count):
        scope = role(number, tenant=tenant)
        aws.seconds[scope] = HANGS
        yield asyncio.create_task(aws.source.token(scope, ANY, resource(number, tenant=tenant)))


async def ended(tasks: list[asyncio.Task[Token]]) -> list[Token | BaseException]:
    return await asyncio.gather(*tasks, return_exceptions=True)


def cancel(tasks: list[asyncio.Task[Token]]) -> None:
    for task in tasks:
        task.cancel()


@in_virtual_time
async def test_four_hundred_calls_of_one_namespace_that_hang_delay_no_other() -> None:
    """They took 56 s of another tenant's time: 64 calls ran at a time, first come, first served."""
    aws = Aws()
    tasks = list(flood(aws, 400))
    await settle()
    aws.seconds[role(1, tenant="quiet")] = 0.1
    for number in range(2):
        started = elapsed()
        await aws.source.token(role(number, tenant="quiet"), ANY, MINE)
        assert elapsed() - started == pytest.approx(0.1 * number)
    cancel(tasks)
    await ended(tasks)


@in_virtual_time
async def test_nor_do_hanging_calls_of_many_namespaces() -> None:
    aws = Aws()
    tasks = [task for place in range(40) for task in flood(aws, 40, tenant=f"noisy-{place}")]
    await settle()
    await asyncio.sleep(50)
    started = elapsed()
    await aws.source.token(role(0, tenant="quiet"), ANY, MINE)
    assert elapsed() - started == 0
    cancel(tasks)
    await ended(tasks)


@in_virtual_time
async def test_threads_are_bounded_whoever_asks() -> None:
    aws = Aws()
    tasks = [task for place in range(400) for task in flood(aws, 3, tenant=f"noisy-{place}")]
    await settle()
    assert len(aws.calls) <= 256
    cancel(tasks)
    await ended(tasks)


@in_virtual_time
async def test_whoever_waits_for_a_turn_is_told_in_time_and_that_it_is_one_of_many() -> None:
    """Before, a resource said nothing for minutes: the 30 s began with the turn."""
    aws = Aws()
    tasks = list(flood(aws, 180))
    found = await ended(tasks)
    assert elapsed() <= module.CALL_SECONDS + 10
    errors = [one for one in found if isinstance(one, TokenError)]
    assert len(errors) == 180
    limited = [one for one in errors if one.reason == "LimitExceeded"]
    assert 100 < len(limited) < 180
    assert "calls for namespace noisy take long" in str(limited[0])
    assert all(one.retry_at for one in errors)


@in_virtual_time
async def test_a_slow_namespace_comes_back_to_speed_by_itself() -> None:
    aws = Aws()
    tasks = list(flood(aws, 100))
    await ended(tasks)
    aws.seconds.clear()
    while len([one for one in aws.told if one[1] == "ok"]) < 100:
        assert elapsed() < 1800
        await asyncio.sleep(15)
        await ended(
            [
                asyncio.create_task(aws.source.token(role(number, tenant="noisy"), ANY, resource(number)))
                for number in range(100)
            ]
        )


@in_virtual_time
async def test_fifty_roles_that_are_applied_at_once_are_had_at_once() -> None:
    aws = Aws()
    for number in range(50):
        aws.seconds[role(number)] = 0.12
    await asyncio.gather(*(aws.source.token(role(number), ANY, resource(number)) for number in range(50)))
    assert elapsed() <= 0.25
    assert len(aws.calls) == 50


@in_virtual_time
async def test_who_joins_a_call_that_waits_in_the_line_of_another_namespace_need_not_wait_in_that() -> None:
    """The operator's own identity, which everyone may ask for: whose turn comes first asks, and that counts."""
    aws = Aws()
    tasks = list(flood(aws, 300))
    await settle()
    common = role(299, tenant="noisy")
    aws.seconds[common] = 0.0
    assert common not in aws.asked
    await aws.source.token(common, ANY, MINE)
    assert elapsed() == 0
    assert aws.asked.count(common) == 1
    cancel(tasks)
    await ended(tasks)


@in_virtual_time
async def test_nor_who_is_told_to_come_back_when_it_is_there() -> None:
    aws = Aws()
    tasks = list(flood(aws, 190))
    await settle()
    common = role(189, tenant="noisy")
    aws.seconds[common] = 0.0
    assert aws.source.join_calls([Want("host", common, ANY)], MINE, low_priority=True)
    await settle()
    assert aws.source.at_hand([Want("host", common, ANY)])
    cancel(tasks)
    await ended(tasks)


# New identities


def edited(number: int) -> Scope:
    """Another external id makes it another scope."""
    return at(AssumedRole(ROLE, f"external-{number}"))


async def refused(aws: Aws, scope: Scope, requester: Key) -> TokenError | None:
    (found,) = await aws.source.tokens(wants(scope), requester)
    return found if isinstance(found, TokenError) else None


@in_virtual_time
async def test_three_hundred_edits_of_one_resource_are_a_few_calls() -> None:
    """They were 390 calls to each of STS and ECR in 17 s."""
    aws = Aws()
    for number in range(300):
        last = await refused(aws, edited(number), MINE)
        await asyncio.sleep(17 / 300)
    assert len(aws.calls) <= 30
    assert last
    assert last.reason == "LimitExceeded"
    assert "Secret quiet/pull asked for too many AWS identities or limits of tokens" in str(last)


@in_virtual_time
async def test_what_was_refused_is_had_when_it_is_asked_for_at_the_time_that_was_told() -> None:
    aws = Aws()
    for number in range(100):
        last = await refused(aws, edited(number), MINE)
    while last:
        assert last.retry_at
        assert last.retry_at - aws.now() <= timedelta(minutes=1)
        await asyncio.sleep((last.retry_at - aws.now()).total_seconds())
        last = await refused(aws, edited(99), MINE)
    assert elapsed() <= 120


@in_virtual_time
async def test_what_is_known_is_not_counted() -> None:
    """A resource that another one shares its identity with, and each refresh."""
    aws = Aws()
    for number in range(300):
        assert await refused(aws, edited(0), MINE) is None
        assert await refused(aws, edited(0), resource(number)) is None


@in_virtual_time
async def test_a_thousand_roles_of_one_namespace_come_one_after_the_other_and_others_at_once() -> None:
    aws = Aws()
    waiting = {number: aws.now() for number in range(1_000)}
    rounds = 0
    while waiting:
        rounds += 1
        for number in [number for number, when in waiting.items() if when <= aws.now()]:
            error = await refused(aws, role(number), resource(number))
            if error is None:
                del waiting[number]
            else:
                assert error.retry_at
                waiting[number] = error.retry_at
        if rounds == 1:
            assert await refused(aws, role(1, tenant="quiet"), MINE) is None
        if waiting:
            await asyncio.sleep(max(0.0, (min(waiting.values()) - aws.now()).total_seconds()))
    assert 390 <= elapsed() <= 600, "two a second, once the first 200 have been had"


@in_virtual_time
async def test_what_is_remembered_for_one_namespace_is_bounded() -> None:
    """Tokens are kept for half a day, and failures for an hour."""
    aws = Aws()
    for number in range(3_000):
        await asyncio.sleep(1)
        await refused(aws, role(number), resource(number))
    assert len(aws.calls) == 3_000
    assert len(kept(aws.source)) <= 1_000
    assert await refused(aws, role(0, tenant="quiet"), MINE) is None
    running().skew += timedelta(hours=13)
    await refused(aws, role(1, tenant="quiet"), MINE)
    assert len(kept(aws.source)) == 1


@in_virtual_time
async def test_it_is_forgotten_although_nobody_asks_for_anything() -> None:
    aws = Aws()
    for number in range(20):
        await refused(aws, role(number), resource(number))
    gc.collect()
    await asyncio.sleep(timedelta(hours=13).total_seconds())
    assert kept(aws.source) == set()


@pytest.mark.parametrize("count", [20])
def test_the_cost_of_a_new_identity_does_not_grow_with_those_that_are_known(count: int) -> None:
    """Each new one looked through all: what counts is how many are looked at, and not how long that takes."""

    @in_virtual_time
    async def ask() -> None:
        aws = Aws()
        for number in range(150):
            await refused(aws, role(number), resource(number))
        looked_at = 0

        class Counting(dict[tuple[object, ...], object]):
            def items(self) -> object:  # type: ignore[override]
                nonlocal looked_at
                looked_at += len(self)
                return super().items()

        aws.source._states._states = Counting(aws.source._states._states)  # type: ignore[assignment] # noqa: SLF001
        for number in range(count):
            await refused(aws, role(number, tenant="quiet"), resource(number, tenant="quiet"))
        assert looked_at == 0

    ask()


@in_virtual_time
async def test_a_cluster_resource_gets_a_limited_token_for_each_of_its_namespaces_at_once() -> None:
    aws, began = Aws(), elapsed()
    cluster_resource = Key("ClusterPullSecret", "", "ecr-pull")
    limits = [TokenLimit("pull", (f"team-{number}/*",)) for number in range(500)]
    scopes = [Scope("aws", "us-east-2", AssumedRole(ROLE), limit=limit, account="123456789012") for limit in limits]
    for scope in scopes:
        aws.seconds[scope] = 0.1
    tokens = await asyncio.gather(*(aws.source.token(scope, ANY, cluster_resource) for scope in scopes))
    assert len({token.password.reveal() for token in tokens}) == len(aws.asked) == 500
    assert elapsed() - began < 10
