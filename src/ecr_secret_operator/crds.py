"""Custom resource definitions, generated from the models: one source for parsing, admission and `kubectl explain`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import BaseModel

from .api.fields import GROUP, VERSION
from .domain.identity.access_policy import POLICY_KIND, POLICY_PLURAL, AccessPolicySpec
from .domain.kinds import KINDS, Kind
from .domain.status.placements import MOST_LISTED

Schema = dict[str, Any]

_KEPT = frozenset((
    "additionalProperties",
    "default",
    "description",
    "enum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "minItems",
    "minLength",
    "properties",
    "required",
    "type",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-validations",
))  # fmt: skip


def _text(description: str) -> Schema:
    return {"type": "string", "description": description}


def _time(description: str) -> Schema:
    return {"type": "string", "format": "date-time", "description": description}


_CONDITION: Schema = {
    "type": "object",
    "required": ["type", "status", "reason", "message", "lastTransitionTime"],
    "properties": {
        "type": _text(
            "Ready: a valid token is stored for every registry. Refreshing: the last attempt to replace it succeeded."
            " PolicyAllowed: False if AccessPolicies in mode Audit would deny or change the resource in mode Enforce."
            " Linked: all ServiceAccounts of spec.link have the Secret."
        ),
        "status": {"type": "string", "enum": ["True", "False", "Unknown"], "description": "Status of the condition."},
        "reason": _text("Reason for the status. The documentation explains every reason."),
        "message": _text("Cause and remedy, as a sentence."),
        "observedGeneration": {
            "type": "integer",
            "format": "int64",
            "description": "Generation of the resource for which the condition was set.",
        },
        "lastTransitionTime": _time("Time when status last changed."),
    },
}

_STATUS: Schema = {
    "type": "object",
    "description": "Status of this resource, as the operator last observed it.",
    "properties": {
        "phase": _text(
            "Updated: a valid token is stored. Pending: no token yet, and you need not act. Error: you need to act, as"
            " the conditions say. Suspended: spec.suspend is true."
        ),
        "lastUpdatedTime": _time("Time when the generated Secret was last written."),
        "observedGeneration": {
            "type": "integer",
            "format": "int64",
            "description": "Generation of the resource for which this status was set.",
        },
        "expiresAt": _time("Time when the stored token expires."),
        "nextRefreshTime": _time("Time of the next refresh of the stored token."),
        "tokenLimit": _text(
            "What the stored tokens are limited to: the access, and the repositories if these are limited. Absent if a"
            " token may do all that its identity may."
        ),
        "lastHandledRefresh": _text(f"The value of the annotation {GROUP}/refresh that was last handled."),
        "conditions": {
            "type": "array",
            "description": "Ready, Refreshing and other conditions, each with a reason and a message.",
            "items": _CONDITION,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
        },
    },
}


def _count(description: str) -> Schema:
    return {"type": "integer", "format": "int32", "description": description}


_CLUSTER_STATUS: Schema = {
    **_STATUS,
    "properties": {
        **_STATUS["properties"],
        "namespaces": {
            "type": "object",
            "description": "Numbers of namespaces.",
            "properties": {
                "selected": _count("Namespaces that spec.namespaces selects."),
                "served": _count("Namespaces in which the Secret holds a valid token for every registry."),
                "failing": _count("Namespaces with a problem, including those in which only the last refresh failed."),
            },
        },
        "failingNamespaces": {
            "type": "array",
            "description": f"The first {MOST_LISTED} of the failing namespaces, by name.",
            "maxItems": MOST_LISTED,
            "items": {
                "type": "object",
                "required": ["namespace", "reason", "message"],
                "properties": {
                    "namespace": _text("Name of the namespace."),
                    "reason": _text("Reason, as in the conditions."),
                    "message": _text("Cause and remedy, as a sentence."),
                },
            },
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["namespace"],
        },
    },
}


def _structural(schema: Schema, definitions: Schema) -> Schema:
    """A pydantic JSON schema as the API server wants it: references put in place, titles left out."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = {**definitions[name], **{key: value for key, value in schema.items() if key != "$ref"}}
    kept = {key: value for key, value in schema.items() if key in _KEPT}
    if kept.get("default", "") in ("", None) or isinstance(kept.get("default"), dict | list):
        kept.pop("default", None)  # what is left out says the same
    if "description" in kept:
        kept["description"] = " ".join(kept["description"].split())
    if "properties" in kept:
        kept["properties"] = {key: _structural(value, definitions) for key, value in kept["properties"].items()}
    if "items" in kept:
        kept["items"] = _structural(kept["items"], definitions)
    return kept


def _spec(model: type[BaseModel]) -> Schema:
    raw = model.model_json_schema(mode="validation")
    return _structural(raw, raw.get("$defs", {}))


_WIDE = 1
"""Priority of a column that kubectl shows with `-o wide` only. A registry host has 46 characters or more."""

_AGE: Schema = {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}


_CLUSTER_COLUMNS: list[Schema] = [
    {"name": "Served", "type": "integer", "jsonPath": ".status.namespaces.served"},
    {"name": "Selected", "type": "integer", "jsonPath": ".status.namespaces.selected"},
]


def _columns(kind: Kind) -> list[Schema]:
    def condition(field: str) -> str:
        return f'.status.conditions[?(@.type=="Ready")].{field}'

    heading, path = kind.registry_column
    return [
        {"name": "Ready", "type": "string", "jsonPath": condition("status")},
        {"name": "Reason", "type": "string", "jsonPath": condition("reason")},
        {"name": "Secret", "type": "string", "jsonPath": ".spec.generated_secret_name"},
        {"name": heading, "type": "string", "jsonPath": path, "priority": _WIDE},
        *(_CLUSTER_COLUMNS if kind.clustered else []),
        {"name": "Expires", "type": "string", "jsonPath": ".status.expiresAt"},
        {"name": "Limit", "type": "string", "jsonPath": ".status.tokenLimit", "priority": _WIDE},
        _AGE,
    ]


@dataclass(frozen=True, slots=True)
class _Names:
    kind: str
    plural: str
    short_names: tuple[str, ...]
    scope: str


def definition(kind: Kind) -> Schema:
    """The CustomResourceDefinition of one kind that generates a Secret."""
    names = _Names(kind.name, kind.plural, kind.short_names, "Cluster" if kind.clustered else "Namespaced")
    status = _CLUSTER_STATUS if kind.clustered else _STATUS
    return _definition(names, _schema(names, kind.description, _spec(kind.spec), status=status), _columns(kind))


def policy_definition() -> Schema:
    """The CustomResourceDefinition of AccessPolicy."""
    names = _Names(POLICY_KIND, POLICY_PLURAL, ("ecrpolicy",), "Cluster")
    description = (
        "Limits which namespaces may use which Amazon ECR registries, regions and AWS identities, and what their tokens"
        " may do. While no AccessPolicy exists, every namespace may use everything that the operator can use. Once any"
        " exists, a resource is served only if one policy selects its namespace and allows its registry, region,"
        " identity and token."
    )
    columns: list[Schema] = [
        {"name": "Mode", "type": "string", "jsonPath": ".spec.mode"},
        {"name": "Ambient", "type": "boolean", "jsonPath": ".spec.ambient_identity"},
        {"name": "Registries", "type": "string", "jsonPath": ".spec.registries"},
        {"name": "Roles", "type": "string", "jsonPath": ".spec.role_arns"},
        {"name": "Access", "type": "string", "jsonPath": ".spec.limit.access", "priority": _WIDE},
        {"name": "Repositories", "type": "string", "jsonPath": ".spec.limit.repositories", "priority": _WIDE},
        _AGE,
    ]
    return _definition(names, _schema(names, description, _spec(AccessPolicySpec)), columns)


def _schema(names: _Names, description: str, spec: Schema, *, status: Schema | None = None) -> Schema:
    return {
        "type": "object",
        "description": description,
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}"},
            "kind": {"type": "string", "description": names.kind},
            "metadata": {"type": "object"},
            "spec": spec,
            **({"status": status} if status else {}),
        },
    }


def _definition(names: _Names, schema: Schema, columns: list[Schema]) -> Schema:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{names.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": names.kind,
                "listKind": f"{names.kind}List",
                "plural": names.plural,
                "singular": names.kind.lower(),
                "shortNames": list(names.short_names),
                "categories": ["ecr"],
            },
            "scope": names.scope,
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    **({"subresources": {"status": {}}} if "status" in schema["properties"] else {}),
                    "additionalPrinterColumns": columns,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


def all_definitions() -> list[Schema]:
    """The CustomResourceDefinitions of all kinds."""
    return [*(definition(kind) for kind in KINDS.values()), policy_definition()]


class _Dumper(yaml.SafeDumper):
    """Writes no anchors, because each definition is read alone."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def to_yaml(documents: Iterable[Schema]) -> str:
    """Several objects as one YAML stream, in ASCII: YAML's own escapes stand for everything else."""
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=120, explicit_start=True)
