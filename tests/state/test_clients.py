"""What writers do with answers that are overtaken by watch events, and what they find of placements."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
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
