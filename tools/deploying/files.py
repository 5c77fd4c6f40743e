"""How a generated YAML file begins."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ecr_secret_operator.crds import to_yaml

SEPARATOR = "---\n"


def yaml_file(heading: str, objects: Iterable[dict[str, Any]]) -> str:
    """A comment and objects.

    No separator follows the comment. Programs that decode only the first document of a file, such as OLM, opm and the
    validators of operator-framework, otherwise read the comment as an empty document and ignore the objects.
    """
    return heading + to_yaml(objects).removeprefix(SEPARATOR)
