"""One number of resources on a control plane of its own: our operator, then the lean client; a peer on another.

A plane for each size, so that none carries what another left behind. Ours goes first: the lean client's resources
would be work for it. So that it does not pay for what is cold, a few resources are served beforehand that do not count.
"""

from __future__ import annotations

import time

from ..cluster import ECR, resource_path
from ..controlplane import Binaries, Reporter
from ..waiting import wait_for
from . import jobs, work
from .ceiling import Chain, Spent, ceiling
from .ground import Ground
from .records import Peer, Size
from .watching import RESOURCES, observer

WARM = 20
SPACING_SECONDS = 6.0
"""A token of the last 5 s would serve once more."""


def measure_size(
    binaries: Binaries, resources: int, *, concurrency: int, created: int, per_second: float, report: Reporter
) -> Size:
    """All that is measured with one number of resources.

    Args:
        binaries: of the control plane.
        resources: how many.
        concurrency: of the operator, and of the lean client.
        created: how many are created one after the other.
        per_second: how many of these in a second.
        report: called with each step.
    """

    def step(what: str) -> None:
        report(f"{resources:,} resources: {what}")

    with Ground(binaries, concurrency=concurrency) as ground:
        step("start with nothing to do")
        _warm_up(ground)
        idle = jobs.idle(ground.ours)
        ours, lean = work.places("ours", resources), work.places("lean", resources)
        step("first service")
        jobs.create(ground, ours)
        first = jobs.serve(ground, ground.ours, resources)
        sample_of_first = work.sample(ground, ours[0])
        step("restart")
        again = jobs.restart(ground, ground.ours)
        step("rotation")
        time.sleep(SPACING_SECONDS)
        ceiling(ground.plane.kubeconfig, [(work.request(place, "bench"),) for place in ours])
        rotated = jobs.serve(ground, ground.ours, resources, jobs.was_refreshed("bench"))
        sample_of_rotation = work.sample(ground, ours[0])
        step("a steady stream")
        streamed = jobs.stream(ground, ground.ours, work.places("stream", created + 1), per_second=per_second)
        step("the lean client")
        jobs.create(ground, lean)
        lean_first = _lean(ground, work.first_service(ground, sample_of_first, lean))
        lean_rotation = _lean(ground, work.rotation(ground, sample_of_rotation, lean))
    return Size(
        resources=resources,
        idle=idle,
        first_service=first.job(resources, lean=lean_first, start_cpu_seconds=idle.cpu_seconds),
        restart=again,
        rotation=rotated.job(resources, lean=lean_rotation, start_cpu_seconds=again.cpu_seconds),
        stream=streamed,
    )


def measure_peer(binaries: Binaries, resources: int, *, concurrency: int, lean: Spent, report: Reporter) -> Peer:
    """The peer on the same work, on a control plane of its own."""
    report(f"{resources:,} resources: the peer")
    with Ground(binaries, concurrency=concurrency) as ground:
        _warm_up(ground)
        idle = jobs.idle(ground.peer)
        jobs.create(ground, work.places("ours", resources))
        first = jobs.serve(ground, ground.peer, resources)
        again = jobs.restart(ground, ground.peer)
    job = first.job(resources, lean=lean, start_cpu_seconds=idle.cpu_seconds)
    return Peer(idle=idle, first_service=job, restart=again)


def _lean(ground: Ground, chains: list[Chain]) -> Spent:
    """As the operator's ServiceAccount, for which the API server has the same to check, and watched as it is."""
    with observer(ground.plane.kubeconfig, RESOURCES):
        return ceiling(ground.operator_kubeconfig, chains, concurrency=ground.concurrency)


def _warm_up(ground: Ground) -> None:
    for namespace in work.NAMESPACES:
        ground.cluster.namespace(namespace)
    warm = work.places("warm", WARM)
    jobs.create(ground, warm)
    jobs.serve(ground, ground.ours, WARM)
    for place in warm:
        ground.cluster.delete(resource_path("secrets", *place))
    wait_for(lambda: _nothing_left(ground), "the resources of the warm-up are gone", within=120)


def _nothing_left(ground: Ground) -> bool:
    managed = {"labelSelector": "app.kubernetes.io/managed-by=ecr-secret-operator"}
    return not ground.cluster.items(f"{ECR}/secrets") and not ground.cluster.items("/api/v1/secrets", **managed)
