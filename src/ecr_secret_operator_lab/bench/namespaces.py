"""Many namespaces: one ClusterPullSecret, from its creation until all are served, and from a rotation until all are."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import NamedTuple

from ..cluster import ECR, Object, secret_path
from ..demo.stage import ACCOUNT, Stage
from .ceiling import Write, ceiling, seen

PULLS = f"{ECR}/clusterpullsecrets"
REFRESH = "ecr.mobb.redhat.com/refresh"


class Round(NamedTuple):
    """One comparison.

    Attributes:
        job: what was done.
        writes: how many writes to Secrets that takes.
        seconds: that the operator took.
        ceiling_seconds: that the lean client took for the same writes.
        aws_calls: that the operator made.
    """

    job: str
    writes: int
    seconds: float
    ceiling_seconds: float
    aws_calls: int

    @property
    def ratio(self) -> float:
        """The operator's speed as a share of the ceiling's."""
        return self.ceiling_seconds / self.seconds


def make_namespaces(stage: Stage, count: int) -> list[str]:
    """Creates namespaces and gives their names."""
    names = [f"bench-{number:05}" for number in range(count)]
    body = [Write("POST", "/api/v1/namespaces", {"metadata": {"name": name}}) for name in names]
    ceiling(stage.plane.kubeconfig, body)
    return names


def rounds(stage: Stage, names: list[str], *, number: int) -> Iterator[Round]:
    """First service and rotation, each after the other, ours before the ceiling.

    Args:
        stage: with the operator running.
        names: the namespaces to serve.
        number: of the round; each has Secrets of its own.
    """
    name, ours, lean = f"round-{number}", f"ours-{number}", f"lean-{number}"
    before = stage.last_call()
    create = Write("POST", PULLS, _resource(name, ours))
    seconds = seen(stage.plane.kubeconfig, create, lambda one: one["metadata"]["name"] == ours, len(names))
    calls = stage.last_call() - before
    made = stage.secret(names[0], ours) or {}
    creates = [Write("POST", secret_path(place), _twin(made, lean, place)) for place in names]
    yield Round("first service", len(names), seconds, ceiling(stage.plane.kubeconfig, creates), calls)

    time.sleep(6)  # a token of the last 5 s would serve once more
    before, request = stage.last_call(), f"round {number}"
    annotate = Write("PATCH", f"{PULLS}/{name}", {"metadata": {"annotations": {REFRESH: request}}})

    def rotated(one: Object) -> bool:
        return bool(one["metadata"]["name"] == ours and one["data"] != made["data"])

    seconds = seen(stage.plane.kubeconfig, annotate, rotated, len(names))
    calls = stage.last_call() - before
    fresh = stage.secret(names[0], ours) or {}
    change = {"data": fresh["data"], "metadata": {"annotations": fresh["metadata"]["annotations"]}}
    patches = [Write("PATCH", secret_path(place, lean), change) for place in names]
    yield Round("rotation", len(names), seconds, ceiling(stage.plane.kubeconfig, patches), calls)
    stage.cluster.delete(f"{PULLS}/{name}")


def _resource(name: str, secret: str) -> Object:
    host = f"{ACCOUNT}.dkr.ecr.us-east-2.amazonaws.com"
    spec = {"generated_secret_name": secret, "ecr_registry": host, "namespaces": {"include": ["bench-*"]}}
    return {
        "apiVersion": "ecr.mobb.redhat.com/v1alpha1",
        "kind": "ClusterPullSecret",
        "metadata": {"name": name},
        "spec": spec,
    }


def _twin(secret: Object, name: str, namespace: str) -> Object:
    """The same Secret under another name, without what would make the operator look at it."""
    annotations = secret["metadata"]["annotations"]
    metadata = {"name": name, "namespace": namespace, "labels": {"bench": "lean"}, "annotations": annotations}
    return {"apiVersion": "v1", "kind": "Secret", "type": secret["type"], "metadata": metadata, "data": secret["data"]}
