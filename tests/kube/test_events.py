"""Where events lie, and about what they are."""

from __future__ import annotations

from typing import Any

import pytest

from ecr_secret_operator.domain.links import LinkedAccount
from ecr_secret_operator.domain.resource import Resource
from ecr_secret_operator.domain.status.events import Event
from ecr_secret_operator.errors import ApiError
from ecr_secret_operator.kube.events import About, EventRecorder
from tests.domain.clusters import a_cluster_resource, a_placement
from tests.factories import NOW, a_resource

from .conftest import Api

EVENT = Event("SecretConflict", "Secret ecr-pull exists", warning=True)


async def recorded(api: Api, about: About, *events: Event) -> list[tuple[About, ApiError]]:
    lost: list[tuple[About, ApiError]] = []
    recorder = EventRecorder(api.client, clock=lambda: NOW, on_error=lambda who, why: lost.append((who, why)))
    await recorder.record(about, events or (EVENT,))
    return lost


@pytest.mark.parametrize(
    ("resource", "namespace", "involved"),
    [
        (a_resource(), "team-a", {"kind": "Secret", "namespace": "team-a", "name": "pull"}),
        (a_cluster_resource(), "default", {"kind": "ClusterPullSecret", "name": "pull"}),
        (a_placement(), "default", {"kind": "ClusterPullSecret", "name": "pull"}),
    ],
    ids=["of a namespace", "of the cluster", "a placement"],
)
async def test_events_about_what_has_no_namespace_lie_in_default(
    api: Api, resource: Resource, namespace: str, involved: dict[str, Any]
) -> None:
    """The API server takes them in no other: there kubectl describe looks for them too."""
    api.answers_with({"metadata": {"name": "x"}}, 201)
    assert await recorded(api, resource) == []
    ((request, _, body),) = api.asked
    assert request == f"POST /api/v1/namespaces/{namespace}/events"
    assert body["metadata"]["namespace"] == namespace
    found = body["involvedObject"]
    assert {key: found[key] for key in found.keys() - {"apiVersion", "uid", "resourceVersion"}} == involved
    assert found["uid"] == resource.uid
    assert (body["type"], body["reason"], body["message"]) == ("Warning", EVENT.reason, EVENT.message)


async def test_an_event_about_a_service_account_lies_beside_it(api: Api) -> None:
    account = LinkedAccount("team-a", "builder", "7", {}, frozenset(), frozenset(), frozenset(), uid="u-1")
    api.answers_with({"metadata": {"name": "x"}}, 201)
    assert await recorded(api, account) == []
    ((request, _, body),) = api.asked
    assert request == "POST /api/v1/namespaces/team-a/events"
    assert body["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "namespace": "team-a",
        "name": "builder",
        "uid": "u-1",
        "resourceVersion": "7",
    }


async def test_what_is_said_of_several_shares_with_the_same_words_is_one_event(api: Api) -> None:
    for namespace in ("team-a", "team-b"):
        api.answers_with({"metadata": {"name": "x"}}, 201)
        await recorded(api, a_placement(namespace))
    names = {body["metadata"]["name"] for _, _, body in api.asked}
    assert len(names) == 1


async def test_what_happens_again_is_counted(api: Api) -> None:
    api.refuses(409, "exists", "AlreadyExists")
    api.answers_with({"metadata": {"name": "x"}, "count": 3})
    api.answers_with({"metadata": {"name": "x"}})
    assert await recorded(api, a_cluster_resource()) == []
    request, _, body = api.asked[-1]
    assert request.startswith("PATCH /api/v1/namespaces/default/events/pull.")
    assert body["count"] == 4


async def test_an_event_that_cannot_be_stored_is_no_failure(api: Api) -> None:
    api.refuses(403, "forbidden")
    resource = a_cluster_resource()
    ((who, why),) = await recorded(api, resource)
    assert who is resource
    assert "forbidden" in str(why)
