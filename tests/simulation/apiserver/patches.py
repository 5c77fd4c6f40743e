"""JSON merge patches (RFC 7386) and JSON patches (RFC 6902). They make copies, which share unchanged parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .messages import Object, Refused, bad_request


class PatchFailed(Exception):
    """An operation of a JSON patch cannot be applied."""


def merged(found: Any, patch: Any) -> Any:
    """Applies a merge patch."""
    if not isinstance(patch, dict):
        return patch
    result = dict(found) if isinstance(found, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def patched(found: Object, operations: Sequence[Mapping[str, Any]]) -> Object:
    """Applies a JSON patch. Raises Refused (422) if an operation cannot be applied, (400) if it is none."""
    result: Any = found
    try:
        for operation in operations:
            result = _applied(result, operation)
    except PatchFailed as error:
        text = f"the server rejected our request due to an error in our request: {error}"
        raise Refused(422, "Invalid", "the server rejected our request due to an error in our request") from (
            PatchFailed(text)
        )
    if not isinstance(result, dict):
        raise bad_request("a JSON patch must give an object")
    return result


def _applied(found: Any, operation: Mapping[str, Any]) -> Any:
    name, path = operation.get("op"), operation.get("path")
    if not isinstance(path, str):
        raise bad_request("an operation of a JSON patch has no path")
    parts = _parts(path)
    match name:
        case "test":
            if _read(found, parts, absent=None) != operation.get("value"):
                raise PatchFailed(f"testing path {path} value failed")
            return found
        case "add" | "replace" | "remove":
            return _edited(found, parts, name, operation.get("value"))
        case "copy" | "move":
            origin = _parts(operation["from"])
            value = _read(found, origin[:-1])
            value = value.get(origin[-1]) if isinstance(value, dict) else _read(value, origin[-1:])
            rest = _edited(found, origin, "remove", None) if name == "move" else found
            return _edited(rest, parts, "add", value)
        case _:
            raise bad_request(f"unexpected kind of operation: {name}")


def _parts(path: str) -> list[str]:
    return [one.replace("~1", "/").replace("~0", "~") for one in path.split("/")[1:]]


_FAIL: Any = object()


def _read(found: Any, parts: Sequence[str], *, absent: Any = _FAIL) -> Any:
    for part in parts:
        if isinstance(found, dict) and part in found:
            found = found[part]
        elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
            found = found[int(part)]
        elif absent is _FAIL:
            raise PatchFailed(f"no value at {part}")
        else:
            return absent
    return found


def _edited(found: Any, parts: Sequence[str], name: str, value: Any) -> Any:
    if not parts:
        return value
    part, rest = parts[0], parts[1:]
    if isinstance(found, dict):
        return _edited_object(found, part, rest, name, value)
    if isinstance(found, list):
        return _edited_list(found, part, rest, name, value)
    raise PatchFailed(f"no object or list above {part}")


def _edited_object(found: Object, part: str, rest: Sequence[str], name: str, value: Any) -> Object:
    if part not in found and (rest or name == "remove"):  # replaces what is not there, too, as evanphx/json-patch does
        raise PatchFailed(f"{name} operation does not apply: no key {part}")
    result = dict(found)
    if rest:
        result[part] = _edited(found[part], rest, name, value)
    elif name == "remove":
        del result[part]
    else:
        result[part] = value
    return result


def _edited_list(found: list[Any], part: str, rest: Sequence[str], name: str, value: Any) -> list[Any]:
    result, end = list(found), len(found)
    if part == "-" and name == "add" and not rest:
        return [*result, value]
    if not part.isdecimal():
        raise PatchFailed(f"{part} is no index")
    index = int(part)
    inserts = name == "add" and not rest
    if index > end or (index == end and not inserts):
        raise PatchFailed(f"index {index} is out of bounds")
    if rest:
        result[index] = _edited(found[index], rest, name, value)
    elif inserts:
        result.insert(index, value)
    elif name == "remove":
        del result[index]
    else:
        result[index] = value
    return result
