"""What writers do with answers that are overtaken by watch events, and what they find of placements."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from ecr_secret_operator.domain.resource import Key
from ecr_secret_operator.domain.secret.render import render
from ecr_secret_operator.errors import Superseded

from ..factories import spec_of, stored_tokens
from ..scenes import GROUP, Scene
from ..wire import Wire

T = TypeVar("T")


class DeletedBeforeTheAnswer(Wire):
    """An API server on which another client deletes each object before its creation is answered."""

    async def post(self, path: str, body: Mapping[str, Any], reply: type[T]) -> T:
        answer = await super().post(path, body, reply)
        self.remove(f"{path}/{body['metadata']['name']}")
        for _ in range(50):  # so that the watch reports both first
            await asyncio.sleep(0)
        return answer


async def test_a_secret_that_is_deleted_before_its_creation_is_answered_is_not_stored() -> None:
    scene = Scene(wire=DeletedBeforeTheAnswer())
    scene.resource()
    async with scene.watching():
        resource = scene.get()
        with pytest.raises(Superseded):
            await scene.state.secrets.create(render(resource, spec_of(resource), stored_tokens(resource)))
        await scene.settle()
        assert scene.state.secrets.of(resource) == ()


async def test_the_placements_of_a_cluster_resource() -> None:
    scene = Scene()
    scene.cluster_resource()
    for name in ("team-a", "other"):
        scene.namespace(name)
    async with scene.watching():
        found = scene.state.resources.placements(Key("ClusterPullSecret", "", "all"))
        assert found
        assert (found.resource.key.name, found.selected, found.unknown) == ("all", 1, 1)
        assert scene.state.resources.placements(Key("ClusterPullSecret", "", "another")) is None


async def test_identities_are_not_judged_while_policies_are_unknown() -> None:
    scene = Scene()
    scene.wire.refused.add(f"{GROUP}/accesspolicies")
    scene.account(role="arn:aws:iam::123456789012:role/pull")
    scene.resource(aws={"service_account": "builder"})
    async with scene.watching():
        scene.state.dependencies.watch_identities((scene.get().key,))
        assert scene.state.dependencies.identity_watches.running == 0


async def test_identities_are_not_judged_while_labels_are_unknown() -> None:
    scene = Scene()
    scene.wire.refused.add("/api/v1/namespaces")
    scene.policy(namespaces={"selector": {"matchLabels": {"team": "a"}}}, role_arns=["*"])
    scene.resource(aws={"service_account": "builder"})
    async with scene.watching():
        assert scene.state.dependencies.identity_watches.running == 0


class AnsweredLate(Wire):
    """An API server whose watches report each write before it is answered.

    Attributes:
        meanwhile: called once, after the next write was stored and before it is reported.
    """

    meanwhile: Callable[[], object] | None = None

    async def _late(self) -> None:
        if self.meanwhile:
            self.meanwhile()
            self.meanwhile = None
        for _ in range(50):
            await asyncio.sleep(0)

    async def post(self, path: str, body: Mapping[str, Any], reply: type[T]) -> T:
        answer = await super().post(path, body, reply)
        await self._late()
        return answer

    async def patch(self, path: str, body: Mapping[str, Any], reply: type[T]) -> T:
        answer = await super().patch(path, body, reply)
        await self._late()
        return answer

    async def json_patch(self, path: str, operations: Sequence[Mapping[str, Any]], reply: type[T]) -> T:
        answer = await super().json_patch(path, operations, reply)
        await self._late()
        return answer


async def test_a_write_that_the_watch_reports_before_its_answer_wakes_nothing() -> None:
    scene = Scene(wire=AnsweredLate())
    scene.resource()
    async with scene.watching():
        resource, secrets = scene.get(), scene.state.secrets
        desired = render(resource, spec_of(resource), stored_tokens(resource))
        scene.woken.clear()
        stored = await secrets.create(desired)
        stored = await secrets.update(stored, replace(desired, labels={**desired.labels, "team": "a"}))
        await scene.state.resources.publish(scene.get(), {"phase": "Updated"})
        await scene.settle()
        assert scene.woken == []
        assert len(scene.wire.writes) == 3
        await secrets.replace(stored, desired)
        await scene.settle()
        assert scene.woken == ["Secret/team-a/pull"], "by the deletion, and not by the creation after it"
        assert scene.get().status == {"phase": "Updated"}


async def test_an_edit_during_the_write_of_a_status_wakes_the_resource() -> None:
    wire = AnsweredLate()
    scene = Scene(wire=wire)
    body = scene.resource()
    async with scene.watching():
        path = f"{GROUP}/namespaces/team-a/secrets/pull"
        edited = {**body, "metadata": {**body["metadata"], "generation": 2}}
        wire.meanwhile = lambda: wire.put(path, {**edited, "status": {"phase": "Updated"}})
        scene.woken.clear()
        await scene.state.resources.publish(scene.get(), {"phase": "Updated"})
        await scene.settle()
        assert scene.woken == ["Secret/team-a/pull"]
        assert scene.get().generation == 2


class ChangesStatuses(Wire):
    """An API server with a webhook that changes each status."""

    async def json_patch(self, path: str, operations: Sequence[Mapping[str, Any]], reply: type[T]) -> T:
        test, add = operations
        return await super().json_patch(path, [test, {**add, "value": {"phase": "Error"}}], reply)


async def test_a_status_that_is_stored_differently_wakes_the_resource() -> None:
    scene = Scene(wire=ChangesStatuses())
    scene.resource()
    async with scene.watching():
        scene.woken.clear()
        await scene.state.resources.publish(scene.get(), {"phase": "Updated"})
        assert scene.woken == ["Secret/team-a/pull"]
