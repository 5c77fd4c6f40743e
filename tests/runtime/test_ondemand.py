"""Watches that run only while something needs them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from ecr_secret_operator.runtime.cache import Cache
from ecr_secret_operator.runtime.ondemand import OnDemand, Sight
from tests.runtime.objects import Thing, name_of
from tests.virtual_time import Background, in_virtual_time, settle


class AWatcher:
    """A watcher that hears what a test sends, and does what a test says."""

    def __init__(self) -> None:
        self.synced = asyncio.Event()
        self.answered = asyncio.Event()
        self.starts = 0
        self.ends = 0
        self.cache: Cache[str, Thing] = Cache(name_of)
        self._inbox: asyncio.Queue[Thing | Exception] = asyncio.Queue()

    async def run(self) -> None:
        self.starts += 1
        try:
            while True:
                item = await self._inbox.get()
                if isinstance(item, Exception):
                    raise item
                self.cache.put(item)
        finally:
            self.ends += 1

    def sees(self) -> None:
        self.synced.set()
        self.answered.set()

    def is_refused(self) -> None:
        self.answered.set()

    def hears(self, item: Thing | Exception) -> None:
        self._inbox.put_nowait(item)


@dataclass
class Setup:
    watchers: dict[str, list[AWatcher]] = field(default_factory=dict)
    settled: list[tuple[str, Sight]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.on_demand: OnDemand[str] = OnDemand(self._make, settled=self._settled)

    def _make(self, need: str) -> AWatcher:
        watcher = AWatcher()
        self.watchers.setdefault(need, []).append(watcher)
        return watcher

    def _settled(self, need: str) -> None:
        self.settled.append((need, self.on_demand.sight(need)))

    def last(self, need: str) -> AWatcher:
        return self.watchers[need][-1]

    async def start(self, *needs: str) -> None:
        for need in needs:
            self.on_demand.start(need)
        await settle()


@in_virtual_time
async def test_nothing_is_watched_before_it_is_needed() -> None:
    setup = Setup()
    async with Background(setup.on_demand.run()):
        assert "a" not in setup.on_demand
        assert setup.on_demand.sight("a") is Sight.NOT_YET
        assert setup.watchers == {}


@in_virtual_time
async def test_a_need_starts_one_watch_however_often_it_is_told() -> None:
    setup = Setup()
    async with Background(setup.on_demand.run()):
        await setup.start("a", "a", "b")
        await setup.start("a")
        assert {need: [one.starts for one in made] for need, made in setup.watchers.items()} == {"a": [1], "b": [1]}
        assert "a" in setup.on_demand
        assert "b" in setup.on_demand


@in_virtual_time
async def test_what_is_known_is_told_once_it_is_known() -> None:
    setup = Setup()
    async with Background(setup.on_demand.run()):
        await setup.start("a")
        assert setup.on_demand.sight("a") is Sight.NOT_YET
        assert setup.settled == []
        setup.last("a").sees()
        assert setup.on_demand.sight("a") is Sight.CLEAR
        await settle()
        assert setup.settled == [("a", Sight.CLEAR)]
        setup.last("a").sees()
        await settle()
        assert setup.settled == [("a", Sight.CLEAR)], "once is enough: what changes later is in the cache"


@in_virtual_time
async def test_a_refusal_is_told_and_so_is_its_end() -> None:
    setup = Setup()
    async with Background(setup.on_demand.run()):
        await setup.start("a")
        setup.last("a").is_refused()
        await settle()
        assert setup.on_demand.sight("a") is Sight.REFUSED
        assert setup.settled == [("a", Sight.REFUSED)]
        setup.last("a").sees()
        await settle()
        assert setup.on_demand.sight("a") is Sight.CLEAR
        assert setup.settled == [("a", Sight.REFUSED), ("a", Sight.CLEAR)]


@in_virtual_time
async def test_each_need_is_seen_for_itself() -> None:
    setup = Setup()
    async with Background(setup.on_demand.run()):
        await setup.start("a", "b", "c")
        setup.last("a").sees()
        setup.last("b").is_refused()
        await settle()
        assert [setup.on_demand.sight(need) for need in "abc"] == [Sight.CLEAR, Sight.REFUSED, Sight.NOT_YET]
        assert {need for need, _ in setup.settled} == {"a", "b"}


@in_virtual_time
async def test_a_need_that_is_over_ends_its_watch_and_no_other() -> None:
    setup = Setup()
    async with Background(setup.on_demand.run()):
        await setup.start("a", "b")
        setup.last("a").sees()
        setup.on_demand.stop("a")
        assert "a" not in setup.on_demand
        assert setup.on_demand.sight("a") is Sight.NOT_YET
        await settle()
        assert (setup.last("a").ends, setup.last("b").ends) == (1, 0)
        assert [need for need, _ in setup.settled] in ([], ["a"])


@in_virtual_time
async def test_one_that_is_over_is_told_of_nothing_more() -> None:
    setup = Setup()
    async with Background(setup.on_demand.run()):
        await setup.start("a")
        setup.on_demand.stop("a")
        setup.last("a").sees()
        await settle()
        assert setup.settled == []


@in_virtual_time
async def test_to_end_what_was_never_begun_is_nothing() -> None:
    setup = Setup()
    async with Background(setup.on_demand.run()):
        setup.on_demand.stop("a")
        setup.on_demand.stop("a")
        assert setup.watchers == {}


@in_virtual_time
async def test_a_need_that_comes_back_is_watched_anew_from_the_beginning() -> None:
    setup = Setup()
    async with Background(setup.on_demand.run()):
        await setup.start("a")
        setup.last("a").sees()
        await settle()
        setup.on_demand.stop("a")
        await setup.start("a")
        first, second = setup.watchers["a"]
        assert (first.ends, second.starts, second.ends) == (1, 1, 0)
        assert setup.on_demand.sight("a") is Sight.NOT_YET, "what the first one saw does not count"
        second.sees()
        await settle()
        assert setup.settled == [("a", Sight.CLEAR)] * 2


@in_virtual_time
async def test_a_watch_that_is_over_takes_nothing_in_any_more() -> None:
    """What is forgotten with the need must not come back by an event that was on its way."""
    setup = Setup()
    async with Background(setup.on_demand.run()):
        await setup.start("a")
        watcher = setup.last("a")
        watcher.sees()
        await settle()
        watcher.hears(Thing("a", 7))
        setup.on_demand.stop("a")
        watcher.cache.forget("a")
        await settle()
        assert watcher.ends == 1
        assert list(watcher.cache) == []


@in_virtual_time
async def test_a_watch_can_be_started_before_anyone_waits_for_crashes() -> None:
    """Resources are listed, and their needs known, while the parts of the operator are still being started."""
    setup = Setup()
    await setup.start("a")
    setup.last("a").hears(ZeroDivisionError("a bug"))
    await settle()
    with pytest.raises(ZeroDivisionError):
        await setup.on_demand.run()


@pytest.mark.parametrize("state", ["new", "refused", "clear"])
def test_a_crash_of_a_watch_is_raised_and_ends_the_others(state: str) -> None:
    @in_virtual_time
    async def crash() -> None:
        setup = Setup()
        running = asyncio.create_task(setup.on_demand.run())
        await setup.start("a", "b")
        if state == "refused":
            setup.last("a").is_refused()
        if state == "clear":
            setup.last("a").sees()
        await settle()
        assert not running.done()
        setup.last("a").hears(ZeroDivisionError("a bug"))
        with pytest.raises(ZeroDivisionError, match="a bug"):
            await running
        await settle()
        assert setup.last("b").ends == 1

    crash()


@in_virtual_time
async def test_a_bug_in_what_is_told_is_raised_too() -> None:
    def fails(_need: str) -> None:
        raise ZeroDivisionError("a bug")

    watcher = AWatcher()
    on_demand: OnDemand[str] = OnDemand(lambda _need: watcher, settled=fails)
    running = asyncio.create_task(on_demand.run())
    on_demand.start("a")
    await settle()
    watcher.sees()
    with pytest.raises(ZeroDivisionError):
        await running
    assert watcher.ends == 1


@in_virtual_time
async def test_an_end_of_the_whole_ends_every_watch() -> None:
    setup = Setup()
    running = asyncio.create_task(setup.on_demand.run())
    await setup.start("a", "b")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await settle()
    assert [setup.last(need).ends for need in "ab"] == [1, 1]
    assert "a" not in setup.on_demand


@in_virtual_time
async def test_the_end_of_a_need_is_no_crash() -> None:
    setup = Setup()
    async with Background(setup.on_demand.run()) as (running,):
        await setup.start("a", "b")
        setup.on_demand.stop("a")
        await settle()
        assert not running.done()
