"""A status is stored only in the resource that it was concluded for."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from ecr_secret_operator.domain.kinds import SECRET
from ecr_secret_operator.errors import Conflict
from ecr_secret_operator.kube.client import Client
from ecr_secret_operator.kube.config import load_config
from ecr_secret_operator.kube.objects import CustomObject
from ecr_secret_operator.kube.resources import StatusWriter, convert
from ecr_secret_operator_lab.cluster import Cluster, Object, resource_path

from .resources import a_resource, apply


async def _published(kubeconfig: Path, resource: Object, phase: str) -> Object:
    client = Client(load_config(str(kubeconfig)).connection, user_agent="test")
    try:
        read = convert(SECRET, msgspec.convert(resource, CustomObject))
        return dict((await StatusWriter(client).publish(read, {"phase": phase})).status)
    finally:
        await client.close()


async def test_the_status_of_a_deleted_resource_is_not_given_to_its_successor(
    cluster: Cluster, namespace: str, kubeconfig: Path
) -> None:
    path = resource_path("secrets", namespace, "ecr")
    first = apply(cluster, namespace, a_resource())
    assert await _published(kubeconfig, first, "Error") == {"phase": "Error"}
    cluster.delete(path)
    second = apply(cluster, namespace, a_resource())
    with pytest.raises(Conflict, match="another resource took the place"):
        await _published(kubeconfig, first, "Updated")
    found = cluster.get(path)
    assert found is not None
    assert "status" not in found
    assert await _published(kubeconfig, second, "Updated") == {"phase": "Updated"}
