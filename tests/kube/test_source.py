"""Objects of a kind that the cluster may not have, namespaces of which some terminate, and pages of lists."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ecr_secret_operator.api.selectors import NamespaceLabels
from ecr_secret_operator.domain.kinds import CLUSTER_PULL_SECRET, SECRET
from ecr_secret_operator.domain.resource import Resource
from ecr_secret_operator.errors import Expired, Forbidden, NotFound, Unavailable
from ecr_secret_operator.kube import namespaces, resources
from ecr_secret_operator.kube.client import PAGE_BYTES, Client
from ecr_secret_operator.kube.connection import Connection
from ecr_secret_operator.kube.objects import CustomObject, ObjectRef
from ecr_secret_operator.kube.paging import PAGE
from ecr_secret_operator.kube.source import LOOK_AGAIN_SECONDS, NOT_INSTALLED, KubeSource, OptionalSource
from ecr_secret_operator.runtime.cache import Cache
from ecr_secret_operator.runtime.reflector import Reflector
from ecr_secret_operator.runtime.watching import EventType, Listing, WatchEvent
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
    assert (event.type, event.resource_version, event.item and event.item.key) == (EventType.STORED, "7", WHOLE)
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

    def watch_silent(self, source: str) -> None:
        raise AssertionError(source)

    def listed(self, source: str, count: int) -> None:
        assert source
        assert count in (0, 1)


@pytest.mark.parametrize("after", [5.0, 600.0])
def test_a_kind_that_is_installed_later_is_found_soon(after: float) -> None:
    """However long it was missing: what is looked for is no failure that is waited for longer and longer."""

    @in_virtual_time
    async def found() -> None:
        cache, observer = Cache[object, Resource](lambda resource: resource.key), Observer()
        reflector = Reflector(Installed(after), cache, observer)
        async with Background(reflector.run()):
            assert reflector.synced.is_set(), "nobody has to wait for a kind that is not there"
            await asyncio.sleep(after + 40)
            assert [resource.key for resource in cache] == [WHOLE]

    found()


# Namespaces


@pytest.mark.parametrize(("deletion", "terminating"), [(None, False), ("2026-03-01T00:00:00Z", True)])
def test_a_namespace_that_is_being_deleted_terminates(deletion: str | None, *, terminating: bool) -> None:
    raw = a_meta(name="team-a", namespace="", **({"deletionTimestamp": deletion} if deletion else {}))
    assert namespaces.convert(decoded(ObjectRef, {"metadata": raw})).terminating is terminating


# Pages


@dataclass
class Store:
    """An API server with some namespaces, each of them of a size, that gives pages of so many as it is asked for."""

    sizes: list[int]
    pages: list[tuple[int, int]] = field(default_factory=list)
    encodings: set[str] = field(default_factory=set)

    async def handle(self, request: web.Request) -> web.Response:
        start, limit = int(request.query.get("continue", "0")), int(request.query["limit"])
        self.encodings.add(request.headers["Accept-Encoding"])
        end = min(start + limit, len(self.sizes))
        items = [
            {"metadata": a_meta(name=f"n-{place}", annotations={"x": "x" * self.sizes[place]})}
            for place in range(start, end)
        ]
        meta = {"resourceVersion": "9", **({"continue": str(end)} if end < len(self.sizes) else {})}
        body = json.dumps({"metadata": meta, "items": items}).encode()
        self.pages.append((limit, len(body)))
        return web.Response(body=body, content_type="application/json")


@asynccontextmanager
async def source_of(store: Store) -> AsyncIterator[KubeSource[ObjectRef, NamespaceLabels]]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", store.handle)
    async with TestServer(app) as server:
        client = Client(Connection(str(server.make_url("")).rstrip("/")), user_agent="test")
        yield namespaces.source(client)
        await client.close()


@pytest.mark.parametrize(
    "sizes",
    [[100_000] * 600, [10] * 900 + [1_000_000] * 30 + [10] * 900, [1_500_000] * 9, []],
    ids=["large", "small and large", "as large as can be", "none"],
)
async def test_pages_of_large_objects_have_fewer_of_them(monkeypatch: pytest.MonkeyPatch, sizes: list[int]) -> None:
    store, held = Store(sizes), list[int]()
    page = Client.page

    async def read(self: Client, path: str, query: Mapping[str, str]) -> bytes | None:
        answer = await page(self, path, query)
        held.append(len(answer or b""))
        return answer

    monkeypatch.setattr(Client, "page", read)
    async with source_of(store) as source:
        listing = await source.list()
    assert [one.name for one in listing.items] == [f"n-{place}" for place in range(len(sizes))], "none is missed"
    assert max(held) <= PAGE_BYTES
    assert store.encodings == {"identity"}, "a compressed answer could become a thousand times as long"
    assert len(store.pages) <= 2 * (sum(sizes) // PAGE_BYTES + len(sizes) // PAGE) + 24, "few are asked for twice"


async def test_small_objects_come_in_pages_of_five_hundred() -> None:
    store = Store([5_000] * 1_600)
    async with source_of(store) as source:
        await source.list()
    assert [limit for limit, _ in store.pages] == [PAGE] * 4


async def test_an_object_that_is_longer_than_any_can_be_is_told() -> None:
    async with source_of(Store([PAGE_BYTES])) as source:
        with pytest.raises(Unavailable, match="longer than 8 MiB"):
            await source.list()


def test_of_a_namespace_with_too_many_labels_that_is_all_that_is_kept() -> None:
    many = {f"example.com/{number}": "x" * 60 for number in range(1_000)}
    found = namespaces.convert(decoded(ObjectRef, {"metadata": a_meta(labels=many)}))
    assert (found.labels, found.oversized) == ({}, True)
