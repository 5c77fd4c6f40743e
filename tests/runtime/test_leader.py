"""Leader election with one shared Lease, and clocks and connections that fail."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from ecr_secret_operator.errors import AlreadyExists, Conflict, Forbidden, Unavailable
from ecr_secret_operator.runtime.leader import LEASE_SECONDS, RENEW_SECONDS, RETRY_SECONDS, Elector
from ecr_secret_operator.runtime.lease import Record
from tests.virtual_time import Background, elapsed, in_virtual_time, running, settle

NEXT_RETRY = RETRY_SECONDS * 1.2 + 0.01


class Store:
    """The Lease as an API server keeps it: versions, and refusal of stale ones."""

    def __init__(self) -> None:
        self.record: Record | None = None
        self.version = 0
        self.writes = 0

    @property
    def holder(self) -> str | None:
        """Who leads by the Lease; None when there is no Lease."""
        return self.record.holder if self.record else None

    def save(self, record: Record) -> Record:
        self.version += 1
        self.writes += 1
        self.record = replace(record, resource_version=str(self.version))
        return self.record


class Access:
    """One candidate's connection to the Lease, which can break."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.down = False
        self.hanging = False
        self.flaky: Callable[[], float] | None = None
        self.attempts: list[float] = []

    async def _reach(self) -> None:
        self.attempts.append(elapsed())
        if self.hanging:
            await asyncio.sleep(1e6)
        if self.flaky:
            await asyncio.sleep(self.flaky())
        if self.down:
            raise Unavailable("the API server does not answer")

    async def read(self) -> Record | None:
        await self._reach()
        return self._store.record

    async def create(self, record: Record) -> Record:
        await self._reach()
        if self._store.record is not None:
            raise AlreadyExists("leases exists", status=409)
        return self._store.save(record)

    async def update(self, record: Record) -> Record:
        await self._reach()
        if self._store.record is None or self._store.record.resource_version != record.resource_version:
            raise Conflict("it was changed", status=409)
        return self._store.save(record)


def a_candidate(store: Store, identity: str = "one", *, wrong_by: timedelta = timedelta(0)) -> tuple[Elector, Access]:
    loop, access = running(), Access(store)

    def clock() -> datetime:
        return loop.now() + wrong_by

    return Elector(access, identity=identity, clock=clock, monotonic=loop.time), access


def leads(elector: Elector) -> bool:
    """Asked again each time: a type checker would take the attribute for what it was before an await."""
    return elector.leading


@in_virtual_time
async def test_the_first_candidate_leads_at_once_and_says_so_in_the_lease() -> None:
    store = Store()
    elector, _ = a_candidate(store)
    assert not leads(elector)
    await elector.acquire()
    assert leads(elector)
    assert elapsed() == 0
    now = running().now()
    assert store.record == Record(
        holder="one", duration=15, acquired_at=now, renewed_at=now, transitions=0, resource_version="1"
    )


@in_virtual_time
async def test_a_leader_renews_as_long_as_it_works_and_keeps_its_time_of_acquisition() -> None:
    store = Store()
    elector, _ = a_candidate(store)
    await elector.acquire()
    assert store.record is not None
    acquired_at = store.record.acquired_at
    async with Background(elector.keep()) as (keeping,):
        await asyncio.sleep(3600)
        assert not keeping.done()
        assert leads(elector)
    assert store.record.acquired_at == acquired_at
    assert store.record.renewed_at > running().now() - timedelta(seconds=3)
    assert store.record.transitions == 0


@in_virtual_time
async def test_a_second_candidate_waits_while_the_first_renews() -> None:
    store = Store()
    first, _ = a_candidate(store, "one")
    second, _ = a_candidate(store, "two")
    await first.acquire()
    async with Background(first.keep(), second.acquire()) as (_, acquiring):
        await asyncio.sleep(3600)
        assert not acquiring.done()
        assert not leads(second)


@in_virtual_time
async def test_a_leader_that_fell_silent_is_followed_after_the_lease_duration() -> None:
    store = Store()
    first, _ = a_candidate(store, "one")
    await first.acquire()
    second, _ = a_candidate(store, "two")
    await second.acquire()
    assert LEASE_SECONDS <= elapsed() <= LEASE_SECONDS + NEXT_RETRY
    assert store.record is not None
    assert (store.record.holder, store.record.transitions) == ("two", 1)
    assert store.record.acquired_at == running().now()


@pytest.mark.parametrize("wrong_by", [timedelta(days=-1), timedelta(hours=1), timedelta(days=365)])
def test_clocks_that_differ_between_nodes_do_no_harm(wrong_by: timedelta) -> None:
    """Silence is measured on our own monotonic clock, never by the times that the Lease names."""

    @in_virtual_time
    async def scenario() -> None:
        store = Store()
        first, _ = a_candidate(store, "one")
        second, _ = a_candidate(store, "two", wrong_by=wrong_by)
        await first.acquire()
        async with Background(first.keep(), second.acquire()) as (keeping, acquiring):
            await asyncio.sleep(600)
            assert not acquiring.done()
            keeping.cancel()
            silent_since = elapsed()
            await acquiring
            assert LEASE_SECONDS - RETRY_SECONDS <= elapsed() - silent_since <= LEASE_SECONDS + 2 * NEXT_RETRY

    scenario()


@in_virtual_time
async def test_a_candidate_that_starts_late_waits_the_whole_duration() -> None:
    """An old record may be of a leader that renewed a moment ago, as far as this candidate knows."""
    store = Store()
    first, _ = a_candidate(store, "one")
    await first.acquire()
    await asyncio.sleep(3600)
    second, _ = a_candidate(store, "two")
    began = elapsed()
    await second.acquire()
    assert elapsed() - began >= LEASE_SECONDS


@in_virtual_time
async def test_a_released_lease_is_taken_within_one_retry_period() -> None:
    store = Store()
    first, _ = a_candidate(store, "one")
    second, _ = a_candidate(store, "two")
    await first.acquire()
    async with Background(second.acquire()) as (acquiring,):
        await asyncio.sleep(5)
        await first.release()
        assert not leads(first)
        assert store.record is not None
        assert (store.record.holder, store.record.duration) == ("", 1), "as client-go releases"
        assert store.record.renewed_at == store.record.acquired_at == first._clock()  # noqa: SLF001 - its own time
        released = elapsed()
        await acquiring
        assert elapsed() - released <= NEXT_RETRY
        assert leads(second)


@in_virtual_time
async def test_releasing_what_one_does_not_hold_changes_nothing() -> None:
    store = Store()
    first, _ = a_candidate(store, "one")
    second, _ = a_candidate(store, "two")
    await second.release()
    assert store.holder is None
    await first.acquire()
    async with Background(second.acquire()):
        await second.release()
        assert store.holder == "one"


@in_virtual_time
async def test_a_leader_that_was_followed_already_does_not_release_its_successors_lease() -> None:
    store = Store()
    first, _ = a_candidate(store, "one")
    await first.acquire()
    second, _ = a_candidate(store, "two")
    await second.acquire()
    await first.release()
    assert store.record is not None
    assert store.record.holder == "two"


@pytest.mark.parametrize("how", ["down", "hanging"])
def test_a_release_that_does_not_work_neither_raises_nor_hangs(how: str) -> None:
    @in_virtual_time
    async def scenario() -> None:
        elector, access = a_candidate(Store())
        await elector.acquire()
        setattr(access, how, True)
        await elector.release()
        assert elapsed() <= RETRY_SECONDS
        assert not leads(elector)

    scenario()


@pytest.mark.parametrize("how", ["down", "hanging"])
def test_a_leader_that_cannot_renew_stops_before_anyone_else_may_start(how: str) -> None:
    @in_virtual_time
    async def scenario() -> None:
        elector, access = a_candidate(Store())
        await elector.acquire()
        async with Background(elector.keep()) as (keeping,):
            await asyncio.sleep(60)
            assert leads(elector)
            last_renewal = access.attempts[-1]
            setattr(access, how, True)
            await keeping
            assert RENEW_SECONDS <= elapsed() - last_renewal < LEASE_SECONDS
            assert not leads(elector)

    scenario()


@in_virtual_time
async def test_one_that_stood_still_past_its_time_knows_before_any_of_it_runs() -> None:
    """The machine slept: the loop's clock stood still with it, and no timer has come yet."""
    slept = 0.0
    loop = running()
    elector = Elector(Access(Store()), identity="one", clock=loop.now, monotonic=lambda: loop.time() + slept)
    assert not elector.holds()
    await elector.acquire()
    assert elector.holds()
    async with Background(elector.keep()):
        await asyncio.sleep(60)
        assert elector.holds(), "it renews"
        slept = RENEW_SECONDS + 0.1
        assert leads(elector)
        assert not elector.holds()
        await asyncio.sleep(2 * RETRY_SECONDS)
        assert elector.holds(), "nobody had followed, and it has renewed"
    assert not elector.holds()


@in_virtual_time
async def test_one_that_has_not_renewed_for_exactly_the_renew_deadline_leads_no_more() -> None:
    slept = 0.0
    loop = running()
    elector = Elector(Access(Store()), identity="one", clock=loop.now, monotonic=lambda: loop.time() + slept)
    await elector.acquire()
    slept = RENEW_SECONDS
    assert not elector.holds()


@in_virtual_time
async def test_one_that_reads_of_another_holder_stops_with_its_next_attempt() -> None:
    store = Store()
    elector, _ = a_candidate(store)
    await elector.acquire()
    async with Background(elector.keep()) as (keeping,):
        await asyncio.sleep(60)
        assert store.record
        store.save(replace(store.record, holder="two"))
        await keeping
        assert elapsed() <= 60 + RETRY_SECONDS
        assert not leads(elector)


@in_virtual_time
async def test_a_leader_goes_on_while_the_api_server_is_slow() -> None:
    """A renewal is a read and a write. Two of them and the pause between them have to fit into the renew deadline."""
    elector, access = a_candidate(Store())
    await elector.acquire()
    access.flaky = lambda: 1.9
    assert 2 * 2 * 1.9 + RETRY_SECONDS < RENEW_SECONDS
    async with Background(elector.keep()) as (keeping,):
        await asyncio.sleep(3600)
        assert not keeping.done()
        assert elector.holds()


@pytest.mark.parametrize("pauses", [(5.0, 0.9), (0.0, 4.9), (4.9,), (0.9, 0.9, 0.9)], ids=str)
def test_however_slowly_renewals_fail_the_leadership_ends_in_time_for_the_next(pauses: tuple[float, ...]) -> None:
    """Each answer takes as long as given before it fails, and the one after the last never comes."""

    @in_virtual_time
    async def scenario() -> None:
        store = Store()
        first, access = a_candidate(store, "one")
        second, _ = a_candidate(store, "two")
        await first.acquire()
        async with Background(first.keep(), second.acquire()) as (keeping, acquiring):
            await asyncio.sleep(2.5)
            last_renewal, left = access.attempts[-1], iter(pauses)
            access.down, access.flaky = True, lambda: next(left, 1e6)
            await keeping
            assert not leads(first)
            assert RENEW_SECONDS <= elapsed() - last_renewal < LEASE_SECONDS
            assert not leads(second)
            await acquiring

    scenario()


@in_virtual_time
async def test_one_that_is_cancelled_leads_no_more() -> None:
    elector, _ = a_candidate(Store())
    await elector.acquire()
    async with Background(elector.keep()):
        assert leads(elector)
    assert not leads(elector)


@in_virtual_time
async def test_a_short_outage_does_not_cost_the_leadership() -> None:
    elector, access = a_candidate(Store())
    await elector.acquire()
    async with Background(elector.keep()) as (keeping,):
        for _ in range(20):
            access.down = True
            await asyncio.sleep(6)
            access.down = False
            await asyncio.sleep(6)
        assert leads(elector)
        assert not keeping.done()


@in_virtual_time
async def test_a_leader_that_was_followed_stops_as_soon_as_it_sees_so() -> None:
    """A paused process wakes up."""
    store = Store()
    first, _ = a_candidate(store, "one")
    await first.acquire()
    second, _ = a_candidate(store, "two")
    await second.acquire()
    woke = elapsed()
    await first.keep()
    assert elapsed() - woke <= RETRY_SECONDS
    assert not leads(first)
    assert leads(second)


@in_virtual_time
async def test_a_lease_that_someone_deleted_is_made_again() -> None:
    store = Store()
    elector, _ = a_candidate(store)
    await elector.acquire()
    async with Background(elector.keep()):
        store.record = None
        await asyncio.sleep(5)
        assert store.holder == "one"
        assert leads(elector)


@in_virtual_time
async def test_a_candidate_without_rights_or_server_keeps_trying_gently() -> None:
    store = Store()
    elector, access = a_candidate(store)
    access.down = True
    async with Background(elector.acquire()) as (acquiring,):
        await asyncio.sleep(600)
        assert not acquiring.done()
        assert 600 / NEXT_RETRY <= len(access.attempts) <= 600 / RETRY_SECONDS + 1
        access.down = False
        await acquiring
        assert leads(elector)


@in_virtual_time
async def test_a_refusal_is_no_crash() -> None:
    class Refusing(Access):
        async def read(self) -> Record | None:
            self.attempts.append(elapsed())
            raise Forbidden("may not read leases", status=403)

    access = Refusing(Store())
    elector = Elector(access, identity="one", clock=running().now, monotonic=running().time)
    async with Background(elector.acquire()) as (acquiring,):
        await asyncio.sleep(60)
        assert not acquiring.done()
        assert len(access.attempts) > 10


@in_virtual_time
async def test_of_many_that_start_together_one_leads() -> None:
    store = Store()
    candidates = [a_candidate(store, f"candidate {number}")[0] for number in range(10)]
    async with Background(*(candidate.acquire() for candidate in candidates)):
        await settle()
        assert sum(leads(candidate) for candidate in candidates) == 1


@pytest.mark.parametrize("seed", range(3))
def test_two_candidates_never_lead_at_the_same_time(seed: int) -> None:
    """An hour of outages, slow answers and restarts: at no moment do two act as leader."""
    dice = random.Random(seed)

    @in_virtual_time
    async def scenario() -> None:
        store = Store()
        leading: dict[str, Elector] = {}
        led: set[str] = set()

        async def live(identity: str) -> None:
            elector, access = a_candidate(store, identity, wrong_by=timedelta(seconds=dice.uniform(-900, 900)))
            leading[identity] = elector
            access.flaky = lambda: dice.choice([0.0, 0.01, 0.9, 4.9])

            async def break_things() -> None:
                while True:
                    await asyncio.sleep(dice.uniform(1, 120))
                    access.down = True
                    await asyncio.sleep(dice.uniform(0.1, 40))
                    access.down = False

            async with Background(break_things()):
                while True:
                    await elector.acquire()
                    led.add(identity)
                    await elector.keep()
                    await asyncio.sleep(dice.uniform(0, 5))

        async with Background(live("one"), live("two"), live("three")):
            for _ in range(3600):
                await asyncio.sleep(1)
                acting = [identity for identity, elector in leading.items() if leads(elector)]
                assert len(acting) <= 1, (elapsed(), acting)
        assert len(led) > 1, "leadership changed hands"

    scenario()


@in_virtual_time
async def test_an_attempt_that_hangs_leaves_time_for_another_before_the_deadline() -> None:
    store = Store()
    elector, access = a_candidate(store)
    await elector.acquire()
    access.hanging = True
    before = len(access.attempts)
    async with Background(elector.keep()) as (keeping,):
        await keeping
    assert len(access.attempts) - before >= 2
    assert elapsed() <= LEASE_SECONDS


@in_virtual_time
async def test_each_kind_of_failure_is_told_with_its_number_in_a_row() -> None:
    told: list[tuple[str, int]] = []
    access = Access(Store())
    loop = running()

    def tell(why: str, failures: int) -> None:
        told.append((why, failures))

    elector = Elector(access, identity="one", clock=loop.now, monotonic=loop.time, on_failure=tell)
    access.down = True
    async with Background(elector.acquire()):
        await settle()
        await asyncio.sleep(NEXT_RETRY)
        access.hanging = True
        await asyncio.sleep(NEXT_RETRY + RENEW_SECONDS / 2)
        access.down = access.hanging = False
        await asyncio.sleep(2 * NEXT_RETRY)
        assert leads(elector)
    down, late = "the API server does not answer", "the API server did not answer in time"
    assert told == [(down, 1), (down, 2), (late, 1)]
