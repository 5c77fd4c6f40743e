"""One custom resource as the operator sees it, and the keys by which everything is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from .model import CommonSpec


class Key(NamedTuple):
    """Names one custom resource. What the work queue holds, and all that it holds."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Key | None:
        """Reads what `str()` wrote; None when it is something else."""
        parts = text.split("/")
        return cls(*parts) if len(parts) == 3 else None  # noqa: PLR2004 - kind, namespace, name


@dataclass(frozen=True, slots=True)
class InvalidSpec:
    """A spec that cannot be served, and the sentence that says why and what to do."""

    message: str


@dataclass(frozen=True, slots=True)
class Resource:
    """A custom resource, parsed.

    Attributes:
        key: kind, namespace and name.
        uid: its identity: another resource of the same name has another one.
        resource_version: of the version seen.
        generation: counts the changes of the spec.
        created_at: RFC 3339, as the API server wrote it; compares as text.
        deleting: whether it has a deletion timestamp.
        refresh_request: value of the annotation that asks for a refresh; empty when there is none.
        spec: the parsed spec, or why it cannot be served.
        status: as it is stored.
    """

    key: Key
    uid: str
    resource_version: str
    generation: int
    created_at: str
    deleting: bool
    refresh_request: str
    spec: CommonSpec | InvalidSpec
    status: Mapping[str, Any]


def condition_of(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """The condition of a type in a status, whatever else may be stored there; empty when it has none."""
    conditions = status.get("conditions")
    for condition in conditions if isinstance(conditions, list) else []:
        if isinstance(condition, dict) and condition.get("type") == kind:
            return condition
    return {}
