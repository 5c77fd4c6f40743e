"""Promise 5: AWS is asked once for each scope and window, however many ask, and gently while it fails."""

from __future__ import annotations

import asyncio
import gc
import threading
from datetime import timedelta

import pytest

from ecr_secret_operator.aws import source as module
from ecr_secret_operator.domain.tokens.schedule import wanted
from ecr_secret_operator.errors import TokenError
from ecr_secret_operator.reasons import Reason
from tests.aws.sources import ANY, IRELAND, KEY, OHIO, World, refusal, until
from tests.factories import NOW


async def test_a_hundred_that_ask_together_share_one_call() -> None:
    world = World()
    world.gate.clear()
    asks = [asyncio.create_task(world.source.token(OHIO, ANY, KEY)) for _ in range(100)]
    await until(lambda: bool(world.calls))
    world.gate.set()
    tokens = await asyncio.gather(*asks)
    assert len(world.calls) == 1
    assert set(tokens) == {tokens[0]}
    assert world.told == [(OHIO, None)]


async def test_a_hundred_that_ask_together_share_one_failure_and_its_time() -> None:
    world = World()
    world.fails(Reason.AWS_ACCESS_DENIED, "AWS refused it")
    results = await asyncio.gather(*(world.source.token(OHIO, ANY, KEY) for _ in range(100)), return_exceptions=True)
    assert len(world.calls) == 1
    assert {str(result) for result in results} == {"AWS refused it"}
    assert len({result.retry_at for result in results if isinstance(result, TokenError)}) == 1
    assert len({id(result) for result in results}) == 100, "a traceback that is shared grows with each that raises it"


async def test_a_young_token_serves_the_next_ones_without_a_call() -> None:
    world = World()
    first = await world.source.token(OHIO, ANY, KEY)
    world.now += timedelta(hours=1)
    assert await world.source.token(OHIO, ANY, KEY) == first
    assert len(world.calls) == 1


async def test_an_old_token_does_not() -> None:
    world = World()
    first = await world.source.token(OHIO, ANY, KEY)
    world.now += timedelta(hours=2)
    assert await world.source.token(OHIO, ANY, KEY) != first
    assert len(world.calls) == 2


async def test_who_has_the_cached_token_already_gets_a_newer_one() -> None:
    world = World()
    first = await world.source.token(OHIO, ANY, KEY)
    world.now += timedelta(minutes=1)
    newer = await world.source.token(OHIO, wanted(timedelta(minutes=1), newer_than=first.issued_at), KEY)
    assert newer.issued_at > first.issued_at
    assert len(world.calls) == 2


async def test_however_often_one_asks_aws_is_asked_once_in_five_seconds() -> None:
    world = World()
    last = None
    for _ in range(100):
        token = await world.source.token(OHIO, wanted(timedelta(minutes=1), newer_than=last), KEY)
        last = token.issued_at
        world.now += timedelta(seconds=0.1)
    assert len(world.calls) <= 3


async def test_scopes_have_tokens_calls_and_failures_of_their_own() -> None:
    world = World()
    here, there = await asyncio.gather(world.source.token(OHIO, ANY, KEY), world.source.token(IRELAND, ANY, KEY))
    assert here != there
    assert set(world.calls) == {OHIO, IRELAND}
    world.now += timedelta(hours=2)
    world.fails()
    await refusal(world, IRELAND)
    world.error = None
    assert await world.source.token(OHIO, ANY, KEY) != here


async def test_while_a_scope_backs_off_aws_is_not_asked() -> None:
    world = World()
    world.fails()
    error = await refusal(world)
    assert error.reason is Reason.AWS_UNAVAILABLE
    assert error.retry_at is not None
    assert NOW + timedelta(seconds=0.5) <= error.retry_at <= NOW + timedelta(seconds=1)
    for _ in range(50):
        again = await refusal(world)
        assert (str(again), again.reason, again.retry_at) == (str(error), error.reason, error.retry_at)
    assert len(world.calls) == 1
    world.now = error.retry_at
    await refusal(world)
    assert len(world.calls) == 2


async def test_a_clock_that_is_set_back_does_not_prolong_a_back_off() -> None:
    """As a node's is that starts with a wrong one: AWS refused what was signed with it."""
    world = World()
    world.fails(Reason.IDENTITY_UNAVAILABLE)
    await refusal(world)
    world.now -= timedelta(hours=5)
    world.error = None
    await world.source.token(OHIO, ANY, KEY)
    assert len(world.calls) == 2


async def test_a_lasting_failure_is_asked_twice_a_minute_at_least_and_an_hour_costs_few_calls() -> None:
    """Twenty resources made 240 calls in 15 s with the Go operator."""
    world = World()
    world.fails(Reason.AWS_ACCESS_DENIED)
    while world.now < NOW + timedelta(hours=1):
        error = await refusal(world)
        assert error.retry_at is not None
        assert timedelta(seconds=0.5) <= error.retry_at - world.now <= timedelta(seconds=30)
        world.now = error.retry_at
    assert 120 <= len(world.calls) <= 600


async def test_when_aws_is_back_the_next_one_that_asks_is_served_and_the_back_off_starts_over() -> None:
    world = World()
    world.fails()
    for _ in range(8):
        error = await refusal(world)
        world.now = error.retry_at or world.now
    world.error = None
    token = await world.source.token(OHIO, ANY, KEY)
    assert token.issued_at == world.now
    world.now += timedelta(hours=2)
    world.fails()
    error = await refusal(world)
    assert error.retry_at is not None
    assert error.retry_at - world.now <= timedelta(seconds=1)


async def test_a_cached_token_serves_even_while_aws_fails() -> None:
    world = World()
    token = await world.source.token(OHIO, ANY, KEY)
    world.now += timedelta(minutes=30)
    world.fails()
    with pytest.raises(TokenError):
        await world.source.token(OHIO, wanted(timedelta(hours=6), newer_than=token.issued_at), KEY)
    assert await world.source.token(OHIO, ANY, KEY) == token


async def test_one_that_stops_waiting_does_not_end_the_call_for_the_others() -> None:
    world = World()
    world.gate.clear()
    first, second = (asyncio.create_task(world.source.token(OHIO, ANY, KEY)) for _ in range(2))
    await until(lambda: bool(world.calls))
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    world.gate.set()
    assert (await second).issued_at == NOW
    assert len(world.calls) == 1


async def test_a_call_that_everyone_left_still_fills_the_cache() -> None:
    world = World()
    world.gate.clear()
    ask = asyncio.create_task(world.source.token(OHIO, ANY, KEY))
    await until(lambda: bool(world.calls))
    ask.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ask
    world.gate.set()
    await until(lambda: bool(world.told))
    await world.source.token(OHIO, ANY, KEY)
    assert len(world.calls) == 1


async def test_a_call_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CALL_SECONDS", 0.03)
    world = World()
    world.gate.clear()
    error = await refusal(world)
    assert (str(error), error.reason) == ("ECR in us-east-2 did not answer in time", Reason.AWS_UNAVAILABLE)
    assert error.retry_at is not None
    ((_, told),) = world.told
    assert told is not None
    assert str(told) == str(error)
    world.gate.set()
    monkeypatch.setattr(module, "CALL_SECONDS", 60)  # a busy machine takes longer than before for any call
    world.now = error.retry_at
    assert (await world.source.token(OHIO, ANY, KEY)).issued_at == world.now, "the late answer of the first is not used"


async def test_the_observer_hears_of_calls_and_not_of_refusals_without_one() -> None:
    world = World()
    world.fails()
    await refusal(world)
    await refusal(world)
    assert [(scope, str(failure)) for scope, failure in world.told] == [(OHIO, "AWS is down")]


async def test_a_bug_in_the_call_reaches_whoever_asked_and_the_next_ask_calls_again() -> None:
    world = World()
    world.error = ZeroDivisionError("a bug")
    with pytest.raises(ZeroDivisionError):
        await world.source.token(OHIO, ANY, KEY)
    assert world.told == [], "neither a success nor a failure of AWS"
    world.error = None
    assert (await world.source.token(OHIO, ANY, KEY)).issued_at == NOW


async def test_a_call_that_is_cancelled_is_told_as_nothing() -> None:
    world = World()
    world.gate.clear()
    ask = asyncio.create_task(world.source.token(OHIO, ANY, KEY))
    await until(lambda: bool(world.calls))
    (call,) = (task for task in asyncio.all_tasks() if task.get_name() == f"token {OHIO}")
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ask
    world.gate.set()
    assert world.told == []
    assert (await world.source.token(OHIO, ANY, KEY)).issued_at == NOW


async def test_it_works_again_after_the_loop_that_asked_is_gone() -> None:
    """The process ends while AWS hangs: the thread finds nobody to tell, and says nothing."""
    world = World()
    world.gate.clear()
    threads = set(threading.enumerate())

    def in_another_loop() -> None:
        async def ask() -> None:
            async with asyncio.timeout(0.02):
                await world.source.token(OHIO, ANY, KEY)

        with pytest.raises(TimeoutError):
            asyncio.run(ask())

    await asyncio.to_thread(in_another_loop)
    started = [thread for thread in set(threading.enumerate()) - threads if thread.name == "aws"]
    world.gate.set()
    for thread in started:
        thread.join(5)
        assert not thread.is_alive()


async def test_the_failure_of_a_call_for_which_none_waits_any_more_is_no_error_of_the_loop() -> None:
    """It is remembered for those that come later."""
    errors: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: errors.append(context))
    world = World()
    world.fails(Reason.AWS_UNAVAILABLE, "AWS cannot be reached")
    world.gate.clear()
    waiting = asyncio.create_task(world.source.token(OHIO, ANY, KEY))
    await until(lambda: bool(world.calls))
    waiting.cancel()
    await asyncio.wait([waiting])
    world.gate.set()
    await until(lambda: bool(world.told))
    await asyncio.sleep(0)
    gc.collect()
    assert errors == []
    with pytest.raises(TokenError, match="AWS cannot be reached"):
        await world.source.token(OHIO, ANY, KEY)
    assert len(world.calls) == 1
