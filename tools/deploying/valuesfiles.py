"""Writes the values as values.yaml, as JSON schema and as a table."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .values import Values

Object = dict[str, Any]

DIALECT = "http://json-schema.org/draft-07/schema#"
_WIDTH = 116
_DROPPED = ("$defs", "$ref", "title", "default")


def json_schema() -> str:
    """For Helm, which refuses values that do not fit it."""
    raw = Values.model_json_schema(by_alias=True)
    schema = {"$schema": DIALECT, "title": "Values of the ECR Secret Operator's chart"}
    return json.dumps({**schema, **_plain(raw, raw.get("$defs", {}))}, indent=2) + "\n"


def _plain(schema: Object, definitions: Object) -> Object:
    """References put in place; no name is left that Helm's validator would show and that means nothing to a reader."""
    if "$ref" in schema:
        schema = {**definitions[schema["$ref"].rpartition("/")[2]], **schema}
    plain = {key: value for key, value in schema.items() if key not in _DROPPED}
    if "description" in plain:
        plain["description"] = " ".join(plain["description"].split())
    if "properties" in schema:
        plain["properties"] = {name: _plain(value, definitions) for name, value in schema["properties"].items()}
    if "items" in schema:
        plain["items"] = _plain(schema["items"], definitions)
    if "additionalProperties" in schema:
        more = schema["additionalProperties"]
        plain["additionalProperties"] = _plain(more, definitions) if isinstance(more, dict) else more
    return plain


def _fields(group: BaseModel) -> Iterator[tuple[str, FieldInfo, Any]]:
    for attribute, field in type(group).model_fields.items():
        yield field.alias or attribute, field, getattr(group, attribute)


def _text(field: FieldInfo) -> str:
    return " ".join((field.description or "").split())


def defaults_yaml(group: BaseModel | None = None, depth: int = 0) -> str:
    """The defaults, each with its meaning as a comment above it."""
    written = []
    for name, field, value in _fields(group or Values()):
        comment = textwrap.fill(_text(field), _WIDTH - 2 * depth, initial_indent="# ", subsequent_indent="# ")
        if isinstance(value, BaseModel):
            entry = f"{comment}\n{name}:\n{defaults_yaml(value, depth + 1)}"
        else:
            entry = f"{comment}\n{yaml.safe_dump({name: value}, sort_keys=False, width=_WIDTH)}"
        written.append(entry if depth == 0 else textwrap.indent(entry, "  "))
    return ("\n" if depth == 0 else "").join(written)


def templated_defaults(group: BaseModel | None = None, depth: int = 0) -> str:
    """What takes the place of values that are null, as YAML.

    A default is in a list of its own, which tells a value that is a mapping from a group of values.
    """
    written = ""
    for name, _, value in _fields(group or Values()):
        nested = isinstance(value, BaseModel)
        inner = f"\n{templated_defaults(value, depth + 1)}" if nested else f" {json.dumps([value])}\n"
        written += f"{'  ' * depth}{name}:{inner}"
    return written


def markdown(group: BaseModel | None = None, prefix: str = "") -> str:
    """The table as the chart's README shows it."""
    rows = "" if prefix else "| value | default | meaning |\n|---|---|---|\n"
    for name, field, value in _fields(group or Values()):
        if isinstance(value, BaseModel):
            rows += markdown(value, f"{prefix}{name}.")
        else:
            rows += f"| `{prefix}{name}` | `{json.dumps(value)}` | {_text(field)} |\n"
    return rows
