"""How the tests read YAML files: strictly, and as programs read them that decode one document only."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from typing import Any

import yaml


class StrictLoader(yaml.SafeLoader):
    """Refuses a mapping that repeats a key, as kustomize does. PyYAML itself keeps the last value in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's
        """The mapping.

        Raises:
            ConstructorError: a key is repeated.
        """
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"duplicate key {key!r}", node.start_mark)
        return super().construct_mapping(node, deep)


def strict_documents(text: str) -> Iterator[Any]:
    """All documents of a stream that are not empty."""
    return (one for one in yaml.load_all(text, StrictLoader) if one is not None)


def first_document(text: str) -> Any:
    """What the YAML reader of k8s.io/apimachinery decodes first: all that stands before the first separator."""
    first = re.split(r"^---", text.removeprefix("---"), maxsplit=1, flags=re.MULTILINE)[0]
    return next(strict_documents(first), None)
