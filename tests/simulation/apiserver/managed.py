"""Which field manager owns which fields: managedFields, as far as the operator reads them.

Names, operations, subresources and times of managers are those of a real API server. `fieldsV1` is left out.
Source: apimachinery, util/managedfields/internal/managedfieldsupdater.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from .messages import Object

_STRIPPED = frozenset((
    "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "managedFields",
    "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "generateName",
))  # fmt: skip
_STRUCTS = frozenset({"spec", "status", "involvedObject", "source"})
"""Fields of built-in kinds that no manager owns as a whole, because they are always present."""

_ATOMIC = frozenset({"imagePullSecrets", "matchExpressions"})
"""Lists that are owned as a whole."""

_KEYS = ("uid", "name", "type", "ecr_registry", "service_account", "namespace")

Path = tuple[str, ...]


class Manager(NamedTuple):
    """One entry of managedFields.

    Attributes:
        subresource: through which it wrote; empty for the object itself.
    """

    name: str
    subresource: str
    api_version: str


class Owned(NamedTuple):
    """What one manager owns, and when it last took something."""

    time: str
    fields: frozenset[Path]


Ownership = Mapping[Manager, Owned]


def took(before: Object | None, after: Object, owned: Ownership, manager: Manager, time: str) -> Ownership:
    """The ownership of fields after a write by a manager."""
    if before is not None and not owned:
        return owned  # nothing of the object was tracked when it was created (skipnonapplied.go)
    custom = "." in manager.api_version.partition(".k8s.io")[0]
    taken: set[Path] = set()
    gone: set[Path] = set()
    _compare(_tracked(before or {}, custom=custom), _tracked(after, custom=custom), (), taken, gone)
    taken.discard(())
    gone -= taken
    if not taken and not gone:
        return owned
    changed, result = taken | gone, {}
    for one, has in owned.items():
        fields = has.fields - (gone if one == manager else changed)
        if fields:
            result[one] = has._replace(fields=fields) if len(fields) < len(has.fields) else has
    if taken:
        mine = result.pop(manager, Owned(time, frozenset()))
        result[manager] = Owned(time, mine.fields | taken)
    return result


def entries(owned: Ownership) -> list[Object]:
    """The field managedFields."""
    return [
        {
            "manager": manager.name,
            "operation": "Update",
            "apiVersion": manager.api_version,
            "time": has.time,
            "fieldsType": "FieldsV1",
            **({"subresource": manager.subresource} if manager.subresource else {}),
        }
        for manager, has in sorted(owned.items(), key=lambda one: (one[1].time, one[0].name))
    ]


def _tracked(found: Object, *, custom: bool) -> Object:
    """The parts of an object that managers own, those of structs one by one."""
    parts: Object = {}
    for name, value in found.items():
        if name == "metadata":
            parts |= {f"metadata.{inner}": one for inner, one in value.items() if inner not in _STRIPPED}
        elif name in _STRUCTS and not custom:
            parts |= {f"{name}.{inner}": one for inner, one in value.items()}
        elif name not in {"apiVersion", "kind"}:
            parts[name] = value
    return parts


def _compare(old: Any, new: Any, path: Path, taken: set[Path], gone: set[Path]) -> None:
    """Adds the paths that are new or other to `taken`, and those that are no more to `gone`."""
    if old is new or old == new:
        return
    if isinstance(old, list) and isinstance(new, list) and path[-1] not in _ATOMIC:
        old, new = _by_key(old), _by_key(new)
    if not isinstance(old, dict) or not isinstance(new, dict):
        taken.update(_paths(new, path))
        gone.update(_paths(old, path))
        return
    for name, value in new.items():
        if name in old:
            _compare(old[name], value, (*path, name), taken, gone)
        else:
            taken.update(_paths(value, (*path, name)))
    for name in old.keys() - new.keys():
        gone.update(_paths(old[name], (*path, name)))


def _by_key(items: list[Any]) -> Object:
    return {_key(one): one for one in items}


def _paths(value: Any, path: Path) -> Iterator[Path]:
    yield path
    if isinstance(value, list) and path[-1] not in _ATOMIC:
        value = _by_key(value)
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _paths(one, (*path, name))


def _key(item: Any) -> str:
    if isinstance(item, dict):
        return next((f"{name}={item[name]}" for name in _KEYS if name in item), msgspec.json.encode(item).decode())
    return f"={item}"
