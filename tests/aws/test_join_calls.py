"""Who needs a token that is being fetched comes again when it is there, as patient as before."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from ecr_secret_operator.domain.identity.scope import Scope
from ecr_secret_operator.domain.secret.registries import Want
from ecr_secret_operator.domain.tokens.schedule import Freshness, wanted
from ecr_secret_operator.errors import TokenError
from ecr_secret_operator.reasons import Reason
from tests.aws.sources import ANY, IRELAND, KEY, OHIO, World, refusal, until
from tests.factories import a_key


def a_want(scope: Scope = OHIO, freshness: Freshness = ANY) -> Want:
    return Want("a.registry", scope, freshness)


async def test_who_comes_while_a_token_is_fetched_is_woken_when_it_is_there() -> None:
    world = World()
    others = [a_key(name=f"other-{number}") for number in range(3)]
    assert not world.source.join_calls([a_want()], KEY, low_priority=True), "the token must be requested"
    assert world.source.at_hand([a_want()]) is None
    world.gate.clear()
    ask = asyncio.create_task(world.source.token(OHIO, ANY, KEY))
    await until(lambda: bool(world.calls))
    for number, key in enumerate(others):
        assert world.source.join_calls([a_want()], key, low_priority=number > 0)
        assert world.source.join_calls([a_want()], key, low_priority=number > 0), "woken again by something else"
    assert not world.woken
    world.gate.set()
    await ask
    assert world.woken == [(others[0], False), (others[1], True), (others[2], True)], "once, and as patient as before"
    assert not world.source.join_calls([a_want()], KEY, low_priority=True), "it is at hand"
    assert world.source.at_hand([a_want()]) == [await ask]


async def test_they_are_woken_as_well_when_it_fails() -> None:
    world = World()
    world.fails()
    world.gate.clear()
    ask = asyncio.create_task(refusal(world))
    await until(lambda: bool(world.calls))
    assert world.source.join_calls([a_want()], KEY, low_priority=True)
    world.gate.set()
    await ask
    assert world.woken == [(KEY, True)]
    assert not world.source.join_calls([a_want()], KEY, low_priority=True), "the stored failure is the answer"
    await refusal(world)
    assert len(world.calls) == 1


@pytest.mark.parametrize(
    "error", [TokenError("AWS is down", reason=Reason.AWS_UNAVAILABLE), ZeroDivisionError("a bug")]
)
async def test_while_aws_fails_each_waits_for_the_answer(error: Exception) -> None:
    """Who comes again for it would find the next call under way, come again for that, and never be told."""
    world = World()
    world.error = error
    with pytest.raises(type(error)):
        await world.source.token(OHIO, ANY, KEY)
    world.now += timedelta(seconds=2)
    world.gate.clear()
    ask = asyncio.create_task(world.source.token(OHIO, ANY, KEY))
    await until(lambda: len(world.calls) == 2)
    assert not world.source.join_calls([a_want()], KEY, low_priority=True)
    world.error = None
    world.gate.set()
    await ask
    world.now += timedelta(hours=2)
    world.gate.clear()
    ask = asyncio.create_task(world.source.token(OHIO, ANY, KEY))
    await until(lambda: len(world.calls) == 3)
    assert world.source.join_calls([a_want()], KEY, low_priority=True), "it answers again"
    world.gate.set()
    await ask


async def test_who_is_in_a_hurry_stays_so() -> None:
    world = World()
    world.gate.clear()
    ask = asyncio.create_task(world.source.token(OHIO, ANY, KEY))
    await until(lambda: bool(world.calls))
    assert world.source.join_calls([a_want()], KEY, low_priority=False)
    assert world.source.join_calls([a_want()], KEY, low_priority=True), "as when a policy changes meanwhile"
    world.gate.set()
    await ask
    assert world.woken == [(KEY, False)]


async def test_who_lacks_something_that_nobody_fetches_has_to_ask() -> None:
    world = World()
    world.gate.clear()
    ask = asyncio.create_task(world.source.token(OHIO, ANY, KEY))
    await until(lambda: bool(world.calls))
    assert not world.source.join_calls([a_want(), a_want(IRELAND)], KEY, low_priority=True)
    other = asyncio.create_task(world.source.token(IRELAND, ANY, KEY))
    await until(lambda: len(world.calls) == 2)
    assert world.source.join_calls([a_want(), a_want(IRELAND)], KEY, low_priority=True)
    world.gate.set()
    await asyncio.gather(ask, other)
    assert world.woken == [(KEY, True)], "by one of them: it looks itself for what it lacks then"


async def test_a_token_that_serves_is_not_waited_for_though_another_is_fetched() -> None:
    world = World()
    token = await world.source.token(OHIO, ANY, KEY)
    world.now += timedelta(minutes=1)
    world.gate.clear()
    newer = wanted(timedelta(hours=6), newer_than=token.issued_at)
    ask = asyncio.create_task(world.source.token(OHIO, newer, KEY))
    await until(lambda: len(world.calls) == 2)
    assert not world.source.join_calls([a_want()], KEY, low_priority=True)
    assert world.source.join_calls([a_want(freshness=newer)], KEY, low_priority=True)
    world.gate.set()
    await ask
