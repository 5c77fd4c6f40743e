"""Objects of a kind that the cluster may not have, and the namespaces of which some terminate."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator

import pytest

from ecr_secret_operator.domain.errors import Expired, Forbidden, NotFound
from ecr_secret_operator.domain.kinds import CLUSTER_PULL_SECRET, SECRET
from ecr_secret_operator.domain.resource import Resource
from ecr_secret_operator.domain.watching import Change, Listing, WatchEvent
from ecr_secret_operator.kube import namespaces, resources
from ecr_secret_operator.kube.client import Client
from ecr_secret_operator.kube.objects import CustomObject, ObjectRef
from ecr_secret_operator.kube.source import LOOK_AGAIN_SECONDS, NOT_INSTALLED, KubeSource, OptionalSource
from ecr_secret_operator.runtime.cache import Cache
from ecr_secret_operator.runtime.watcher import Watcher
from tests.domain.clusters import WHOLE
from tests.factories import a_raw_spec
from tests.virtual_time import Background, elapsed, in_virtual_time

from .conftest import Api
from .objects import a_meta, decoded

A_RESOURCE = {"metadata": a_meta(name="pull", namespace=""), "spec": a_raw_spec()}


def optional(client: Client) -> KubeSource[CustomObject, Resource]:
    source = resources.source(client, CLUSTER_PULL_SECRET, None)
    assert isinstance(source, OptionalSource)
    return source


async def test_cluster_resources_are_listed_as_any_others(api: Api) -> None:
    api.answers_with({"metadata": {"resourceVersion": "9"}, "items": [A_RESOURCE]})
    source = optional(api.client)
    listing = await source.list()
    (resource,) = listing.items
    assert (resource.key, listing.resource_version) == (WHOLE, "9")
    assert [request for request, _, _ in api.asked] == ["GET /apis/ecr.mobb.redhat.com/v1alpha1/clusterpullsecrets"]
    assert source.covers(resource)


async def test_a_kind_that_is_not_installed_has_no_objects(api: Api) -> None:
    api.refuses(404, "the server could not find the requested resource")
    assert await optional(api.client).list() == Listing([], NOT_INSTALLED)


async def test_that_it_may_not_be_listed_is_told(api: Api) -> None:
    api.refuses(403, "forbidden")
    with pytest.raises(Forbidden):
        await optional(api.client).list()


async def test_the_go_operators_kinds_have_to_be_there(api: Api) -> None:
    source = resources.source(api.client, SECRET, None)
    assert not isinstance(source, OptionalSource)
    api.refuses(404, "the server could not find the requested resource")
    with pytest.raises(NotFound):
        await source.list()


async def test_once_installed_it_is_watched(api: Api) -> None:
    api.answers_with(json.dumps({"type": "ADDED", "object": A_RESOURCE}) + "\n")
    (event,) = [event async for event in optional(api.client).watch("9")]
    assert (event.change, event.resource_version, event.item and event.item.key) == (Change.STORED, "7", WHOLE)
    ((_, query, _),) = api.asked
    assert query["resourceVersion"] == "9"


class Installed(OptionalSource[CustomObject, Resource]):
    """Becomes installed after a while."""

    def __init__(self, after: float) -> None:
        self._path, self._only = "/clusterpullsecrets", ""
        self._covers = lambda _: True
        self._after = after

    async def list(self) -> Listing[Resource]:
        if elapsed() < self._after:
            return Listing([], NOT_INSTALLED)
        return Listing([resources.convert(CLUSTER_PULL_SECRET, decoded(CustomObject, A_RESOURCE))], "9")

    async def watch(self, resource_version: str) -> AsyncGenerator[WatchEvent[Resource], None]:
        if resource_version != NOT_INSTALLED:
            await asyncio.sleep(400)
            return
        async for event in super().watch(resource_version):
            yield event


@in_virtual_time
async def test_it_is_looked_for_again_after_twenty_seconds() -> None:
    began = elapsed()
    with pytest.raises(Expired, match="clusterpullsecrets is not installed"):
        await anext(Installed(after=0).watch(NOT_INSTALLED))
    assert elapsed() - began == LOOK_AGAIN_SECONDS == 20


class Observer:
    """Counts the failures in a row."""

    def __init__(self) -> None:
        self.failures = 0

    def watch_ended(self, source: str, why: str, failures: int) -> None:
        assert source
        assert why
        self.failures = failures

    def listed(self, source: str, count: int) -> None:
        assert source
        assert count in (0, 1)


@pytest.mark.parametrize("after", [5.0, 600.0])
def test_a_kind_that_is_installed_later_is_found_soon(after: float) -> None:
    """However long it was missing: what is looked for is no failure that is waited for longer and longer."""

    @in_virtual_time
    async def found() -> None:
        cache, observer = Cache[object, Resource](lambda resource: resource.key), Observer()
        watcher = Watcher(Installed(after), cache, observer)
        async with Background(watcher.run()):
            assert watcher.synced.is_set(), "nobody has to wait for a kind that is not there"
            await asyncio.sleep(after + 40)
            assert [resource.key for resource in cache] == [WHOLE]

    found()


# Namespaces


@pytest.mark.parametrize(("deletion", "terminating"), [(None, False), ("2026-03-01T00:00:00Z", True)])
def test_a_namespace_that_is_being_deleted_terminates(deletion: str | None, *, terminating: bool) -> None:
    raw = a_meta(name="team-a", namespace="", **({"deletionTimestamp": deletion} if deletion else {}))
    assert namespaces.convert(decoded(ObjectRef, {"metadata": raw})).terminating is terminating
