"""The API reference: every field of every kind, as the custom resource definitions have it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

Schema = dict[str, Any]

_HEAD = """\
# API reference

<!-- Generated from src/ecr_secret_operator/api by `make generate`. Do not edit. -->

Group and version `{version}`, category `ecr`. The same text is in the cluster: `kubectl explain ecrsecret.spec`. What
the reasons in a status mean is explained in [Status reasons](reasons.md).

{contents}
"""
_REQUIRED = "required"
_LIMITS = (
    ("maxLength", "at most {} characters"),
    ("maxItems", "at most {} entries"),
    ("maxProperties", "at most {} entries"),
)
_LISTS = {"set": "no entry twice", "map": "entries differ in {}"}


def page(definitions: Iterable[Schema]) -> str:
    """The whole page, as Markdown."""
    kinds = [definition["spec"] for definition in definitions]
    version = f"{kinds[0]['group']}/{kinds[0]['versions'][0]['name']}"
    contents = "\n".join(f"- [{spec['names']['kind']}](#{spec['names']['kind'].lower()})" for spec in kinds)
    return _HEAD.format(version=version, contents=contents) + "".join(_kind(spec) for spec in kinds)


def _kind(spec: Schema) -> str:
    names = spec["names"]
    schema = spec["versions"][0]["schema"]["openAPIV3Schema"]
    scope = "Cluster-scoped" if spec["scope"] == "Cluster" else "Namespaced"
    short = ", ".join(f"`{name}`" for name in names["shortNames"])
    parts = [f"\n## {names['kind']}\n\n{schema['description']}\n"]
    parts.append(f"\n{scope}; plural `{names['plural']}`, short name {short}.\n")
    for name in ("spec", "status"):
        if name in schema["properties"]:
            parts.append(f"\n### {names['kind']} {name}\n")
            parts.extend(_fields(schema["properties"][name], f"{names['kind']}.{name}"))
            rules = _own_rules(schema["properties"][name])
            listed = "".join(f"- {_prose(rule)}\n" for rule in rules)
            parts.append(f"\nRules for the whole {name}:\n\n{listed}" if rules else "")
    return "".join(parts)


def _fields(schema: Schema, path: str) -> Iterator[str]:
    """A section for each field, followed by those of the fields inside it. The kind makes each heading unique."""
    for name, field in schema.get("properties", {}).items():
        place = f"{path}.{name}"
        need = _REQUIRED if name in schema.get("required", ()) else _default(field)
        yield f"\n#### `{place}`\n\n*{_type(field)}, {need}*\n"
        if "description" in field:
            yield f"\n{_prose(field['description'])}\n"
        limits = list(_limits(field))
        if limits:
            yield "\n" + "".join(f"- {_prose(limit)}\n" for limit in limits)
        yield from _fields(field, place)
        if "items" in field:
            yield from _fields(field["items"], f"{place}[]")


def _prose(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")


def _default(field: Schema) -> str:
    if "default" not in field:
        return "optional"
    value = field["default"]
    return f"default `{str(value).lower() if isinstance(value, bool) else value}`"


def _type(field: Schema) -> str:
    if field["type"] == "array":
        return f"list of {_type(field['items'])}"
    if isinstance(field.get("additionalProperties"), dict):
        return f"map of {_type(field['additionalProperties'])}"
    return str(field.get("format", field["type"]))


def _limits(field: Schema) -> Iterator[str]:
    if "enum" in field:
        yield "one of " + ", ".join(f"`{value}`" for value in field["enum"])
    yield from _own_limits(field)
    inner = field.get("items") or field.get("additionalProperties")
    if isinstance(inner, dict):
        if "enum" in inner:
            yield "each one of " + ", ".join(f"`{value}`" for value in inner["enum"])
        yield from (f"each {limit}" for limit in _own_limits(inner))
    if field.get("x-kubernetes-list-type") in _LISTS:
        keys = " and ".join(f"`{key}`" for key in field.get("x-kubernetes-list-map-keys", ()))
        yield _LISTS[field["x-kubernetes-list-type"]].format(keys)


def _own_limits(schema: Schema) -> Iterator[str]:
    if schema.get("minLength") or schema.get("minItems"):
        yield "not empty"
    yield from (text.format(schema[key]) for key, text in _LIMITS if key in schema)
    yield from _own_rules(schema)


def _own_rules(schema: Schema) -> list[str]:
    """The message of a rule states what must be, or what is wrong."""
    messages = (rule["message"] for rule in schema.get("x-kubernetes-validations", ()))
    return [text if text.startswith(("must ", "may ", "at most ")) else f"rejected: {text}" for text in messages]
