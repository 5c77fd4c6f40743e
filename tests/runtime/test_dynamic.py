"""Watches that run only while something needs them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from ecr_secret_operator.runtime.cache import Cache
from ecr_secret_operator.runtime.dynamic import DynamicInformers, SyncState
from ecr_secret_operator.runtime.parts import PartEnded
from tests.runtime.objects import Thing, name_of
from tests.virtual_time import Background, in_virtual_time, settle


class AReflector:
    """A reflector that hears what a test sends, and does what a test says."""

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
    reflectors: dict[str, list[AReflector]] = field(default_factory=dict)
    settled: list[tuple[str, SyncState]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dynamic: DynamicInformers[str] = DynamicInformers(self._make, settled=self._settled)

    def _make(self, need: str) -> AReflector:
        reflector = AReflector()
        self.reflectors.setdefault(need, []).append(reflector)
        return reflector

    def _settled(self, need: str) -> None:
        self.settled.append((need, self.dynamic.state(need)))

    def last(self, need: str) -> AReflector:
        return self.reflectors[need][-1]

    async def start(self, *needs: str) -> None:
        for need in needs:
            self.dynamic.start(need)
        await settle()


@in_virtual_time
async def test_nothing_is_watched_before_it_is_needed() -> None:
    setup = Setup()
    async with Background(setup.dynamic.run()):
        assert "a" not in setup.dynamic
        assert setup.dynamic.state("a") is SyncState.PENDING
        assert setup.reflectors == {}


@in_virtual_time
async def test_a_need_starts_one_watch_however_often_it_is_told() -> None:
    setup = Setup()
    async with Background(setup.dynamic.run()):
        await setup.start("a", "a", "b")
        await setup.start("a")
        assert {need: [one.starts for one in made] for need, made in setup.reflectors.items()} == {"a": [1], "b": [1]}
        assert "a" in setup.dynamic
        assert "b" in setup.dynamic


@in_virtual_time
async def test_what_is_known_is_told_once_it_is_known() -> None:
    setup = Setup()
    async with Background(setup.dynamic.run()):
        await setup.start("a")
        assert setup.dynamic.state("a") is SyncState.PENDING
        assert setup.settled == []
        setup.last("a").sees()
        assert setup.dynamic.state("a") is SyncState.SYNCED
        await settle()
        assert setup.settled == [("a", SyncState.SYNCED)]
        setup.last("a").sees()
        await settle()
        assert setup.settled == [("a", SyncState.SYNCED)], "once is enough: what changes later is in the cache"


@in_virtual_time
async def test_a_refusal_is_told_and_so_is_its_end() -> None:
    setup = Setup()
    async with Background(setup.dynamic.run()):
        await setup.start("a")
        setup.last("a").is_refused()
        await settle()
        assert setup.dynamic.state("a") is SyncState.FORBIDDEN
        assert setup.settled == [("a", SyncState.FORBIDDEN)]
        setup.last("a").sees()
        await settle()
        assert setup.dynamic.state("a") is SyncState.SYNCED
        assert setup.settled == [("a", SyncState.FORBIDDEN), ("a", SyncState.SYNCED)]


@in_virtual_time
async def test_each_need_is_seen_for_itself() -> None:
    setup = Setup()
    async with Background(setup.dynamic.run()):
        await setup.start("a", "b", "c")
        setup.last("a").sees()
        setup.last("b").is_refused()
        await settle()
        assert [setup.dynamic.state(need) for need in "abc"] == [
            SyncState.SYNCED,
            SyncState.FORBIDDEN,
            SyncState.PENDING,
        ]
        assert {need for need, _ in setup.settled} == {"a", "b"}


@in_virtual_time
async def test_a_need_that_is_over_ends_its_watch_and_no_other() -> None:
    setup = Setup()
    async with Background(setup.dynamic.run()):
        await setup.start("a", "b")
        setup.last("a").sees()
        setup.dynamic.stop("a")
        assert "a" not in setup.dynamic
        assert setup.dynamic.state("a") is SyncState.PENDING
        await settle()
        assert (setup.last("a").ends, setup.last("b").ends) == (1, 0)
        assert [need for need, _ in setup.settled] in ([], ["a"])


@in_virtual_time
async def test_one_that_is_over_is_told_of_nothing_more() -> None:
    setup = Setup()
    async with Background(setup.dynamic.run()):
        await setup.start("a")
        setup.dynamic.stop("a")
        setup.last("a").sees()
        await settle()
        assert setup.settled == []


@in_virtual_time
async def test_to_end_what_was_never_begun_is_nothing() -> None:
    setup = Setup()
    async with Background(setup.dynamic.run()):
        setup.dynamic.stop("a")
        setup.dynamic.stop("a")
        assert setup.reflectors == {}


@in_virtual_time
async def test_a_need_that_comes_back_is_watched_anew_from_the_beginning() -> None:
    setup = Setup()
    async with Background(setup.dynamic.run()):
        await setup.start("a")
        setup.last("a").sees()
        await settle()
        setup.dynamic.stop("a")
        await setup.start("a")
        first, second = setup.reflectors["a"]
        assert (first.ends, second.starts, second.ends) == (1, 1, 0)
        assert setup.dynamic.state("a") is SyncState.PENDING, "what the first one saw does not count"
        second.sees()
        await settle()
        assert setup.settled == [("a", SyncState.SYNCED)] * 2


@in_virtual_time
async def test_a_watch_that_is_over_takes_nothing_in_any_more() -> None:
    """What is forgotten with the need must not come back by an event that was on its way."""
    setup = Setup()
    async with Background(setup.dynamic.run()):
        await setup.start("a")
        reflector = setup.last("a")
        reflector.sees()
        await settle()
        reflector.hears(Thing("a", 7))
        setup.dynamic.stop("a")
        reflector.cache.forget("a")
        await settle()
        assert reflector.ends == 1
        assert list(reflector.cache) == []


@in_virtual_time
async def test_a_watch_can_be_started_before_anyone_waits_for_crashes() -> None:
    """Resources are listed, and their needs known, while the parts of the operator are still being started."""
    setup = Setup()
    await setup.start("a")
    setup.last("a").hears(ZeroDivisionError("a bug"))
    await settle()
    with pytest.raises(ZeroDivisionError):
        await setup.dynamic.run()


@pytest.mark.parametrize("state", ["new", "refused", "clear"])
def test_a_crash_of_a_watch_is_raised_and_ends_the_others(state: str) -> None:
    @in_virtual_time
    async def crash() -> None:
        setup = Setup()
        running = asyncio.create_task(setup.dynamic.run())
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


@pytest.mark.parametrize("place", [0, 1])
def test_a_watch_that_ends_without_an_error_is_noticed(place: int) -> None:
    @in_virtual_time
    async def end() -> None:
        setup = Setup()
        running = asyncio.create_task(setup.dynamic.run())
        await setup.start("a", "b")
        need = "ab"[place]
        next(task for task in asyncio.all_tasks() if task.get_name() == f"watch {need}").cancel()
        with pytest.raises(PartEnded, match=f"task 'watch {need}' ended"):
            await running
        await settle()
        assert [setup.last(one).ends for one in "ab"] == [1, 1]

    end()


@in_virtual_time
async def test_a_bug_in_what_is_told_is_raised_too() -> None:
    def fails(_need: str) -> None:
        raise ZeroDivisionError("a bug")

    reflector = AReflector()
    dynamic: DynamicInformers[str] = DynamicInformers(lambda _need: reflector, settled=fails)
    running = asyncio.create_task(dynamic.run())
    dynamic.start("a")
    await settle()
    reflector.sees()
    with pytest.raises(ZeroDivisionError):
        await running
    assert reflector.ends == 1


@in_virtual_time
async def test_an_end_of_the_whole_ends_every_watch() -> None:
    setup = Setup()
    running = asyncio.create_task(setup.dynamic.run())
    await setup.start("a", "b")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await settle()
    assert [setup.last(need).ends for need in "ab"] == [1, 1]
    assert "a" not in setup.dynamic


@in_virtual_time
async def test_the_end_of_a_need_is_no_crash() -> None:
    setup = Setup()
    async with Background(setup.dynamic.run()) as (running,):
        await setup.start("a", "b")
        setup.dynamic.stop("a")
        await settle()
        assert not running.done()
