"""When a cluster resource says something: not while its placements are unknown, not too often, and not for nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from ecr_secret_operator.controllers.cluster_secret.reconciler import ClusterSecretReconciler
from ecr_secret_operator.domain.links import LinkedAccount
from ecr_secret_operator.domain.resource import Key, Resource, condition_of
from ecr_secret_operator.domain.status.events import Event
from ecr_secret_operator.domain.status.outcome import READY, Status
from ecr_secret_operator.domain.status.placements import Placements
from ecr_secret_operator.errors import ApiError, Conflict, NotFound, Unavailable
from ecr_secret_operator.runtime.result import AGAIN, DONE, Result
from tests.domain.clusters import WHOLE, a_cluster_resource, placements_of, served
from tests.domain.status.conflicts import taken
from tests.factories import NOW


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


@dataclass
class World:
    """The ports, over a cluster resource that a test changes, and a clock that it sets."""

    resource: Resource = field(default_factory=a_cluster_resource)
    statuses: Mapping[str, Status] = field(default_factory=dict)
    selected: int = 0
    now: datetime = NOW
    there: bool = True
    error: ApiError | None = None
    published: list[tuple[datetime, Status]] = field(default_factory=list)
    recorded: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.reconciler = self.restarted()

    def restarted(self) -> ClusterSecretReconciler:
        self.reconciler = ClusterSecretReconciler(clusters=self, recorder=self, clock=lambda: self.now)
        return self.reconciler

    async def look(self, after: float = 0) -> Result:
        self.now += seconds(after)
        return await self.reconciler.reconcile(WHOLE)

    def select(self, selected: int, **statuses: Status) -> None:
        self.selected, self.statuses = selected, statuses

    def serve(self, *namespaces: str, selected: int | None = None) -> None:
        self.select(len(namespaces) if selected is None else selected, **served(self.resource, *namespaces))

    def placements(self, key: Key) -> Placements | None:
        assert key == WHOLE
        unknown = self.selected - len(self.statuses)
        known = placements_of(self.resource, self.statuses, selected=self.selected, unknown=unknown)
        return known if self.there else None

    async def publish(self, resource: Resource, status: Status) -> None:
        if self.error:
            raise self.error
        self.published.append((self.now, status))
        self.resource = replace(resource, status=status)

    async def record(self, about: Resource | LinkedAccount, events: Sequence[Event]) -> None:
        assert about.key == WHOLE
        assert events
        self.recorded.extend(events)

    def edit(self) -> None:
        """Changes the spec: what the placements said was of another one."""
        self.resource = replace(self.resource, generation=self.resource.generation + 1)
        self.statuses = {}

    @property
    def reasons(self) -> list[str]:
        return [event.reason for event in self.recorded]


async def a_served_world() -> World:
    """One that has said that two namespaces are served, a minute ago."""
    world = World()
    world.serve("a", "b")
    assert await world.look() == DONE
    assert len(world.published) == 1
    world.now += seconds(60)
    return world


async def test_what_all_shares_say_is_published_once() -> None:
    world = await a_served_world()
    assert condition_of(world.resource.status, READY)["status"] == "True"
    assert await world.look(after=5) == DONE
    assert len(world.published) == 1
    assert world.recorded == []


async def test_nothing_is_done_for_one_that_is_gone() -> None:
    world = World(there=False)
    assert await world.look() == DONE
    assert world.published == []


# Not too often


async def test_a_status_changes_once_a_second_at_most() -> None:
    world = await a_served_world()
    published = len(world.published)
    for number in range(50):
        world.serve("a", "b", *(f"n-{one}" for one in range(number)))
        result = await world.look(after=0.1)
        assert result == DONE or world.now < (result.again_at or world.now) <= world.now + seconds(1)
    moments = [moment for moment, _ in world.published[published:]]
    assert 4 <= len(moments) <= 6
    assert all(later - earlier >= seconds(1) for earlier, later in pairwise(moments))


async def test_that_all_are_known_is_said_at_once_where_that_was_waited_for() -> None:
    world = World()
    world.serve("a", selected=3)
    await world.look()
    await world.look(after=1)
    world.serve("a", "b", "c")
    assert await world.look(after=0.1) == DONE
    assert [status["namespaces"]["served"] for _, status in world.published] == [1, 3]


async def test_namespaces_that_come_one_after_the_other_are_told_once_a_second_too() -> None:
    """Each of them is unknown for a moment."""
    world = await a_served_world()
    published, names = len(world.published), ["a", "b"]
    for number in range(50):
        world.serve(*names, selected=len(names) + 1)
        await world.look(after=0.05)
        names.append(f"n-{number}")
        world.serve(*names)
        await world.look(after=0.05)
    assert len(world.published) - published <= 6


async def test_the_last_word_is_said_when_its_time_has_come() -> None:
    world = await a_served_world()
    world.serve("a")
    await world.look()
    world.serve("a", "b", "c")
    result = await world.look(after=0.25)
    assert result == Result(again_at=world.now + seconds(0.75))
    assert await world.look(after=0.75) == DONE
    assert world.resource.status["namespaces"]["selected"] == 3


async def test_a_clock_that_was_set_back_keeps_nothing_from_being_said() -> None:
    world = await a_served_world()
    world.serve("a")
    assert await world.look(after=-3600) == DONE
    assert world.resource.status["namespaces"]["selected"] == 1


async def test_a_write_that_failed_counts_as_one() -> None:
    """Else an API server in trouble would be asked again and again."""
    world = await a_served_world()
    world.serve("a")
    world.error = Unavailable("no answer")
    with pytest.raises(Unavailable):
        await world.look()
    world.error = None
    assert await world.look(after=0.5) == Result(again_at=world.now + seconds(0.5))


# Not while placements are unknown


async def test_a_new_spec_waits_a_second_for_its_shares() -> None:
    world = World()
    world.serve("a", selected=2)
    assert await world.look() == Result(again_at=NOW + seconds(1))
    assert await world.look(after=0.5) == Result(again_at=NOW + seconds(1))
    assert world.published == []
    assert await world.look(after=0.5) == DONE
    assert world.resource.status["namespaces"] == {"selected": 2, "served": 1, "failing": 0}
    assert world.resource.status["phase"] == "Pending"


async def test_a_new_spec_whose_shares_are_quick_is_told_at_once() -> None:
    world = World()
    world.serve("a", selected=2)
    await world.look()
    world.serve("a", "b")
    assert await world.look(after=0.2) == DONE
    assert [status["namespaces"]["served"] for _, status in world.published] == [2]


async def test_after_a_restart_what_is_stored_may_stand_for_half_a_minute() -> None:
    world = await a_served_world()
    world.restarted()
    world.serve("a", selected=2)
    began = world.now
    assert await world.look() == Result(again_at=began + seconds(30))
    assert await world.look(after=29) == Result(again_at=began + seconds(30))
    assert len(world.published) == 1
    assert await world.look(after=1) == DONE
    assert len(world.published) == 2


async def test_a_restart_writes_nothing_when_the_shares_turn_out_as_they_were() -> None:
    world = await a_served_world()
    world.restarted()
    for known in (["a"], ["a", "b"]):
        world.serve(*known, selected=2)
        await world.look(after=0.5)
    assert len(world.published) == 1
    assert world.recorded == []


async def test_the_wait_of_a_restart_is_over_for_later_changes() -> None:
    """Each change of the spec waits a second for its placements, also the first one after a restart."""
    world = await a_served_world()
    world.restarted()
    world.serve("a", selected=2)
    await world.look()
    world.serve("a", "b")
    await world.look(after=1)
    world.edit()
    world.now += seconds(3600)
    assert await world.look() == Result(again_at=world.now + seconds(1))
    assert len(world.published) == 1


async def test_a_share_that_stays_unknown_does_not_hold_back_the_others_for_ever() -> None:
    world = World()
    world.serve("a", selected=3)
    await world.look()
    await world.look(after=1)
    world.serve("a", "b", selected=3)
    assert await world.look(after=1) == DONE
    assert world.resource.status["namespaces"]["served"] == 2


async def test_while_some_stay_unknown_a_status_changes_once_a_second_at_most() -> None:
    world = World()
    world.serve("a", selected=5)
    await world.look()
    assert await world.look(after=1) == DONE
    world.serve("a", "b", selected=5)
    assert await world.look(after=0.25) == Result(again_at=world.now + seconds(0.75))
    assert await world.look(after=0.75) == DONE
    assert [status["namespaces"]["served"] for _, status in world.published] == [1, 2]


async def test_a_new_namespace_is_waited_for_and_told_with_its_secret() -> None:
    world = await a_served_world()
    world.serve("a", "b", selected=3)
    assert await world.look() == Result(again_at=world.now + seconds(1))
    world.serve("a", "b", "c")
    assert await world.look(after=0.1) == DONE
    assert [status["namespaces"]["served"] for _, status in world.published] == [2, 3]


# When it comes and goes


async def test_one_that_comes_again_begins_anew() -> None:
    world = await a_served_world()
    world.serve("a")
    await world.look()
    world.there = False
    assert await world.look(after=1) == DONE
    world.there, world.resource = True, a_cluster_resource(uid="another")
    world.serve("a")
    assert await world.look() == DONE
    assert len(world.published) == 3


@pytest.mark.parametrize(("error", "result"), [(NotFound("gone"), DONE), (Conflict("another one"), AGAIN)])
async def test_of_one_that_went_meanwhile_nothing_is_told(error: ApiError, result: Result) -> None:
    world = World(error=error)
    world.select(1, **taken("a"))
    assert await world.look() == result
    assert world.recorded == [], "there is nothing left to tell it of"


# Events


async def test_a_failure_and_its_end_are_told_once_each() -> None:
    world = await a_served_world()
    for after in (1, 1, 1):
        world.select(2, **{**served(world.resource, "a"), **taken("b")})
        await world.look(after)
    assert world.reasons == ["SecretConflict"]
    world.serve("a", "b")
    for after in (1, 1):
        await world.look(after)
    assert world.reasons == ["SecretConflict", "Recovered"]


async def test_what_could_not_be_published_is_not_told_either() -> None:
    """It is told with the next attempt: events are of what the status says."""
    world = await a_served_world()
    world.select(2, **{**served(world.resource, "a"), **taken("b")})
    world.error = Unavailable("no answer")
    with pytest.raises(Unavailable):
        await world.look()
    assert world.recorded == []
    world.error = None
    await world.look(after=1)
    assert world.reasons == ["SecretConflict"]
