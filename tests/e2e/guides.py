"""The resources that a guide shows, so that what is applied in a test is what a reader applies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from ecr_secret_operator_lab.cluster import Object

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
ACCOUNT = "123456789012"
FENCE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def resources(guide: str) -> Mapping[tuple[str, str], Object]:
    """What the YAML blocks of a guide hold, by kind and name, with an account's number filled in."""
    text = (GUIDES / guide).read_text().replace("${AWS_ACCOUNT_ID}", ACCOUNT)
    documents = [one for block in FENCE.findall(text) for one in yaml.safe_load_all(block) if "kind" in one]
    found = {(one["kind"], one["metadata"]["name"]): one for one in documents}
    assert len(found) == len(documents), f"{guide} has two resources of one kind and name"
    return found
