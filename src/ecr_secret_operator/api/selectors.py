"""How namespaces are chosen: by label selector and by patterns of their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from ..errors import InvalidField, shown
from .fields import KEY_LIMIT, VALUE_LIMIT, Model, bounded, cel, matches, rule

_GLOB_PATTERN = "[A-Za-z0-9*?._:/@+=,-]+"
_GLOB_RULE = "may hold letters, digits, ._:/@+=,- and the wildcards * and ?"
MOST_ENTRIES = 100

MOST_LABEL_CHARACTERS = 1 << 15
"""Of all labels of a namespace, keys and values."""


@dataclass(frozen=True, slots=True)
class NamespaceLabels:
    """What counts of a Namespace.

    Attributes:
        oversized: whether its labels are too many to be kept, so that no selector can be judged.
    """

    name: str
    resource_version: str
    labels: Mapping[str, str]
    terminating: bool = False
    oversized: bool = False


def _valid_glob(text: str) -> str:
    if not re.fullmatch(_GLOB_PATTERN, text):
        raise InvalidField(f"{shown(text)} is not a pattern: it {_GLOB_RULE}")
    return text


Glob = Annotated[
    str,
    bounded(600),
    AfterValidator(_valid_glob),
    Field(json_schema_extra={"maxLength": 600, **cel(rule(matches(_GLOB_PATTERN), _GLOB_RULE))}),
]

_EXTERNAL_ID_PATTERN = r"([A-Za-z0-9*?._:/@+=,-]|\{namespace\})+"
_EXTERNAL_ID_RULE = "may hold letters, digits, _+=,.@:/-, {namespace} and the wildcards * and ?"


def _valid_external_id_glob(text: str) -> str:
    if not re.fullmatch(_EXTERNAL_ID_PATTERN, text):
        raise InvalidField(f"{shown(text)} is not a pattern of external ids: it {_EXTERNAL_ID_RULE}")
    return text


ExternalIdGlob = Annotated[
    str,
    bounded(1224),
    AfterValidator(_valid_external_id_glob),
    Field(json_schema_extra={"maxLength": 1224, **cel(rule(matches(_EXTERNAL_ID_PATTERN), _EXTERNAL_ID_RULE))}),
]

_SET = Field(max_length=MOST_ENTRIES, json_schema_extra={"x-kubernetes-list-type": "set"})
Globs = Annotated[tuple[Glob, ...], _SET]
ExternalIdGlobs = Annotated[tuple[ExternalIdGlob, ...], _SET]


_Value = Annotated[str, bounded(VALUE_LIMIT), Field(json_schema_extra={"maxLength": VALUE_LIMIT})]


def _valid_key(key: str) -> str:
    if not key:
        raise InvalidField("is empty: name a label")
    return key


class Requirement(Model):
    """One requirement of a label selector."""

    model_config = ConfigDict(
        json_schema_extra=cel(
            rule(
                "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
                "values are needed for In and NotIn, and for those only",
            )
        )
    )

    key: Annotated[
        str,
        bounded(KEY_LIMIT),
        AfterValidator(_valid_key),
        Field(json_schema_extra={"minLength": 1, "maxLength": KEY_LIMIT}),
    ]
    """Key of the label."""

    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How the label is compared with values. A namespace without the label satisfies NotIn."""

    values: Annotated[
        tuple[_Value, ...],
        Field(max_length=MOST_ENTRIES),
    ] = ()
    """Values for In and NotIn."""

    @model_validator(mode="after")
    def _values_fit(self) -> Requirement:
        if (self.operator in ("In", "NotIn")) != bool(self.values):
            raise InvalidField("values are needed for In and NotIn, and for those only")
        return self

    def satisfied_by(self, labels: Mapping[str, str]) -> bool:
        """As Kubernetes judges it."""
        if self.operator == "Exists":
            return self.key in labels
        if self.operator == "DoesNotExist":
            return self.key not in labels
        return (labels.get(self.key) in self.values) == (self.operator == "In")


class LabelSelector(Model):
    """A label selector, as elsewhere in Kubernetes. Empty: all namespaces."""

    matchLabels: Annotated[  # noqa: N815 - Kubernetes' name
        Mapping[str, _Value],
        Field(max_length=MOST_ENTRIES),
    ] = {}
    """Labels that a namespace must have, with these values."""

    matchExpressions: Annotated[  # noqa: N815 - Kubernetes' name
        tuple[Requirement, ...],
        Field(max_length=MOST_ENTRIES, json_schema_extra={"x-kubernetes-list-type": "atomic"}),
    ] = ()
    """Requirements that the labels of a namespace must all satisfy."""

    @property
    def needs_labels(self) -> bool:
        """Whether the labels make a difference."""
        return bool(self.matchLabels or self.matchExpressions)

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Whether something with these labels is selected."""
        return self.matchLabels.items() <= labels.items() and all(
            requirement.satisfied_by(labels) for requirement in self.matchExpressions
        )


class NamespaceSelection(Model):
    """Selects namespaces that match every field that is set; all namespaces if none is set."""

    selector: LabelSelector = LabelSelector()
    """Selects by labels. Each namespace has the label kubernetes.io/metadata.name."""

    include: Globs = ()
    """Selects by name: patterns such as team-*, of which one must match. Empty: every name."""

    exclude: Globs = ()
    """Patterns of names that are never selected."""

    def selects(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether a namespace is one of them."""
        if any(fnmatchcase(name, glob) for glob in self.exclude):
            return False
        named = not self.include or any(fnmatchcase(name, glob) for glob in self.include)
        return named and self.selector.matches(labels)
