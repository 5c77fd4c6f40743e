"""One custom resource as the operator sees it, and the keys by which everything is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError

from ..api.fields import Model
from ..api.model import CommonSpec
from ..errors import SHOWN_CHARACTERS

M = TypeVar("M", bound=Model)

_SENTENCES = 5
"""How many mistakes a status names; a resource with more is seldom fixed from there."""


class Key(NamedTuple):
    """Names one custom resource. What the work queue holds, and all that it holds."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.namespace}/{self.name}"

    @property
    def tenant(self) -> str:
        """The group for fair shares: the namespace, or the cluster resource, which is in none."""
        return f"namespace {self.namespace}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def spoken(self) -> str:
        """As people name it."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"

    @property
    def cluster_key(self) -> Key:
        """The key of the cluster resource that this placement belongs to."""
        return self._replace(namespace="")

    def placement(self, namespace: str) -> Key:
        """The key of the placement of this cluster resource in a namespace."""
        return self._replace(namespace=namespace)

    @classmethod
    def parse(cls, text: str) -> Key | None:
        """Reads what `str()` wrote; None when it is something else."""
        parts = text.split("/")
        return cls(*parts) if len(parts) == 3 else None  # noqa: PLR2004 - kind, namespace, name


@dataclass(frozen=True, slots=True)
class InvalidSpec:
    """A spec that cannot be served, and the sentence that says why and what to do.

    Attributes:
        limited: whether the spec was not kept, because its namespace takes too much of the operator's memory.
    """

    message: str
    limited: bool = False


def parse_spec(model: type[M], raw: object) -> M | InvalidSpec:
    """Reads a spec as it is stored, whatever it is. Never raises: a bad one harms itself alone."""
    if not isinstance(raw, dict):
        return InvalidSpec("spec is missing, or is not an object")
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problems = error.errors(include_input=False)
        more = f"; and {len(problems) - _SENTENCES} more" if len(problems) > _SENTENCES else ""
        return InvalidSpec("; ".join(_sentence(problem) for problem in problems[:_SENTENCES]) + more)


def _sentence(problem: Mapping[str, Any]) -> str:
    place = ".".join(["spec", *(str(part)[:SHOWN_CHARACTERS] for part in problem["loc"])])
    text = str(problem["msg"]).removeprefix("Value error, ")
    return f"{place}: {text}"


@dataclass(frozen=True, slots=True)
class Resource:
    """A custom resource, parsed.

    Attributes:
        key: kind, namespace and name.
        uid: its identity: another resource of the same name has another one.
        resource_version: of the version seen.
        generation: counts the changes of the spec.
        created_at: RFC 3339, as the API server wrote it; compares as text.
        deleting: whether it has a deletion timestamp. It exists, and is governed, as long as finalizers hold it.
        refresh_request: value of the annotation that asks for a refresh; empty when there is none.
        spec: the parsed spec, or why it cannot be served.
        status: as it is stored.
        selected: false for the placement in a namespace that is no longer selected, whose Secret is removed.
        cluster: the cluster resource that this is a placement of; None for any other resource.
        identities_in: the namespace of the ServiceAccounts and Secrets that it names as identities; empty for its own.
        deleted_at: its deletion timestamp (RFC 3339).
        finalizers: those that hold it while it is being deleted.

    A cluster resource is served one namespace at a time, as a placement for each namespace that it selects. A placement
    is a resource in that namespace whose status stays in memory and is summed up in that of the cluster resource.
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
    selected: bool = True
    cluster: Key | None = None
    identities_in: str = ""
    deleted_at: str = ""
    finalizers: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Its namespace as messages name it. Placements do not name it, so that equal messages can be grouped."""
        return f"namespace {self.key.namespace}" if self.cluster is None else "the namespace"

    @property
    def home(self) -> str:
        """The namespace of the ServiceAccounts and Secrets that it names as identities."""
        return self.identities_in or self.key.namespace

    @property
    def requester(self) -> Key:
        """The key under which its tokens are requested: for a placement, that of its cluster resource."""
        return self.cluster or self.key

    def placement(self, namespace: str, status: Mapping[str, Any], *, selected: bool, identities_in: str) -> Resource:
        """The placement of this cluster resource in a namespace."""
        key = self.key.placement(namespace)
        return replace(self, key=key, status=status, selected=selected, cluster=self.key, identities_in=identities_in)


def condition_of(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """The condition of a type in a status, whatever else may be stored there; empty when it has none."""
    conditions = status.get("conditions")
    for condition in conditions if isinstance(conditions, list) else []:
        if isinstance(condition, dict) and condition.get("type") == kind:
            return condition
    return {}


def text_of(status: Mapping[str, Any], field: str) -> str:
    """A text in a status, whatever else may be stored there; empty when there is none."""
    value = status.get(field)
    return value if isinstance(value, str) else ""
