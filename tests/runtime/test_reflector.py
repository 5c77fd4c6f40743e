from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from ecr_secret_operator.errors import ApiError, Expired, Forbidden, Unauthorized, Unavailable
from ecr_secret_operator.runtime.cache import Cache
from ecr_secret_operator.runtime.reflector import Reflector
from ecr_secret_operator.runtime.watching import EventType, Listing, WatchEvent
from tests.runtime.objects import Thing, name_of
from tests.virtual_time import Background, elapsed, in_virtual_time, running, settle

SILENCE, RELIST = 75.0, 600.0
End = Exception | None


class Server:
    """What an API server does with one collection: a list, a watch since a version, and ways to break both."""

    name = "things"

    def __init__(self, *things: Thing) -> None:
        self.things = {thing.name: thing for thing in things}
        self.version = max((thing.version for thing in things), default=1)
        self.list_errors: list[Exception] = []
        self.lists: list[float] = []
        self.watches: list[tuple[float, str]] = []
        self.closed = 0
        self._reflectors: list[asyncio.Queue[WatchEvent[Thing] | End]] = []

    def covers(self, thing: Thing) -> bool:
        return thing.place == "here"

    async def list(self) -> Listing[Thing]:
        self.lists.append(elapsed())
        await asyncio.sleep(0)
        if self.list_errors:
            raise self.list_errors.pop(0)
        return Listing(list(self.things.values()), str(self.version))

    async def watch(self, resource_version: str) -> AsyncGenerator[WatchEvent[Thing], None]:
        self.watches.append((elapsed(), resource_version))
        events: asyncio.Queue[WatchEvent[Thing] | End] = asyncio.Queue()
        self._reflectors.append(events)
        try:
            while True:
                event = await events.get()
                if event is None:
                    return
                if isinstance(event, Exception):
                    raise event
                yield event
        finally:
            self._reflectors.remove(events)
            self.closed += 1

    def put(self, name: str) -> Thing:
        self.version += 1
        thing = self.things[name] = Thing(name, self.version)
        self.send(WatchEvent(EventType.STORED, str(self.version), thing))
        return thing

    def delete(self, name: str) -> None:
        self.version += 1
        self.things.pop(name)
        self.send(WatchEvent(EventType.DELETED, str(self.version), Thing(name, self.version)))

    def bookmark(self) -> None:
        self.send(WatchEvent(EventType.BOOKMARK, str(self.version)))

    def lose(self, change: Callable[[], object]) -> None:
        """A change that the watch does not tell of."""
        reflectors, self._reflectors = self._reflectors, []
        change()
        self._reflectors = reflectors

    def send(self, event: WatchEvent[Thing] | End) -> None:
        for events in self._reflectors:
            events.put_nowait(event)


@dataclass
class Told:
    ends: list[str] = field(default_factory=list)
    failures: list[int] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    silences: int = 0

    def watch_silent(self, source: str) -> None:
        assert source == "things"
        self.silences += 1

    def watch_ended(self, source: str, why: str, failures: int) -> None:
        assert source == "things"
        self.ends.append(why)
        self.failures.append(failures)

    def listed(self, source: str, count: int) -> None:
        assert source == "things"
        self.counts.append(count)


class Setup:
    def __init__(self, *things: Thing) -> None:
        self.server = Server(*things)
        self.cache: Cache[str, Thing] = Cache(name_of)
        self.told = Told()
        self.reflector = Reflector(self.server, self.cache, self.told, silence=SILENCE, relist=RELIST)

    @property
    def names(self) -> set[str]:
        return {thing.name for thing in self.cache}


@in_virtual_time
async def test_it_lists_first_and_says_when_the_cache_is_filled() -> None:
    setup = Setup(Thing("a", 3), Thing("b", 4))
    assert not setup.reflector.synced.is_set()
    async with Background(setup.reflector.run()):
        assert setup.reflector.synced.is_set()
        assert setup.names == {"a", "b"}
        assert setup.told.counts == [2]
        assert setup.server.watches == [(0, "4")]


@in_virtual_time
async def test_it_follows_what_is_stored_and_deleted() -> None:
    setup = Setup(Thing("a", 3))
    async with Background(setup.reflector.run()):
        setup.server.put("b")
        await settle()
        assert setup.names == {"a", "b"}
        newer = setup.server.put("a")
        setup.server.delete("b")
        await settle()
        assert list(setup.cache) == [newer]
        assert len(setup.server.lists) == 1


@in_virtual_time
async def test_a_watch_that_the_server_ends_goes_on_where_it_was_without_a_list() -> None:
    setup = Setup(Thing("a", 3))
    async with Background(setup.reflector.run()):
        await asyncio.sleep(20)
        setup.server.put("b")
        setup.server.version = 9
        setup.server.bookmark()
        setup.server.send(None)
        await asyncio.sleep(5)
        assert [version for _, version in setup.server.watches] == ["3", "9"]
        setup.server.put("c")
        await settle()
        assert setup.names == {"a", "b", "c"}
        assert len(setup.server.lists) == 1
        assert setup.told.ends == [], "the server's time-out is nothing to tell"


@in_virtual_time
async def test_an_expired_version_lists_again_and_misses_nothing() -> None:
    setup = Setup(Thing("a", 3), Thing("b", 4))
    async with Background(setup.reflector.run()):
        setup.server.lose(lambda: setup.server.delete("a"))
        setup.server.lose(lambda: setup.server.put("c"))
        setup.server.send(Expired("too old", status=410))
        await asyncio.sleep(5)
        assert setup.names == {"b", "c"}
        assert len(setup.server.lists) == 2
        assert setup.server.watches[-1][1] == str(setup.server.version)
        assert setup.told.ends == ["its resource version had expired"]


@pytest.mark.parametrize(
    "error", [Unavailable("the API server does not answer"), Forbidden("not allowed"), ApiError("500")]
)
def test_an_error_backs_off_then_lists_again(error: ApiError) -> None:
    @in_virtual_time
    async def scenario() -> None:
        setup = Setup(Thing("a", 3))
        async with Background(setup.reflector.run()):
            setup.server.send(error)
            await settle()
            assert len(setup.server.lists) == 1, "not at once"
            await asyncio.sleep(1)
            assert len(setup.server.lists) == 2
            setup.server.put("b")
            await settle()
            assert setup.names == {"a", "b"}
            assert setup.told.ends == [str(error)]

    scenario()


@in_virtual_time
async def test_while_the_server_is_down_it_is_asked_gently_and_found_again() -> None:
    setup = Setup(Thing("a", 3))
    setup.server.list_errors = [Unavailable("down") for _ in range(20)]
    async with Background(setup.reflector.run()):
        assert not setup.reflector.synced.is_set()
        await asyncio.sleep(3600)
        gaps = [later - earlier for earlier, later in pairwise(setup.server.lists)]
        assert max(gaps[:20]) <= 15.01
        assert min(gaps) >= 0.1 - 1e-6
        assert setup.told.failures[:20] == list(range(1, 21))
        assert setup.reflector.synced.is_set()
        assert setup.names == {"a"}


class Rude(Server):
    """Ends each watch a moment after it began, perhaps with an event before."""

    def __init__(self, last: End, said: list[WatchEvent[Thing]]) -> None:
        super().__init__(Thing("a", 3))
        self.last = last
        self.said = said

    async def watch(self, resource_version: str) -> AsyncGenerator[WatchEvent[Thing], None]:
        self.watches.append((elapsed(), resource_version))
        await asyncio.sleep(0.01)
        for event in self.said:
            yield event
        if self.last:
            raise self.last


@pytest.mark.parametrize("said", [[], [WatchEvent(EventType.BOOKMARK, "3")]], ids=["silent", "bookmark"])
@pytest.mark.parametrize("last", [None, Expired("too old", status=410)], ids=["ended", "expired"])
def test_watches_that_end_as_soon_as_they_begin_are_no_hot_loop(last: End, said: list[WatchEvent[Thing]]) -> None:
    @in_virtual_time
    async def scenario() -> None:
        setup = Setup()
        setup.server = Rude(last, said)
        setup.reflector = Reflector(setup.server, setup.cache, setup.told)
        async with Background(setup.reflector.run()):
            await asyncio.sleep(3600)
            assert 240 <= len(setup.server.watches) <= 900
            assert len(setup.server.lists) == len(setup.server.watches)
            assert setup.names == {"a"}

    scenario()


@in_virtual_time
async def test_an_event_ends_the_row_of_failures() -> None:
    setup = Setup(Thing("a", 3))
    async with Background(setup.reflector.run()):
        for heard in (False, False, True):
            if heard:
                setup.server.put("b")
            setup.server.send(Unavailable("down"))
            await asyncio.sleep(3)
        assert setup.told.failures == [1, 2, 1]


@in_virtual_time
async def test_refused_credentials_say_nothing_of_the_cluster_and_are_told_at_once() -> None:
    setup = Setup(Thing("a", 3))
    refused = [Unauthorized("Unauthorized", status=401) for _ in range(3)]
    setup.server.list_errors = [Unavailable("down"), *refused, Forbidden("not yours", status=403)]
    started = running().time()

    def state() -> tuple[bool, bool, bool]:
        reflector = setup.reflector
        return reflector.unauthorized, reflector.answered.is_set(), reflector.last_heard > started

    async def failed(times: int) -> None:
        for _ in range(1000):
            if len(setup.told.failures) < times:
                await asyncio.sleep(0.05)

    async with Background(setup.reflector.run()):
        await failed(4)
        assert setup.told.failures == [1, 1, 2, 3], "another failure is a new one to tell of"
        assert state() == (True, False, False)
        await failed(5)
        assert state() == (False, True, True)


@in_virtual_time
async def test_it_waits_as_long_as_the_server_asks() -> None:
    setup = Setup(Thing("a", 3))
    setup.server.list_errors = [Unavailable("slow down", status=429, retry_after=30.0)]
    async with Background(setup.reflector.run()):
        await asyncio.sleep(60)
        assert setup.server.lists == pytest.approx([0, 30])


@pytest.mark.parametrize("error", [Unavailable("down"), TimeoutError()])
def test_a_server_that_asks_for_nothing_is_asked_again_soon(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ecr_secret_operator.runtime.reflector.random.random", lambda: 0.0)

    @in_virtual_time
    async def scenario() -> None:
        setup = Setup(Thing("a", 3))
        setup.server.list_errors = [error]
        async with Background(setup.reflector.run()):
            await asyncio.sleep(5)
            assert setup.server.lists == pytest.approx([0, 0.1])

    scenario()


@in_virtual_time
async def test_the_cache_keeps_what_it_has_while_the_server_is_down() -> None:
    setup = Setup(Thing("a", 3))
    async with Background(setup.reflector.run()):
        setup.server.list_errors = [Unavailable("down") for _ in range(10)]
        setup.server.send(Unavailable("down"))
        await asyncio.sleep(2)
        assert setup.names == {"a"}
        assert setup.reflector.synced.is_set()


@in_virtual_time
async def test_a_watch_on_which_nothing_comes_is_taken_for_dead() -> None:
    """A server that was stopped keeps its connections: only our own clock notices."""
    setup = Setup(Thing("a", 3))
    async with Background(setup.reflector.run()):
        setup.server.lose(lambda: setup.server.put("b"))
        await asyncio.sleep(SILENCE - 1)
        assert setup.names == {"a"}
        await asyncio.sleep(3)
        assert setup.names == {"a", "b"}
        assert (setup.told.silences, setup.told.ends) == (1, [])
        assert setup.server.closed == 1, "the dead watch is closed"


@in_virtual_time
async def test_bookmarks_keep_a_watch_alive() -> None:
    setup = Setup(Thing("a", 3))
    async with Background(setup.reflector.run()):
        for _ in range(8):
            await asyncio.sleep(60)
            setup.server.bookmark()
        await settle()
        assert len(setup.server.lists) == 1
        assert setup.told.ends == []
        assert setup.reflector.last_heard == pytest.approx(running().time())


@in_virtual_time
async def test_every_ten_minutes_all_is_listed_anew_whatever_the_watch_says() -> None:
    setup = Setup(Thing("a", 3), Thing("b", 4))
    async with Background(setup.reflector.run()):
        setup.server.lose(lambda: setup.server.delete("b"))
        for _ in range(31):
            await asyncio.sleep(60)
            setup.server.bookmark()
        assert setup.server.lists == pytest.approx([0, 600, 1200, 1800], abs=2)
        assert setup.names == {"a"}
        assert setup.told.ends == []


@in_virtual_time
async def test_a_list_that_never_answers_is_given_up() -> None:
    setup = Setup(Thing("a", 3))
    asked = 0
    answer = setup.server.list

    async def hang_once() -> Listing[Thing]:
        nonlocal asked
        asked += 1
        if asked == 1:
            await asyncio.sleep(1e9)
        return await answer()

    setup.server.list = hang_once  # type: ignore[method-assign]
    async with Background(setup.reflector.run()):
        await asyncio.sleep(RELIST + 2)
        assert setup.names == {"a"}


@in_virtual_time
async def test_what_is_outside_of_the_source_is_not_taken_by_its_lists() -> None:
    setup = Setup(Thing("a", 3))
    setup.cache.put(Thing("elsewhere", 1, place="there"))
    async with Background(setup.reflector.run()):
        assert setup.names == {"a", "elsewhere"}


@in_virtual_time
async def test_a_cancelled_reflector_closes_its_watch() -> None:
    setup = Setup(Thing("a", 3))
    async with Background(setup.reflector.run()) as (task,):
        task.cancel()
        await settle()
        assert setup.server.closed == 1


@in_virtual_time
async def test_a_bug_is_not_mistaken_for_an_unavailable_server() -> None:
    setup = Setup(Thing("a", 3))
    setup.server.list_errors = [ZeroDivisionError("a bug")]
    with pytest.raises(ZeroDivisionError):
        await setup.reflector.run()
