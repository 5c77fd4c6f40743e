"""Cluster resources one namespace at a time: which placements there are, what wakes them, and what is known of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ecr_secret_operator.api.selectors import NamespaceLabels
from ecr_secret_operator.domain.resource import InvalidSpec, Key, Resource
from ecr_secret_operator.domain.status.outcome import Status
from ecr_secret_operator.domain.status.placements import Placements, first_status
from ecr_secret_operator.runtime.cache import Change
from ecr_secret_operator.runtime.dynamic import SyncState
from ecr_secret_operator.state.routes import wakes
from ecr_secret_operator.state.stores.bundle import Stores
from ecr_secret_operator.state.stores.keys import is_cluster, is_placement
from tests.domain.clusters import OWN_NAMESPACE, WHOLE, a_cluster_resource, a_cluster_spec, a_placement, good, said
from tests.factories import a_stored_secret

LABELLED = a_cluster_spec(namespaces={"selector": {"matchLabels": {"pull": "yes"}}})


class World:
    """The stores, and the keys that changes of resources, namespaces and placements wake."""

    def __init__(self) -> None:
        self.stores = Stores(OWN_NAMESPACE)
        self.store = self.stores.placements
        self.namespaces_state = SyncState.SYNCED
        self.woken: list[Key] = []
        self.low_priority: list[Key] = []
        self.stores.resources.cache.listen(self.dispatch)
        self.stores.namespaces.listen(self.dispatch)
        self._versions = iter(range(1_000, 100_000))

    def dispatch(self, change: Change[Any]) -> None:
        for key, low_priority in wakes(change, self.stores):
            self.woken.append(key)
            if low_priority:
                self.low_priority.append(key)

    def _version(self) -> str:
        return str(next(self._versions))

    def namespace(self, name: str, *, terminating: bool = False, **labels: str) -> None:
        self.stores.namespaces.put(NamespaceLabels(name, self._version(), labels, terminating))

    def put(self, **over: Any) -> Resource:
        resource = a_cluster_resource(**{"spec": LABELLED, **over, "resource_version": self._version()})
        self.stores.resources.cache.put(resource)
        return resource

    def secret(self, namespace: str) -> None:
        stored = a_stored_secret(a_placement(namespace, whole=a_cluster_resource(spec=LABELLED)))
        self.stores.secrets.cache.put(replace(stored, resource_version=self._version()))

    def say(self, placement: Resource, status: Status) -> None:
        """Sets the status of a placement."""
        self.store.set_status(placement, status)
        self.dispatch(Change(placement, replace(placement, status=status), author=placement.key))

    def placement(self, namespace: str) -> Resource | None:
        return self.store.placement(WHOLE.placement(namespace))

    def wants(self, namespace: str) -> bool:
        placement = self.placement(namespace)
        assert placement
        return placement.selected

    def serve(self, *namespaces: str) -> None:
        for namespace in namespaces:
            placement = self.placement(namespace)
            assert placement
            self.say(placement, said(placement, good(placement)))

    def placements(self) -> Placements:
        found = self.store.placements(WHOLE, self.namespaces_state)
        assert found
        return found

    def news(self) -> set[str]:
        """The namespaces of what was woken since this was last asked; empty for the whole."""
        found = {key.namespace for key in self.woken}
        self.woken.clear()
        return found


@pytest.fixture
def world() -> World:
    """Three namespaces, two of them selected, and both served."""
    world = World()
    world.namespace("a", pull="yes")
    world.namespace("b", pull="yes")
    world.namespace("c")
    world.put()
    world.serve("a", "b")
    world.news()
    return world


def test_keys_tell_wholes_shares_and_resources_of_namespaces_apart() -> None:
    keys = [WHOLE, WHOLE.placement("a"), Key("Secret", "a", "pull"), Key("ServiceAccount", "a", "default")]
    assert [(is_cluster(key), is_placement(key)) for key in keys] == [
        (True, False),
        (False, True),
        (False, False),
        (False, False),
    ]


def test_a_share_is_wanted_where_the_namespace_is_selected(world: World) -> None:
    assert [(placement := world.placement(name)) and placement.selected for name in ("a", "b", "c", "d")] == [
        True,
        True,
        False,
        None,
    ]


def test_a_share_knows_what_it_said_itself_and_a_new_one_what_was_handled(world: World) -> None:
    served = world.placement("a")
    assert served
    assert served.status["phase"] == "Updated"
    world.put(status={"lastHandledRefresh": "now", "phase": "Error"})
    new = world.placement("c")
    assert new
    assert new.status == {"lastHandledRefresh": "now"}, "or each new namespace would ask for a refresh of its own"


def test_a_placement_has_its_own_first_status_and_the_identities_of_the_operators_namespace() -> None:
    world = World()
    world.namespace("new", pull="yes")
    world.put(status={"lastHandledRefresh": "now", "failingNamespaces": []})
    (whole,) = world.stores.resources.cache
    placement = world.placement("new")
    assert placement == whole.placement("new", first_status(whole, "new"), selected=True, identities_in=OWN_NAMESPACE)


def test_what_all_say_is_summed_up(world: World) -> None:
    placements = world.placements()
    assert (placements.selected, placements.unknown, set(placements.statuses), placements.problem) == (
        2,
        0,
        {"a", "b"},
        "",
    )


def test_what_was_said_of_another_spec_does_not_count(world: World) -> None:
    world.put(generation=2)
    placements = world.placements()
    assert (placements.selected, placements.unknown, placements.statuses) == (2, 2, {})


def test_a_share_that_is_gone_says_nothing(world: World) -> None:
    placement = world.placement("b")
    assert placement
    world.say(placement, {})
    world.say(placement, {})
    assert set(world.placements().statuses) == {"a"}
    assert world.news() == {""}


def test_of_a_resource_with_another_uid_nothing_is_known(world: World) -> None:
    world.put(uid="another")
    assert world.placements().statuses == {}


def test_a_new_spec_a_request_and_a_deletion_concern_all_shares(world: World) -> None:
    world.put(generation=2)
    assert world.news() == {"", "a", "b"}
    world.put(generation=2, refresh_request="now")
    assert world.news() == {"", "a", "b"}
    world.put(generation=2, refresh_request="now", status={"phase": "Updated"})
    assert world.news() == {""}, "its own status does not"
    world.put(generation=2, refresh_request="now", deleting=True)
    assert world.news() == {"", "a", "b"}
    assert not world.wants("a"), "it has no Secret yet, and gets none any more"
    assert world.placements().selected == 0


def test_of_one_that_is_being_deleted_the_namespaces_that_have_its_secret_are_kept(world: World) -> None:
    world.secret("a")
    world.secret("c")
    world.put(generation=2, deleting=True)
    wanted = {name: world.wants(name) for name in ("a", "b", "c")}
    assert wanted == {"a": True, "b": False, "c": False}, "only a is selected and has it"


def test_what_was_made_where_it_is_wanted_no_longer_is_looked_at_too(world: World) -> None:
    """Also what an earlier process made, and could not remove any more."""
    world.secret("c")
    world.put(generation=2)
    assert world.news() == {"", "a", "b", "c"}


def test_a_namespace_that_comes_changes_or_goes_wakes_its_share_and_the_whole(world: World) -> None:
    world.namespace("d", pull="yes")
    assert world.news() == {"", "d"}
    world.namespace("d", pull="no")
    assert world.news() == {"", "d"}
    world.namespace("d", pull="no", other="label")
    assert world.news() == set(), "it is not selected, and was not"
    world.namespace("a", pull="yes", terminating=True)
    assert world.news() == {"", "a"}
    assert not world.wants("a"), "what is there is removed"
    assert (world.placements().selected, set(world.placements().statuses)) == (1, {"b"})
    world.stores.namespaces.forget("b")
    assert world.news() == {"", "b"}
    assert (world.placements().selected, world.placements().statuses) == (0, {})


def test_all_wait_for_the_namespaces_to_be_seen(world: World) -> None:
    world.namespaces_state = SyncState.PENDING
    assert world.store.placements(WHOLE, world.namespaces_state) is None
    world.namespaces_state = SyncState.FORBIDDEN
    (whole,) = world.stores.resources.cache
    refused = world.placements()
    assert "may not list namespaces" in refused.problem
    assert refused == Placements(whole, 0, {}, problem=refused.problem)


@pytest.mark.parametrize(
    "spec", [InvalidSpec("spec.frequency: no"), a_cluster_spec(suspend=True, namespaces={"include": ["x"]})]
)
def test_while_the_spec_rests_or_cannot_be_read_what_is_there_stays(world: World, spec: Any) -> None:
    world.secret("a")
    world.put(spec=spec, generation=2)
    assert [(placement := world.placement(name)) and placement.selected for name in ("a", "b")] == [True, False]
    (whole,) = world.stores.resources.cache
    if isinstance(spec, InvalidSpec):
        assert world.placements() == Placements(whole, 1, {})
    assert world.placements().selected == 1


def test_what_a_share_says_when_its_namespace_is_gone_is_not_kept(world: World) -> None:
    """It may have been on its way: a namespace that comes back under the name has not been looked at."""
    world.namespace("a", pull="yes")
    world.put()
    placement = world.placement("a")
    assert placement
    world.stores.namespaces.forget("a")
    world.say(placement, said(placement, good(placement)))
    world.namespace("a", pull="yes")
    assert "a" not in world.placements().statuses
    assert world.placements().unknown == 1


def test_a_namespace_that_goes_takes_only_its_own_status_with_it(world: World) -> None:
    (whole,) = world.stores.resources.cache
    world.namespace("a", pull="yes", other="label")
    assert world.store.has_status(whole, "a"), "a change of labels is no deletion"
    world.stores.namespaces.forget("c")
    world.stores.namespaces.forget("b")
    assert [world.store.has_status(whole, name) for name in ("a", "b", "c")] == [True, False, False]


def test_the_namespaces_of_a_removed_resource_are_remembered_for_the_last_one_only(world: World) -> None:
    (whole,) = world.stores.resources.cache
    world.stores.resources.cache.drop(whole)
    assert set(world.store.namespaces_of(WHOLE)) == {"a", "b", "c"}
    assert world.store.namespaces_of(WHOLE._replace(name="another")) == ()


def test_what_a_share_says_of_a_resource_that_was_replaced_is_not_kept(world: World) -> None:
    world.namespace("a", pull="yes")
    world.put()
    placement = world.placement("a")
    assert placement
    world.put(uid="another")
    world.say(placement, said(placement, good(placement)))
    assert world.placements().statuses == {}


def test_one_that_is_gone_is_known_no_longer(world: World) -> None:
    (resource,) = world.stores.resources.cache
    world.stores.resources.cache.drop(resource)
    assert world.placement("a") is None
    assert world.store.placements(WHOLE, world.namespaces_state) is None
    world.news()
    world.namespace("d", pull="yes")
    assert world.news() == set()


def test_the_namespaces_of_a_new_cluster_resource_are_many_that_nobody_waits_for_singly(world: World) -> None:
    world.low_priority.clear()
    world.put(generation=2)
    assert {key.namespace for key in world.low_priority} == {"a", "b"}


def test_a_new_namespace_does_not_stand_behind_them(world: World) -> None:
    world.low_priority.clear()
    world.namespace("new", pull="yes")
    assert world.news() == {"new", ""}
    assert world.low_priority == []


def test_while_a_namespace_has_too_many_labels_what_it_has_stays_and_nothing_comes_to_it() -> None:
    world = World()
    world.put(spec=a_cluster_spec())
    for name in ("served", "new"):
        world.stores.namespaces.put(NamespaceLabels(name, "900", {}, oversized=True))
    world.secret("served")
    assert (world.wants("served"), world.wants("new")) == (True, False)
