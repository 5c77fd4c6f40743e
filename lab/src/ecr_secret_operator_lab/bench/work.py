"""The work: N resources, and the writes that serving them takes, as the lean client does them.

The lean client's writes are those of the operator, read back from the API server and sent again for other resources:
the same bodies but for names and uids.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from ..cluster import Object, resource_path, secret_path
from ..fakeaws.records import DEFAULT_ACCOUNT
from .api import Write, listed, session
from .ceiling import Chain
from .ground import Ground
from .watching import RESOURCES, SECRETS

NAMESPACES = tuple(f"bench-{number}" for number in range(10))
REFRESH = "ecr.mobb.redhat.com/refresh"
_HOST = f"{DEFAULT_ACCOUNT}.dkr.ecr.us-east-2.amazonaws.com"
_SERVERS_OWN = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation", "namespace", "name")

Place = tuple[str, str]
"""A namespace and a name."""


class Sample(NamedTuple):
    """A resource that the operator has served, and the Secret that it made for it."""

    resource: Object
    secret: Object


def places(name: str, number: int) -> list[Place]:
    """Where resources of a series lie: spread over the namespaces."""
    return [(NAMESPACES[index % len(NAMESPACES)], f"{name}-{index:05}") for index in range(number)]


def generated(name: str) -> str:
    """The name of a resource's generated Secret."""
    return f"{name}-pull"


def creation(place: Place) -> Write:
    """Creates a resource."""
    namespace, name = place
    body = {
        "apiVersion": "ecr.mobb.redhat.com/v1alpha1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "generated_secret_name": generated(name),
            "ecr_registry": _HOST,
            "frequency": "10h",
            "region": "us-east-2",
        },
    }
    return Write("POST", resource_path("secrets", namespace), body)


def request(place: Place, value: str) -> Write:
    """Asks for a refresh of a resource."""
    return Write("PATCH", resource_path("secrets", *place), {"metadata": {"annotations": {REFRESH: value}}})


def sample(ground: Ground, place: Place) -> Sample:
    """Reads a resource that was served, and its Secret."""
    namespace, name = place
    resource = ground.cluster.request("GET", resource_path("secrets", namespace, name))
    return Sample(resource, ground.cluster.request("GET", secret_path(namespace, generated(name))))


def first_service(ground: Ground, found: Sample, where: Sequence[Place]) -> list[Chain]:
    """The writes that serve these resources for the first time, as the sample was: its Secret, then its status."""
    resources = versions(ground, RESOURCES)

    def chain(place: Place) -> Chain:
        uid = resources[place]["uid"]
        ours = _twin(found, place, uid)
        create = {**ours.secret, "metadata": {**own(ours.secret), "name": generated(place[1]), "namespace": place[0]}}
        return Write("POST", secret_path(place[0]), create), _status(place, uid, ours)

    return [chain(place) for place in where]


def rotation(ground: Ground, found: Sample, where: Sequence[Place]) -> list[Chain]:
    """The writes that give these resources a new token, as the sample got it: its Secret, then its status."""
    resources, secrets = versions(ground, RESOURCES), versions(ground, SECRETS)

    def chain(place: Place) -> Chain:
        uid = resources[place]["uid"]
        ours = _twin(found, place, uid)
        precondition = secrets[place[0], generated(place[1])]
        change = {"metadata": {**own(ours.secret), **precondition}, "data": ours.secret["data"]}
        return Write("PATCH", secret_path(place[0], generated(place[1])), change), _status(place, uid, ours)

    return [chain(place) for place in where]


def _status(place: Place, uid: str, ours: Sample) -> Write:
    path = f"{resource_path('secrets', *place)}/status"
    test = {"op": "test", "path": "/metadata/uid", "value": uid}
    return Write("PATCH", path, [test, {"op": "add", "path": "/status", "value": ours.resource["status"]}])


def own(secret: Object) -> Object:
    """What the operator wrote of a Secret's metadata, beyond its name."""
    return {key: value for key, value in secret["metadata"].items() if key not in _SERVERS_OWN}


def _twin(found: Sample, place: Place, uid: str) -> Sample:
    """The sample as it would be of another resource."""
    metadata = found.resource["metadata"]
    text = msgspec.json.encode(found).decode()
    for old, new in ((metadata["uid"], uid), (metadata["name"], place[1]), (metadata["namespace"], place[0])):
        text = text.replace(old, new)
    return msgspec.json.decode(text, type=Sample)


def versions(ground: Ground, path: str) -> dict[Place, dict[str, str]]:
    """The uid and resourceVersion of each object, as a patch names them."""

    async def get() -> Object:
        async with session(ground.plane.kubeconfig) as connections:
            return await listed(connections, path)

    found = (one["metadata"] for one in asyncio.run(get())["items"])
    return {
        (one["namespace"], one["name"]): {"uid": one["uid"], "resourceVersion": one["resourceVersion"]} for one in found
    }
