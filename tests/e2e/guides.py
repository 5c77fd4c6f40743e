"""The resources that a guide shows, so that what is applied in a test is what a reader applies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from ecr_secret_operator_lab.cluster import Object

DOCS = Path(__file__).parents[2] / "docs"
GUIDES, SEED = DOCS / "guides", DOCS / "examples" / "seed.yaml"
ACCOUNT = "123456789012"
FENCE = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def documents(path: Path) -> list[Object]:
    """What a YAML file, or the YAML blocks of a page, hold, with an account's number filled in."""
    text = path.read_text().replace("${AWS_ACCOUNT_ID}", ACCOUNT)
    blocks = FENCE.findall(text) if path.suffix == ".md" else [text]
    return [one for block in blocks for one in yaml.safe_load_all(block) if "kind" in one]


def resources(guide: str) -> Mapping[tuple[str, str], Object]:
    """What a guide shows, by kind and name."""
    shown = documents(GUIDES / guide)
    found = {(one["kind"], one["metadata"]["name"]): one for one in shown}
    assert len(found) == len(shown), f"{guide} has two resources of one kind and name"
    return found
