"""Judges a resource as the API server would on `kubectl apply`, without a cluster. Pure.

- Fields that the definition does not have are named: the API server refuses them with `fieldValidation=Strict`, and
  drops them with a warning otherwise.
- Nulls are dropped, as no field of these definitions is `nullable`.
- The rest is judged by the models, from which the definitions are generated.

Fields are those of the definitions that this version installs; there is no second list.

Sources: k8s.io/apiextensions-apiserver, `pkg/apiserver/schema/{pruning,defaulting}`; k8s.io/apimachinery, ObjectMeta.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from ..api.fields import API_VERSION, GROUP, VERSION, valid_label_key, valid_label_values, valid_name
from ..crds import Schema, all_definitions
from ..domain.identity.access_policy import parse_policy
from ..domain.kinds import KINDS
from ..domain.raw import RawObject, mapping, text
from ..domain.resource import InvalidSpec
from ..errors import InvalidField, shown

_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"type": "object", "additionalProperties": _TEXT}
_OWNER = ("apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion")
_MANAGED = ("manager", "operation", "apiVersion", "time", "fieldsType", "fieldsV1", "subresource")


_FREE: Schema = {"x-kubernetes-preserve-unknown-fields": True}


def _any(*names: str) -> Schema:
    return {"type": "object", "properties": dict.fromkeys(names, _FREE)}


METADATA: Schema = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("name", "generateName", "namespace", "selfLink", "uid", "resourceVersion"), _TEXT),
        **dict.fromkeys(("labels", "annotations"), _TEXTS),
        **_any("generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")["properties"],
        "finalizers": {"type": "array", "items": _TEXT},
        "ownerReferences": {"type": "array", "items": _any(*_OWNER)},
        "managedFields": {"type": "array", "items": _any(*_MANAGED)},
    },
}
"""ObjectMeta, which definitions leave to Kubernetes."""

OWN_KINDS = frozenset(KINDS) - {"Secret"}
"""Kinds whose names tell them from those of other groups."""

_ALIKE = 0.8
"""How alike two names of groups are for one to be taken for a misspelling of the other (difflib)."""

_KINDS = frozenset((*KINDS, *(one["spec"]["names"]["kind"] for one in all_definitions())))
_TYPES: Mapping[str, tuple[type, ...]] = {"object": (dict,), "array": (list,), "string": (str,)}
_LONGEST_NAME, _LONGEST_NAMESPACE = 253, 63


def is_ours(raw: RawObject) -> bool:
    """Whether a document is, or is meant to be, a resource of this operator."""
    return text(raw, "apiVersion").partition("/")[0] == GROUP


def incomplete(raw: RawObject) -> str:
    """What keeps a document from being an object of Kubernetes, as a sentence; empty when nothing does."""
    missing = [field for field in ("apiVersion", "kind") if not text(raw, field)]
    return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing" if missing else ""


def suspect(raw: RawObject) -> str:
    """Why a document of another group seems to be meant for this operator, as a sentence; empty when it does not."""
    version = text(raw, "apiVersion")
    group = version.partition("/")[0]
    own = text(raw, "kind") in OWN_KINDS or "generated_secret_name" in mapping(raw, "spec")
    if not is_ours(raw) and (own or get_close_matches(group, [GROUP], cutoff=_ALIKE)):
        return f"apiVersion {shown(version)} is not that of this operator: did you mean {API_VERSION}?"
    return ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the API server would make of a resource.

    Attributes:
        stored: the resource as it would be stored; empty if its kind is not known.
        unknown: sentences on fields that the definition does not have.
        problems: sentences on everything else that would be refused.
    """

    stored: Mapping[str, Any]
    unknown: Sequence[str] = ()
    problems: Sequence[str] = ()


def admitted(raw: RawObject) -> Verdict:
    """Judges a resource.

    Args:
        raw: a document of this operator's group.
    """
    kind = text(raw, "kind")
    if problem := _unknown_kind(raw):
        return Verdict({}, problems=[problem])
    schema = _schema(kind)
    stored = _without_nulls(raw, schema)
    problems = [*_repeated(stored, schema, ""), *_metadata(stored.get("metadata"))]
    spec = stored.get("spec")
    parsed = KINDS[kind].parse(spec) if kind in KINDS else parse_policy(spec)
    if isinstance(parsed, InvalidSpec):
        problems.append(parsed.message)
    return Verdict(stored, list(_unknown_fields(raw, schema, "", schema)), problems)


def _unknown_kind(raw: RawObject) -> str:
    kind, version = text(raw, "kind"), text(raw, "apiVersion").partition("/")[2]
    if version != VERSION:
        return f"apiVersion {shown(text(raw, 'apiVersion'))} is not known: write {API_VERSION}"
    if kind not in _KINDS:
        return f"kind {shown(kind)} is not known{_suggested(kind, _KINDS)}"
    return ""


@cache
def _schema(kind: str) -> Schema:
    (found,) = (one for one in all_definitions() if one["spec"]["names"]["kind"] == kind)
    schema: Schema = found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return {**schema, "properties": {**schema["properties"], "metadata": METADATA}}


def _unknown_fields(value: object, schema: Schema, path: str, root: Schema) -> Iterator[str]:
    """Sentences on fields that the definition does not have, with their paths as the API server writes them."""
    if schema is _FREE:
        return
    if isinstance(value, list):
        for number, one in enumerate(value):
            yield from _unknown_fields(one, schema.get("items", {}), f"{path}[{number}]", root)
    properties, others = schema.get("properties", {}), schema.get("additionalProperties")
    for name, one in value.items() if isinstance(value, Mapping) else ():
        place = f"{path}.{name}".removeprefix(".")
        if name in properties:
            yield from _unknown_fields(one, properties[name], place, root)
        elif others is not None:
            yield from _unknown_fields(one, others, place, root)
        else:
            yield f'unknown field "{place}"{_suggested(name, properties) or _elsewhere(name, root)}'


def _suggested(name: str, known: Iterator[str] | Sequence[str] | frozenset[str] | Mapping[str, object]) -> str:
    """The name that is most like another one, whichever way words are separated."""
    alike = {_folded(one): one for one in known}
    found = get_close_matches(_folded(name), alike, n=1)
    return f': did you mean "{alike[found[0]]}"?' if found else ""


def _folded(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


def _elsewhere(name: str, root: Schema) -> str:
    """The place of a field of this name, where there is one place only."""
    found = [path for path in _paths(root["properties"]["spec"], "spec") if path.endswith(f".{name}")]
    own = [path for path in found if "[" not in path] or found
    return f': did you mean "{own[0]}"?' if len(own) == 1 else ""


def _paths(schema: Schema, path: str) -> Iterator[str]:
    for name, one in schema.get("properties", {}).items():
        yield f"{path}.{name}"
        yield from _paths(one, f"{path}.{name}")
        yield from _paths(one.get("items", {}), f"{path}.{name}[]")


def _without_nulls(value: Any, schema: Schema) -> Any:  # noqa: ANN401 - whatever YAML holds
    """A value without the nulls that the API server drops: those of fields and of maps, not those of lists."""
    if not schema:
        return value
    if isinstance(value, list):
        return [_without_nulls(one, schema.get("items", {})) for one in value]
    if not isinstance(value, Mapping):
        return value
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", {})
    return {name: _without_nulls(one, properties.get(name, others)) for name, one in value.items() if one is not None}


def _repeated(value: object, schema: Schema, path: str) -> Iterator[str]:
    """Sentences on sets that name something twice. The operator itself accepts those that are stored."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from _repeated(one, schema.get("properties", {}).get(name, {}), f"{path}.{name}".removeprefix("."))
    if not isinstance(value, list):
        return
    for number, one in enumerate(value):
        yield from _repeated(one, schema.get("items", {}), f"{path}[{number}]")
        if schema.get("x-kubernetes-list-type") == "set" and one in value[:number]:
            yield f"{path}[{number}]: {shown(one)} is listed more than once"


def _metadata(metadata: object) -> Iterator[str]:
    """What Kubernetes itself refuses in metadata."""
    if not isinstance(metadata, dict):
        yield "metadata is missing, or is not an object"
        return
    error = list(_types(metadata))
    if error:
        yield from error
        return
    name, generated, namespace = (text(metadata, field) for field in ("name", "generateName", "namespace"))
    if not name and not generated:
        yield "metadata.name is missing"
    yield from _named("metadata.name", name, _LONGEST_NAME)
    yield from _named("metadata.namespace", namespace, _LONGEST_NAMESPACE)
    if "." in namespace:
        yield f"metadata.namespace: {shown(namespace)} is not the name of a namespace: it has a '.'"
    for field, keys in (("labels", mapping(metadata, "labels")), ("annotations", mapping(metadata, "annotations"))):
        for key in keys:
            if not valid_label_key(key if field == "labels" else key.lower()):
                yield f"metadata.{field}: {shown(key)} is not a metadata key that Kubernetes accepts"
    try:
        valid_label_values(mapping(metadata, "labels"))
    except InvalidField as error:
        yield f"metadata.labels: {error}"


def _named(field: str, name: str, longest: int) -> Iterator[str]:
    if not name:
        return
    try:
        valid_name(name)
    except InvalidField as error:
        yield f"{field}: {error}"
    if len(name) > longest:
        yield f"{field}: {shown(name)} is too long: at most {longest} characters are allowed"


def _types(metadata: RawObject) -> Iterator[str]:
    for name, value in metadata.items():
        schema = METADATA["properties"].get(name, {})
        if not _is(value, schema):
            yield f"metadata.{name} is not of type {schema['type']}"
        inner = schema.get("additionalProperties")
        for key, one in value.items() if inner and isinstance(value, Mapping) else ():
            if not _is(one, inner):
                yield f"metadata.{name}: the value of {shown(key)} is not a string: put it in quotes"


def _is(value: object, schema: Schema) -> bool:
    return "type" not in schema or isinstance(value, _TYPES[schema["type"]])
