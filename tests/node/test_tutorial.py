"""The tutorial for a cluster does what it says: its commands are typed into a shell.

Those that install the operator are typed before all tests, and those that remove it after them (`conftest`).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from ecr_secret_operator_lab.cluster import ECR, Cluster, resource_path
from ecr_secret_operator_lab.fakeaws import FakeAws

from ..cluster.resources import PLURALS
from ..lab.test_quick_start import plain
from . import page
from .installing import Installation, a_reader
from .publishing import Publisher

pytestmark = pytest.mark.xdist_group("tutorial")


def test_every_section_is_typed() -> None:
    assert page.sections() == [page.VARIABLES, page.INSTALL, *page.USE, page.REMOVE]
    names = {"REGISTRY", "REGISTRY_USER", "REGISTRY_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert page.variables() == names | {"ECR", "IMAGE"}


def test_a_pod_pulls_and_each_command_prints_what_the_page_shows(
    installation: Installation, cluster: Cluster, publisher: Publisher, shared_aws: FakeAws, tmp_path: Path
) -> None:
    installation.rolled_out()
    for plural in PLURALS.values():
        for one in cluster.items(f"{ECR}/{plural}"):  # of other tests: a reader has none
            cluster.delete(resource_path(plural, one["metadata"]["namespace"], one["metadata"]["name"]))
    reader = a_reader(installation.node, publisher, shared_aws, tmp_path, IMAGE=publisher.push_busybox("web", "1.0"))
    told = reader.succeeds(page.typed(*page.USE))
    removal, *_ = page.blocks(page.REMOVE, "bash")
    reader.succeeds(removal)
    printed = {plain(line) for line in told.splitlines()}
    shown = [line for section in page.USE for block in page.blocks(section, "console") for line in block.splitlines()]
    assert [line for line in shown if plain(line) not in printed] == [], told
    installation.rolled_out()
