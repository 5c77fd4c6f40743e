"""What a node needs, and how its absence is reported. The node itself is tested in `tests/node`, as root."""

from __future__ import annotations

import os
import re

import pytest

from ecr_secret_operator_lab.controlplane.recipe import RECIPE
from ecr_secret_operator_lab.node import parts
from ecr_secret_operator_lab.node.parts import NODE_RECIPE, ensure_node
from ecr_secret_operator_lab.programs import BinariesError
from ecr_secret_operator_lab.reporting import print_progress

REPLACED = re.compile(r"^replace (k8s\.io/\S+) => \S+ (\S+)$", re.MULTILINE)


def test_the_node_is_of_the_control_planes_version() -> None:
    assert NODE_RECIPE.version == RECIPE.version
    assert REPLACED.findall(NODE_RECIPE.pinned("go.mod")) == REPLACED.findall(RECIPE.pinned("go.mod"))
    assert NODE_RECIPE.stamps == RECIPE.stamps


def test_only_root_gets_a_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(BinariesError, match=r"^Only root can start a node, .* Run this as root$"):
        ensure_node(print_progress)


def test_a_missing_tool_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(parts, "obstacle", str)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BinariesError, match=r"^A node needs unshare, which is not on PATH"):
        ensure_node(print_progress)
