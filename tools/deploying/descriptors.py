"""Descriptors of fields, by which OLM's consoles make forms and pages: from the definitions' own schemas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Object = dict[str, Any]

_UI = "urn:alm:descriptor:com.tectonic.ui:"
_CORE = "urn:alm:descriptor:io.kubernetes"
_BY_TYPE = {"boolean": f"{_UI}booleanSwitch", "integer": f"{_UI}number", "string": f"{_UI}text"}
_BY_NAME = {
    "service_account": f"{_CORE}:ServiceAccount",
    "credentials_secret": f"{_CORE}:Secret",
    "selector": f"{_UI}selector:core:v1:Namespace",
}
_BY_STATUS = {"phase": f"{_CORE}.phase", "conditions": f"{_CORE}.conditions"}
_ACRONYMS = {"arn": "ARN", "arns": "ARNs", "aws": "AWS", "ecr": "ECR", "id": "id", "url": "URL"}
_ADVANCED = f"{_UI}advanced"


def spec_descriptors(spec: Object) -> list[Object]:
    """For each field of a spec; those that need not be set are in the form's advanced part."""
    required = spec.get("required", [])
    return [
        _described(path, schema, *_control(path, schema), *([] if path in required else [_ADVANCED]))
        for path, schema in _fields(spec)
    ]


def status_descriptors(status: Object) -> list[Object]:
    """For each field of a status, on its first level."""
    return [
        _described(name, schema, _BY_STATUS.get(name, f"{_UI}text")) for name, schema in status["properties"].items()
    ]


def _fields(schema: Object, prefix: str = "") -> Iterator[tuple[str, Object]]:
    """The fields, and those of the objects among them."""
    for name, field in schema["properties"].items():
        yield f"{prefix}{name}", field
        if "properties" in field and name not in _BY_NAME:
            yield from _fields(field, f"{prefix}{name}.")


def _control(path: str, schema: Object) -> list[str]:
    name = path.rpartition(".")[2]
    if name in _BY_NAME:
        return [_BY_NAME[name]]
    if "enum" in schema:
        return [f"{_UI}select:{value}" for value in schema["enum"]]
    return [_BY_TYPE[schema["type"]]] if schema["type"] in _BY_TYPE else []


def _described(path: str, schema: Object, *controls: str) -> Object:
    words = path.rpartition(".")[2].replace("_", " ")
    spaced = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in words).split()
    name = " ".join(_ACRONYMS.get(word, word) for word in spaced)
    return {
        "path": path,
        "displayName": name[0].upper() + name[1:],
        "description": schema["description"],
        **({"x-descriptors": list(controls)} if controls else {}),
    }
