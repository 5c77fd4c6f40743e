"""How the status of a resource is stored."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ecr_secret_operator.api.fields import API_VERSION
from ecr_secret_operator.domain.kinds import SECRET
from ecr_secret_operator.domain.resource import Resource
from ecr_secret_operator.errors import Conflict, Invalid, NotFound
from ecr_secret_operator.kube.objects import CustomObject
from ecr_secret_operator.kube.resources import StatusWriter, convert

from .conftest import Api

PATH = f"/apis/{API_VERSION}/namespaces/team-a/secrets/ecr"
PATCH = [
    {"op": "test", "path": "/metadata/uid", "value": "u-1"},
    {"op": "add", "path": "/status", "value": {"phase": "Updated"}},
]


def an_object(uid: str = "u-1", **status: Any) -> dict[str, Any]:
    metadata = {"name": "ecr", "namespace": "team-a", "uid": uid, "resourceVersion": "7", "generation": 1}
    return {"metadata": {**metadata, "creationTimestamp": "2026-01-01T00:00:00Z"}, "spec": {}, "status": status}


def a_stored_resource() -> Resource:
    return convert(SECRET, msgspec.convert(an_object(phase="Error", expiresAt="2026-01-01T00:00:00Z"), CustomObject))


async def test_the_whole_status_is_replaced_if_the_uid_is_this_one(api: Api) -> None:
    api.answers_with(an_object(phase="Updated"))
    stored = await StatusWriter(api.client).publish(a_stored_resource(), {"phase": "Updated"})
    assert api.asked == [(f"PATCH {PATH}/status", {}, PATCH)]
    assert stored.status == {"phase": "Updated"}


async def test_another_resource_of_the_name_is_a_conflict(api: Api) -> None:
    api.refuses(422, "the server rejected our request due to an error in our request", "Invalid")
    api.answers_with(an_object(uid="u-2"))
    with pytest.raises(Conflict, match="another resource took the place of Secret team-a/ecr"):
        await StatusWriter(api.client).publish(a_stored_resource(), {"phase": "Updated"})
    assert [asked for asked, _, _ in api.asked] == [f"PATCH {PATH}/status", f"GET {PATH}"]


async def test_a_status_that_is_not_valid_is_no_conflict(api: Api) -> None:
    api.refuses(422, "status.phase: not one of these", "Invalid")
    api.answers_with(an_object())
    with pytest.raises(Invalid, match=r"status\.phase"):
        await StatusWriter(api.client).publish(a_stored_resource(), {"phase": "Updated"})


async def test_a_resource_that_is_gone_after_the_refusal_is_not_found(api: Api) -> None:
    api.refuses(422, "the server rejected our request due to an error in our request", "Invalid")
    api.refuses(404, "gone", "NotFound")
    with pytest.raises(NotFound):
        await StatusWriter(api.client).publish(a_stored_resource(), {"phase": "Updated"})
