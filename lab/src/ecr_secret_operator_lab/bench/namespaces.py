"""Many namespaces: one ClusterPullSecret, from its creation until all are served, and from a rotation until all are."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..cluster import ECR, Object, secret_path
from ..fakeaws.records import DEFAULT_ACCOUNT
from .api import Write
from .ceiling import ceiling
from .figures import ratio
from .ground import Ground
from .records import Round
from .watching import MANAGED, SECRETS, observer, seen
from .work import own, versions

PULLS = f"{ECR}/clusterpullsecrets"
REFRESH = "ecr.mobb.redhat.com/refresh"


class Served(NamedTuple):
    """What was seen of the operator in one job.

    Attributes:
        job: its name.
        seconds: until all namespaces had it.
        aws_calls: that the fake AWS counted.
        secret: one of the Secrets as it was stored then.
    """

    job: str
    seconds: float
    aws_calls: int
    secret: Object


def make_namespaces(ground: Ground, count: int) -> list[str]:
    """Creates namespaces and gives their names."""
    names = [f"bench-{number:05}" for number in range(count)]
    body = [Write("POST", "/api/v1/namespaces", {"metadata": {"name": name}}) for name in names]
    ceiling(ground.plane.kubeconfig, [(one,) for one in body])
    return names


def served(ground: Ground, names: Sequence[str], *, number: int) -> tuple[Served, Served]:
    """First service and rotation, by the operator.

    Args:
        ground: with the operator running.
        names: the namespaces to serve.
        number: of the round; each has Secrets of its own.
    """
    name, ours = f"round-{number}", f"ours-{number}"

    def job(what: str, cause: Write, before: Object | None) -> Served:
        def wanted(one: Object) -> bool:
            return bool(one["metadata"]["name"] == ours and (before is None or one["data"] != before["data"]))

        calls = ground.last_call()
        seconds = seen(ground.plane.kubeconfig, cause, wanted, len(names))
        found = ground.cluster.request("GET", secret_path(names[0], ours))
        return Served(what, seconds, ground.last_call() - calls, found)

    first = job("first service", Write("POST", PULLS, _resource(name, ours)), None)
    time.sleep(6)  # a token of the last 5 s would serve once more
    request = {"metadata": {"annotations": {REFRESH: f"round {number}"}}}
    return first, job("rotation", Write("PATCH", f"{PULLS}/{name}", request), first.secret)


def compared(ground: Ground, names: Sequence[str], done: tuple[Served, Served], *, number: int) -> Iterator[Round]:
    """The same writes by the lean client: as the operator's ServiceAccount, and watched as the operator's are.

    Args:
        ground: without an operator, for which these Secrets would be work.
        names: the namespaces.
        done: what the operator did.
        number: of the round.
    """
    first, rotation = done
    lean = f"lean-{number}"
    yield _round(ground, first, [Write("POST", secret_path(one), _twin(first.secret, lean, one)) for one in names])
    stored = versions(ground, SECRETS)
    changes = ((one, {**own(rotation.secret), **stored[one, lean]}) for one in names)
    yield _round(
        ground,
        rotation,
        [
            Write("PATCH", secret_path(one, lean), {"metadata": change, "data": rotation.secret["data"]})
            for one, change in changes
        ],
    )


def _round(ground: Ground, done: Served, writes: list[Write]) -> Round:
    with observer(ground.plane.kubeconfig, SECRETS, labelSelector=MANAGED):
        chains = [(one,) for one in writes]
        spent = ceiling(ground.operator_kubeconfig, chains, concurrency=ground.concurrency)
    return Round(
        job=done.job,
        writes=len(writes),
        seconds=done.seconds,
        ceiling_seconds=spent.seconds,
        ratio=ratio(spent.seconds, done.seconds),
        aws_calls=done.aws_calls,
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
    """The same Secret under another name."""
    metadata = {**own(secret), "name": name, "namespace": namespace}
    return {"apiVersion": "v1", "kind": "Secret", "type": secret["type"], "metadata": metadata, "data": secret["data"]}
