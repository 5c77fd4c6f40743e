"""A small image, made on the spot, pushed and pulled by crane."""

from __future__ import annotations

import subprocess

from ecr_secret_operator_lab.registry import Refusal, Registry, Tools, pack, unpack

from ..cluster.resources import HOST

FAR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"

__all__ = ["FAR", "HOST", "content", "pull", "push", "why_refused"]


def push(tools: Tools, image: str, text: str = "hello") -> subprocess.CompletedProcess[str]:
    """Makes an image of one layer and pushes it."""
    pack(tools.home / "layer.tar", {"app/greeting": text.encode()})
    return tools.crane("append", "--new_layer", "layer.tar", "--new_tag", image)


def pull(tools: Tools, image: str) -> subprocess.CompletedProcess[str]:
    """Pulls all of an image."""
    return tools.crane("export", image, "pulled.tar")


def content(tools: Tools) -> dict[str, bytes]:
    """What was pulled."""
    return unpack(tools.home / "pulled.tar")


def why_refused(registry: Registry, *, after: int) -> set[Refusal]:
    """What a client that was let in nowhere was told, by 401s alone."""
    handled = registry.requests(after=after)
    assert {one.status for one in handled} == {401}
    return {one.refusal for one in handled if one.refusal is not None}
