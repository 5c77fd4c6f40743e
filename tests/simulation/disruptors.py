"""Actors that change much at once, or at the worst moment. Actions, as those of `actors`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from .actors import DOCKER_TYPE, GROUP, a_foreign_secret, encoded
from .plan import HOSTS

if TYPE_CHECKING:
    from .world import World

AGAIN_SECONDS = 20.0


def remove_namespace(world: World, namespace: str, seconds: float) -> None:
    """Deletes a namespace with all that is in it, and creates it again some time later, once it is gone."""
    world.cluster.delete("namespaces", "", namespace, user="admin")
    world.later(seconds, lambda: add_namespace(world, namespace))


def add_namespace(world: World, namespace: str) -> None:
    """Creates a namespace, as soon as there is none of its name."""
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    world.disturbed(namespace)
    if not world.cluster.create("namespaces", body, user="admin"):
        found = world.cluster.read("namespaces", "", namespace)
        if found and "deletionTimestamp" in found["metadata"]:
            world.later(AGAIN_SECONDS, lambda: add_namespace(world, namespace))


def flood(world: World, namespace: str, count: int, seconds: float, how: str = "") -> None:
    """A tenant who creates many resources at once, and deletes them later; perhaps behind a webhook that is slow."""
    if how:
        world.admission.begin(namespace, how, seconds)
    for number in range(count):
        spec = {"generated_secret_name": f"load-{number}", "frequency": "6h", "aws": {}, "ecr_registry": HOSTS[0]}
        meta = {"name": f"load-{number}", "namespace": namespace}
        body = {"apiVersion": f"{GROUP}/v1alpha1", "kind": "Secret", "metadata": meta, "spec": spec}
        world.cluster.create("secrets.ecr", body, user="tenant")
    world.later(seconds, lambda: _end_flood(world, namespace, count))


def _end_flood(world: World, namespace: str, count: int) -> None:
    world.disturbed(namespace)
    for number in range(count):
        world.cluster.delete("secrets.ecr", namespace, f"load-{number}", user="tenant")


def intrude(world: World, namespace: str, how: str, request: int) -> None:
    """A client that changes a Secret just when a replica has sent a request for it: the n-th one from now on."""
    world.intruders.begin(namespace, how=how, request=request)


def predecessor(world: World, namespace: str, name: str, host: str) -> None:
    """Creates a Secret as the Go operator wrote it: the operator takes it over."""
    password = f"of-the-predecessor-{len(world.trace)}"
    auth = {"username": "AWS", "password": password, "auth": encoded(f"AWS:{password}")}
    text = json.dumps({"auths": {host: auth}}, separators=(",", ":"))
    body = {**a_foreign_secret(namespace, name), "type": DOCKER_TYPE, "data": {".dockerconfigjson": encoded(text)}}
    if world.cluster.create("secrets", body, user="predecessor"):
        found = world.cluster.read("secrets", namespace, name)
        assert found
        world.of_predecessor.add(found["metadata"]["uid"])
