"""Faults of replicas, of the network and of AWS, and restarts. Actions, as those of `actors`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .world import World


def crash(world: World, replica: str, when: str, request: int, down: float) -> None:
    """Kills a replica: now, or before or after the effect of one of its next requests. It starts again later."""
    found = world.replicas[replica]
    if when == "now":
        found.crash(down)
    else:
        found.crash_at(request, after=when == "after", down=down)


def pause(world: World, replica: str, seconds: float, request: int = 0) -> None:
    """Stops a replica like SIGSTOP, for some time: now, or at one of its next requests or calls to AWS."""
    if request:
        world.replicas[replica].pause_at(request, seconds)
    else:
        world.replicas[replica].pause(seconds)


def sleep(world: World, replica: str, seconds: float) -> None:
    """Puts the machine of a replica to sleep."""
    world.replicas[replica].sleep(seconds)


def jump(world: World, replica: str, seconds: float) -> None:
    """Sets the wall clock of a replica's machine."""
    world.replicas[replica].jump(seconds)


def partition(world: World, replica: str, seconds: float) -> None:
    """Cuts a replica off from the API server, for some time."""
    world.replicas[replica].partition(seconds)


def trouble(world: World, replica: str, how: str, seconds: float) -> None:
    """Disturbs the requests of a replica, for some time."""
    world.replicas[replica].disturb(how, seconds)


def compact(world: World) -> None:
    """The API server forgets all past changes: watches that begin again get 410."""
    world.cluster.compact()


def aws(world: World, how: str, seconds: float) -> None:
    """Disturbs AWS, for some time."""
    until = world.loop.since_boot() + seconds
    weather = world.aws.weather
    setattr(weather, f"{how}_until", max(until, getattr(weather, f"{how}_until")))


def restart(world: World, replica: str, workers: int) -> None:
    """Stops a replica as the kubelet does, and starts it with other settings."""
    world.replicas[replica].restart(workers)
