"""The client of the simulated API server: the errors of the real one, and what the network does to requests."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from random import Random
from typing import Any, cast

import msgspec
import pytest

from ecr_secret_operator.domain.secret.stored import MANAGED_BY, MANAGED_BY_LABEL
from ecr_secret_operator.errors import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    Unavailable,
)
from ecr_secret_operator.kube.client import Client
from ecr_secret_operator.kube.objects import Which
from ecr_secret_operator.kube.secrets import source
from ecr_secret_operator.runtime.cache import Cache
from ecr_secret_operator.runtime.reflector import Reflector

from .apiserver import ApiServer, Attributes
from .client import SimulatedClient
from .network import Faults, Network

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PATH = "/api/v1/namespaces/default/secrets"
WATCH = {"watch": "true", "resourceVersion": "0"}


def secret(name: str, **data: str) -> dict[str, Any]:
    labels = {MANAGED_BY_LABEL: MANAGED_BY}
    return {"metadata": {"name": name, "namespace": "default", "labels": labels}, "data": data}


class Stage:
    """A server, a network with these faults, and a client."""

    def __init__(self, **faults: Any) -> None:
        seed = faults.pop("seed", 1)
        self.server = ApiServer(NOW)
        self.network = Network(Random(seed), Faults(**faults))
        self.client = self.client_of("operator")
        self.admin = SimulatedClient(self.server, Network(Random(0)), lambda: NOW, user="admin")

    def client_of(self, user: str, **options: Any) -> SimulatedClient:
        return SimulatedClient(self.server, self.network, lambda: NOW, user=user, **options)

    async def stored(self, name: str) -> bool:
        try:
            await self.admin.get(f"{PATH}/{name}", Which)
        except NotFound:
            return False
        return True


def test_it_has_the_methods_of_the_real_client() -> None:
    def public(kind: type) -> dict[str, str]:
        members = inspect.getmembers(kind, callable)
        return {name: str(inspect.signature(one)) for name, one in members if not name.startswith("_")}

    assert public(SimulatedClient) == public(Client)


async def test_refusals_are_the_errors_of_the_real_client() -> None:
    stage = Stage()
    client = stage.client
    await client.post(PATH, secret("a"), Which)
    with pytest.raises(AlreadyExists):
        await client.check_post(PATH, secret("a"))
    with pytest.raises(NotFound):
        await client.get(f"{PATH}/b", Which)
    with pytest.raises(Conflict):
        await client.patch(f"{PATH}/a", {"metadata": {"resourceVersion": "1"}}, Which)
    with pytest.raises(Conflict):
        await client.delete(f"{PATH}/a", uid="1", resource_version="1")
    with pytest.raises(Invalid):
        await client.post(PATH, {**secret("b"), "type": "kubernetes.io/dockerconfigjson"}, Which)


async def test_a_rule_of_access_refuses_as_rbac_does() -> None:
    def reads(attributes: Attributes) -> bool:
        return attributes.verb == "get"

    client = Stage().client_of("reader", access=reads)
    with pytest.raises(NotFound):
        await client.get(f"{PATH}/a", Which)
    with pytest.raises(Forbidden) as refused:
        await client.post(PATH, secret("a"), Which)
    assert refused.value.by_rbac


async def test_a_lost_answer_says_nothing_of_the_outcome() -> None:
    for share, happened in (("lost", False), ("lost_after", True)):
        stage = Stage(timeout_seconds=0.01, **{share: 1.0})
        with pytest.raises(Unavailable, match="in time"):
            await stage.client.post(PATH, secret("a"), Which)
        assert await stage.stored("a") is happened


async def test_a_failure_comes_before_or_after_the_write() -> None:
    for share, happened in (("failed", False), ("failed_after", True)):
        stage = Stage(**{share: 1.0})
        with pytest.raises(Unavailable) as failed:
            await stage.client.post(PATH, secret("a"), Which)
        assert failed.value.status >= 500
        assert await stage.stored("a") is happened


async def test_a_throttled_request_names_a_time() -> None:
    stage = Stage(throttled=1.0, retry_after=(7, 7))
    with pytest.raises(Unavailable) as throttled:
        await stage.client.get(PATH, dict[str, Any])
    assert (throttled.value.status, throttled.value.retry_after) == (429, 7.0)


async def test_requests_take_the_time_that_the_network_draws() -> None:
    stage = Stage(latency=(0.05, 0.06))
    started = time.monotonic()
    await stage.client.page(PATH, {})
    assert time.monotonic() - started >= 0.05


async def test_a_partition_cuts_off_one_user_and_its_watches() -> None:
    stage = Stage()
    await stage.admin.post(PATH, secret("a"), Which)
    async with aclosing(stage.client.stream(PATH, WATCH)) as lines:  # type: ignore[type-var]
        assert b"ADDED" in await anext(lines)
        stage.network.partitioned.add("operator")
        with pytest.raises(Unavailable, match="partition"):
            await stage.client.get(PATH, dict[str, Any])
        await stage.admin.post(PATH, secret("b"), Which)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await anext(lines)
    stage.network.partitioned.clear()
    assert await stage.client.get(PATH, dict[str, Any])


async def collected(lines: AsyncIterator[bytes], seconds: float) -> list[str]:
    found = []
    try:
        async with asyncio.timeout(seconds):
            async for line in lines:
                found += [msgspec.json.decode(line)["type"]]
    except TimeoutError:
        found.append("silence")
    return found


async def test_watches_break_off_are_silent_or_expire() -> None:
    for share in ("watch_broken", "watch_silent", "watch_expired"):
        stage = Stage(watch_seconds=(0.01, 0.01), **{share: 1.0})
        await stage.admin.post(PATH, secret("a"), Which)
        lines = stage.client.stream(PATH, WATCH)
        if share == "watch_broken":
            with pytest.raises(Unavailable, match="closed"):
                await collected(lines, 5.0)
        else:
            expected = ["ERROR"] if share == "watch_expired" else ["ADDED", "silence"]
            assert await collected(lines, 0.1) == expected


async def test_a_lagging_replica_answers_lists_of_any_version_only() -> None:
    stage = Stage(stale=1.0, lag=1)
    await stage.admin.post(PATH, secret("a"), Which)
    old = await stage.client.get(PATH, dict[str, Any], {"resourceVersion": "0"})
    new = await stage.client.get(PATH, dict[str, Any])
    assert ([len(one["items"]) for one in (old, new)]) == [0, 1]


async def test_the_same_seed_brings_the_same_faults() -> None:
    async def outcomes(seed: int) -> list[str]:
        stage, found = Stage(seed=seed, failed=0.3, lost_after=0.2, throttled=0.2, timeout_seconds=0.0), []
        for index in range(40):
            try:
                await stage.client.post(PATH, secret(f"s{index}"), Which)
                found.append("stored")
            except Unavailable as error:
                found.append(str(error))
        return found

    assert await outcomes(3) == await outcomes(3) != await outcomes(4)


class Quiet:
    """Observes nothing."""

    def watch_ended(self, source: str, why: str, failures: int) -> None: ...

    def watch_silent(self, source: str) -> None: ...

    def listed(self, source: str, count: int) -> None: ...


async def test_a_reflector_of_the_operator_keeps_its_cache_equal_in_spite_of_faults() -> None:
    stage = Stage(
        watch_broken=0.5, watch_expired=0.3, watch_seconds=(0.0, 0.05), failed=0.2, event_latency=(0.0, 0.002)
    )
    cache: Cache[str, Any] = Cache(lambda one: str(one.name))
    reflector = Reflector(source(cast("Client", stage.client), "default"), cache, Quiet())
    task = asyncio.create_task(reflector.run())
    for index in range(30):
        await stage.admin.post(PATH, secret(f"s{index}", k="eA=="), Which)
        if index % 3 == 0:
            found = await stage.admin.get(f"{PATH}/s{index}", dict[str, Any])
            meta = found["metadata"]
            await stage.admin.delete(f"{PATH}/s{index}", uid=meta["uid"], resource_version=meta["resourceVersion"])
        await asyncio.sleep(0.01)
    expected = {f"s{index}" for index in range(30) if index % 3}
    for _ in range(1_500):
        if {one.name for one in cache} == expected:
            break
        await asyncio.sleep(0.02)
    task.cancel()
    assert {one.name for one in cache} == expected
