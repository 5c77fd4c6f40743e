"""What docs/operate/backup-and-restore.md says: resources and Secrets of a backup are served again, in any order.

Velero restores objects without uid, resourceVersion, owner references and status
(https://github.com/velero-io/velero/issues/4707).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from ecr_secret_operator_lab.cluster import Cluster, Object, resource_path, secret_path
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import wait_for

from ..laboratory import StartOperator
from .resources import PLURALS, a_resource, apply, password_in, wait_ready, wait_secret

KEPT = ("name", "namespace", "labels", "annotations")
EXCLUDED = "velero.io/exclude-from-backup"


def backed_up(one: Mapping[str, Any]) -> Object:
    """An object as it is restored from a backup."""
    metadata = {key: value for key, value in one["metadata"].items() if key in KEPT}
    return {**{key: value for key, value in one.items() if key != "status"}, "metadata": metadata}


@pytest.mark.parametrize("running", [True, False])
def test_a_restored_secret_becomes_that_of_its_restored_resource(
    cluster: Cluster, namespace: str, start_operator: StartOperator, aws: FakeAws, *, running: bool
) -> None:
    """The Secret first, under the eyes of a running operator; or the resource first, before one is started."""
    operator = start_operator()
    path = resource_path(PLURALS["Secret"], namespace)
    apply(cluster, namespace, a_resource())
    saved_resource, saved_secret = wait_ready(cluster, namespace), wait_secret(cluster, namespace)
    cluster.delete(f"{path}/ecr")
    wait_for(lambda: cluster.get(secret_path(namespace, "ecr-generated")) is None, "the Secret is gone")
    restored = [(path, backed_up(saved_resource)), (secret_path(namespace), backed_up(saved_secret))]
    if not running:
        assert operator.stop() == 0
    for place, body in reversed(restored) if running else restored:
        cluster.create(place, body)
    if not running:
        start_operator()
    resource = wait_ready(cluster, namespace)
    owned = wait_for(
        lambda: (secret := wait_secret(cluster, namespace))["metadata"].get("ownerReferences") and secret,
        "the Secret has an owner",
    )
    assert [one["uid"] for one in owned["metadata"]["ownerReferences"]] == [resource["metadata"]["uid"]]
    assert aws.find_token(password_in(owned))


def test_a_label_keeps_the_generated_secret_out_of_a_backup_and_not_the_resource(
    cluster: Cluster, namespace: str, operator: OperatorProcess
) -> None:
    apply(cluster, namespace, a_resource(metadata={"labels": {EXCLUDED: "true"}}))
    resource = wait_ready(cluster, namespace)
    assert wait_secret(cluster, namespace)["metadata"]["labels"][EXCLUDED] == "true"
    assert EXCLUDED not in resource["metadata"].get("labels", {})
