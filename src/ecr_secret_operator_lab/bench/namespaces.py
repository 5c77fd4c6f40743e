"""Many namespaces: one ClusterPullSecret, from its creation until all are served, and from a rotation until all are."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ..cluster import ECR, Object, secret_path
from ..fakeaws.records import DEFAULT_ACCOUNT
from .api import Write
from .ceiling import ceiling
from .figures import ratio
from .ground import Ground
from .records import Round
from .watching import seen

PULLS = f"{ECR}/clusterpullsecrets"
REFRESH = "ecr.mobb.redhat.com/refresh"


def make_namespaces(ground: Ground, count: int) -> list[str]:
    """Creates namespaces and gives their names."""
    names = [f"bench-{number:05}" for number in range(count)]
    body = [Write("POST", "/api/v1/namespaces", {"metadata": {"name": name}}) for name in names]
    ceiling(ground.plane.kubeconfig, [(one,) for one in body])
    return names


def rounds(ground: Ground, names: list[str], *, number: int) -> Iterator[Round]:
    """First service and rotation, each after the other, ours before the ceiling.

    Args:
        ground: with the operator running.
        names: the namespaces to serve.
        number: of the round; each has Secrets of its own.
    """
    name, ours, lean = f"round-{number}", f"ours-{number}", f"lean-{number}"
    before = ground.last_call()
    create = Write("POST", PULLS, _resource(name, ours))
    seconds = seen(ground.plane.kubeconfig, create, lambda one: one["metadata"]["name"] == ours, len(names))
    calls = ground.last_call() - before
    made = ground.secret(names[0], ours) or {}
    creates = [Write("POST", secret_path(place), _twin(made, lean, place)) for place in names]
    yield _round(ground, "first service", creates, seconds, calls)

    time.sleep(6)  # a token of the last 5 s would serve once more
    before, request = ground.last_call(), f"round {number}"
    annotate = Write("PATCH", f"{PULLS}/{name}", {"metadata": {"annotations": {REFRESH: request}}})

    def rotated(one: Object) -> bool:
        return bool(one["metadata"]["name"] == ours and one["data"] != made["data"])

    seconds = seen(ground.plane.kubeconfig, annotate, rotated, len(names))
    calls = ground.last_call() - before
    fresh = ground.secret(names[0], ours) or {}
    change = {"data": fresh["data"], "metadata": {"annotations": fresh["metadata"]["annotations"]}}
    patches = [Write("PATCH", secret_path(place, lean), change) for place in names]
    yield _round(ground, "rotation", patches, seconds, calls)
    ground.cluster.delete(f"{PULLS}/{name}")


def _round(ground: Ground, job: str, writes: list[Write], seconds: float, calls: int) -> Round:
    lean = ceiling(ground.plane.kubeconfig, [(one,) for one in writes], concurrency=ground.concurrency).seconds
    return Round(
        job=job,
        writes=len(writes),
        seconds=seconds,
        ceiling_seconds=lean,
        ratio=ratio(lean, seconds),
        aws_calls=calls,
    )


def _resource(name: str, secret: str) -> Object:
    host = f"{DEFAULT_ACCOUNT}.dkr.ecr.us-east-2.amazonaws.com"
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
