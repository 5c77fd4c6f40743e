"""Structural schemas: they prune unknown fields, set defaults and validate values, also with CEL rules.

Source: apiextensions-apiserver (pruning, defaulting, listtype, cel) and kube-openapi (validation). An update does not
validate unchanged values again (CRDValidationRatcheting).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from .cel import CelError, compile_rule
from .messages import FieldError
from .quoting import quoted, shown

ABSENT: Any = object()
"""The value of a field that is absent."""

_TYPES: Mapping[str, type] = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int}
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
_Rule = tuple[Callable[[Any], Any], str, str]
_TYPE = frozenset({"apiVersion", "kind", "metadata"})
_UNCHECKED = (
    "some validation rules were not checked because the object was invalid; correct the existing errors to complete"
    " validation"
)


def _kind_of(value: Any) -> str:
    if value is None:
        return "null"
    for name in ("boolean", "integer", "string", "array", "object"):
        if isinstance(value, _TYPES[name]):
            return name
    return "number"


def duplicate(path: str, value: Any) -> FieldError:
    """An item of a set, or a key of a map, that is there twice."""
    return FieldError("FieldValueDuplicate", path, f"Duplicate value: {shown(value)}")


class Schema:
    """One node of a structural schema.

    Args:
        raw: the node, as a CRD has it.
    """

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self.type: str = raw.get("type", "object")
        self.properties = {name: Schema(one) for name, one in raw.get("properties", {}).items()}
        self.items = Schema(raw["items"]) if "items" in raw else None
        additional = raw.get("additionalProperties")
        self.additional = Schema(additional) if isinstance(additional, Mapping) else None
        self.default = raw.get("default", ABSENT)
        self._raw = raw
        self._required: list[str] = raw.get("required", [])
        self._keys: list[str] = raw.get("x-kubernetes-list-map-keys", [])
        self._list_type = raw.get("x-kubernetes-list-type")
        self._rules: list[_Rule] = [
            (compile_rule(rule["rule"]), rule.get("message", "").strip(), rule.get("fieldPath", ""))
            for rule in raw.get("x-kubernetes-validations", [])
        ]
        inner = [*self.properties.values(), *filter(None, (self.items, self.additional))]
        self.has_lists: bool = self._list_type in {"set", "map"} or any(one.has_lists for one in inner)
        self.has_rules: bool = bool(self._rules) or any(one.has_rules for one in inner)
        self._defaults = {name: one.default for name, one in self.properties.items() if one.default is not ABSENT}

    def complete(self, found: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
        """A resource without unknown fields and with its defaults, beyond parts that are those of a stored one."""
        kept = {name: value for name, value in found.items() if name in _TYPE or value is known.get(name, ABSENT)}
        rest = {name: value for name, value in found.items() if name not in kept}
        return {**kept, **self._completed_object(rest)}

    def completed(self, value: Any) -> Any:
        """A value without unknown fields and with its defaults; the same object if it is complete."""
        if isinstance(value, dict):
            return self._completed_object(value)
        if isinstance(value, list) and self.items:
            changed = [self.items.completed(one) for one in value]
            return value if all(one is other for one, other in zip(changed, value, strict=True)) else changed
        return value

    def _completed_object(self, value: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, one in value.items():
            schema = self.properties.get(name) or self.additional
            if schema is None or (one is None and schema.default is ABSENT):
                continue
            result[name] = schema.default if one is None else schema.completed(one)
        for name, default in self._defaults.items():
            result.setdefault(name, default)
        same = len(result) == len(value) and all(result[name] is value.get(name, ABSENT) for name in result)
        return value if same else result

    def errors(self, value: Any, old: Any = ABSENT, *, status: bool = False) -> list[FieldError]:
        """What is wrong with a resource, beyond what is as it was before.

        Args:
            value: the whole resource.
            old: as it was before.
            status: whether nothing but its status is looked at.
        """
        found = [*(self._status_errors(value, old) if status else self.check(value, old, ""))]
        found += self.repeated(value, old, "")
        if any(one.blocks_rules for one in found):
            return [*found, FieldError("FieldValueInvalid", "<nil>", f"Invalid value: null: {_UNCHECKED}")]
        return [*found, *self.broken_rules(value, old, "")]

    def _status_errors(self, value: Any, old: Any) -> Iterable[FieldError]:
        """What is wrong with the status alone. Messages name fields as if the status was the whole resource."""
        if "status" in value:
            for one in self.properties["status"].check(value["status"], old.get("status", ABSENT), ""):
                yield replace(one, field=_child("status", one.field))

    def check(self, value: Any, old: Any, path: str) -> Iterable[FieldError]:
        """Types, lengths, numbers and required fields."""
        if value is old or value == old:
            return
        expected, given = _TYPES[self.type], _kind_of(value)
        if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
            yield _type_error(path, self.type, given)
            return
        yield from _limits(self._raw, value, path)
        for name, one, before, schema, where in self._parts(value, old, path):
            if not (path == "" and name == "metadata"):
                yield from schema.check(one, before, where)
        if isinstance(value, dict):
            for name in self._required:
                if name not in value:
                    yield FieldError("FieldValueRequired", _child(path, name), "Required value")

    def repeated(self, value: Any, old: Any, path: str) -> Iterable[FieldError]:
        """Items that are twice in a set, or keys in a map."""
        if not self.has_lists or value is old:
            return
        for _, one, before, schema, where in self._parts(value, old, path):
            yield from schema.repeated(one, before, where)
        if self._list_type not in {"set", "map"} or not isinstance(value, list):
            return
        seen: list[Any] = []
        for index, one in enumerate(value):
            mapped = self._list_type == "map" and isinstance(one, dict)
            key = {name: one[name] for name in self._keys if name in one} if mapped else one
            if key in seen:
                yield duplicate(f"{path}[{index}]", key)
            seen.append(key)

    def broken_rules(self, value: Any, old: Any, path: str) -> Iterable[FieldError]:
        """CEL rules that are not satisfied."""
        if not self.has_rules or value is old or value == old:
            return
        for rule, message, where in self._rules:
            try:
                if rule(value) is not True:
                    text = f"Invalid value: {message}" if isinstance(value, dict | list) else _invalid(value, message)
                    yield FieldError("FieldValueInvalid", path + where, text)
            except CelError as error:
                text = f"{error} evaluating rule: {message}"
                yield FieldError("FieldValueInvalid", path, f"Invalid value: {quoted(self.type)}: {text}")
        for _, one, before, schema, inner in self._parts(value, old, path):
            yield from schema.broken_rules(one, before, inner)

    def _parts(self, value: Any, old: Any, path: str) -> Iterable[tuple[str, Any, Any, Schema, str]]:
        """Name, value, earlier value, schema and path of each field or item that has a schema."""
        if isinstance(value, dict):
            before = old if isinstance(old, dict) else {}
            for name, one in value.items():
                schema = self.properties.get(name)
                if schema is not None:
                    yield name, one, before.get(name, ABSENT), schema, _child(path, name)
                elif self.additional is not None:
                    yield name, one, before.get(name, ABSENT), self.additional, _child(path, name)
        elif isinstance(value, list) and self.items:
            for index, one in enumerate(value):
                yield "", one, self._before(one, old), self.items, f"{path}[{index}]"

    def _before(self, item: Any, old: Any) -> Any:
        """The earlier item of a list that has the same keys; only lists of type map know which one that is."""
        if not isinstance(old, list) or not self._keys or not isinstance(item, dict):
            return ABSENT
        wanted = [item.get(name) for name in self._keys]
        return next((one for one in old if [one.get(name) for name in self._keys] == wanted), ABSENT)


def _child(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _invalid(value: Any, text: str) -> str:
    return f"Invalid value: {shown(value)}: {text}"


def _type_error(path: str, wanted: str, given: str) -> FieldError:
    message = f"{path} in body must be of type {wanted}: {quoted(given)}"
    return FieldError("FieldValueTypeInvalid", path, _invalid(given, message))


def _limits(raw: Mapping[str, Any], value: Any, path: str) -> Iterable[FieldError]:
    """Lengths, numbers of items and the closed list of values."""
    if isinstance(value, str):
        yield from _text_limits(raw, value, path)
    elif isinstance(value, list):
        if "maxItems" in raw and len(value) > raw["maxItems"]:
            yield _too_many(path, len(value), raw["maxItems"])
        if "minItems" in raw and len(value) < raw["minItems"]:
            text = f"{path} in body should have at least {raw['minItems']} items"
            yield FieldError("FieldValueInvalid", path, _invalid(len(value), text))
    elif isinstance(value, dict) and "maxProperties" in raw and len(value) > raw["maxProperties"]:
        yield _too_many(path, len(value), raw["maxProperties"])
    if "enum" in raw and value not in raw["enum"]:
        allowed = ", ".join(quoted(one) for one in raw["enum"])
        text = f"Unsupported value: {shown(value)}: supported values: {allowed}"
        yield FieldError("FieldValueNotSupported", path, text)


def _text_limits(raw: Mapping[str, Any], value: str, path: str) -> Iterable[FieldError]:
    if "maxLength" in raw and len(value) > raw["maxLength"]:
        text = f"Too long: may not be more than {raw['maxLength']} bytes"
        yield FieldError("FieldValueTooLong", path, text)
    if "minLength" in raw and len(value) < raw["minLength"]:
        text = f"{path} in body should be at least {raw['minLength']} chars long"
        yield FieldError("FieldValueInvalid", path, _invalid(value, text))
    if raw.get("format") == "date-time" and not _is_time(value):
        yield FieldError(
            "FieldValueTypeInvalid",
            path,
            _invalid(value, f"{path} in body must be of type date-time: {quoted(value)}"),
        )


def _is_time(text: str) -> bool:
    if not _TIME.fullmatch(text):
        return False
    try:
        datetime.fromisoformat(text.upper())
    except ValueError:
        return False
    return True


def _too_many(path: str, actual: int, most: int) -> FieldError:
    return FieldError("FieldValueTooMany", path, f"Too many: {actual}: must have at most {most} items")
