"""`metadata` of objects: what is read of it, what is checked, and what the server sets.

Source: apimachinery, pkg/api/validation/objectmeta.go; k8s.io/apiserver, pkg/registry/rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from . import names
from .kinds import Kind
from .messages import FieldError, Object, bad_request
from .quoting import shown

MOST_ANNOTATION_BYTES = 256 << 10

_TEXTS = ("name", "generateName", "namespace", "uid", "resourceVersion")
_TIMES = ("creationTimestamp", "deletionTimestamp")
_REQUIRED_OF_OWNER = ("kind", "name", "uid")
_MARKS = ("labels", "annotations", "ownerReferences")
_IMMUTABLE = ("name", "namespace", "uid")


@lru_cache(maxsize=16)
def time_text(moment: datetime) -> str:
    """A time as `metav1.Time` writes it."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")[:19] + "Z"


def read_metadata(body: Mapping[str, Any], kind: Kind, known: Mapping[str, Any]) -> Object:
    """What an object says of itself: known fields only, empty ones left out. Raises Refused.

    Args:
        body: the object.
        kind: of the object.
        known: the metadata of the stored object. Fields that are the same Python object are not read once more.
    """
    raw = body.get("metadata")
    if raw is known:
        return {name: value for name, value in known.items() if name != "managedFields"}
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise _unreadable(kind, "metadata")
    found: Object = {name: _text(raw[name], name, kind) for name in (*_TEXTS, *_TIMES) if raw.get(name)}
    for name in ("generation", "deletionGracePeriodSeconds"):
        if raw.get(name) is not None:
            found[name] = raw[name]
    for name in ("labels", "annotations"):
        if raw.get(name):
            same = raw[name] is known.get(name)
            found[name] = raw[name] if same else _texts(raw[name], name, kind)
    if raw.get("ownerReferences"):
        found["ownerReferences"] = [_owner(one, kind) for one in raw["ownerReferences"]]
    if raw.get("finalizers"):
        found["finalizers"] = [_text(one, "finalizers", kind) for one in raw["finalizers"]]
    return found


def _unreadable(kind: Kind, field: str) -> Exception:
    return bad_request(
        f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: json: cannot unmarshal into Go'
        f" struct field ObjectMeta.{field}"
    )


def _text(value: Any, field: str, kind: Kind) -> str:
    if not isinstance(value, str):
        raise _unreadable(kind, field)
    return value


def _texts(value: Any, field: str, kind: Kind) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(one, str | None) for one in value.values()):
        raise _unreadable(kind, field)
    return {key: one or "" for key, one in value.items()}


def _owner(raw: Any, kind: Kind) -> Object:
    if not isinstance(raw, dict):
        raise _unreadable(kind, "ownerReferences")
    found = {name: _text(raw.get(name) or "", name, kind) for name in ("apiVersion", "kind", "name", "uid")}
    flags = {name: raw[name] for name in ("controller", "blockOwnerDeletion") if raw.get(name) is not None}
    return {**found, **flags}


def invalid_value(field: str, value: Any, text: str) -> FieldError:
    """An error of the type `field.Invalid`."""
    return FieldError("FieldValueInvalid", field, f"Invalid value: {shown(value)}: {text}")


def required(field: str, text: str = "") -> FieldError:
    """An error of the type `field.Required`."""
    return FieldError("FieldValueRequired", field, f"Required value: {text}" if text else "Required value")


def forbidden_value(field: str, text: str) -> FieldError:
    """An error of the type `field.Forbidden`."""
    return FieldError("FieldValueForbidden", field, f"Forbidden: {text}")


def metadata_errors(meta: Object, old: Object, name_errors: Callable[[str], Sequence[str]]) -> list[FieldError]:
    """What is wrong with the metadata of an object that is to be stored. What is as it was before is right."""
    found: list[FieldError] = []
    name = meta.get("name", "")
    if not name:
        found.append(required("metadata.name", "name or generateName is required"))
    found += [invalid_value("metadata.name", name, one) for one in (name_errors(name) if name else ())]
    found += _marks_errors(meta, old)
    for one in meta.get("finalizers", ()):
        found += [invalid_value("metadata.finalizers", one, text) for text in names.key_errors(one)]
    return found


def _marks_errors(meta: Object, old: Object) -> Iterable[FieldError]:
    """What is wrong with labels, annotations and ownerReferences."""
    changed = {name: meta[name] for name in _MARKS if name in meta and meta[name] is not old.get(name)}
    for key, value in changed.get("labels", {}).items():
        yield from (invalid_value("metadata.labels", key, one) for one in names.key_errors(key))
        yield from (invalid_value("metadata.labels", value, one) for one in names.value_errors(value))
    size = 0
    for key, value in changed.get("annotations", {}).items():
        yield from (invalid_value("metadata.annotations", key, one) for one in names.key_errors(key.lower()))
        size += len(key.encode()) + len(value.encode())
    if size > MOST_ANNOTATION_BYTES:
        text = f"Too long: may not be more than {MOST_ANNOTATION_BYTES} bytes"
        yield FieldError("FieldValueTooLong", "metadata.annotations", text)
    yield from _owner_errors(changed.get("ownerReferences", []))


def _owner_errors(owners: list[Object]) -> Iterable[FieldError]:
    field, controller = "metadata.ownerReferences", ""
    for owner in owners:
        if not owner["apiVersion"].rpartition("/")[2]:
            yield invalid_value(f"{field}.apiVersion", owner["apiVersion"], "version must not be empty")
        for name in _REQUIRED_OF_OWNER:
            if not owner[name]:
                yield invalid_value(f"{field}.{name}", owner[name], "must not be empty")
        if owner.get("controller"):
            this = f"{owner['kind']}/{owner['name']}"
            if controller:
                text = (
                    'Only one reference can have Controller set to true. Found "true" in references for'
                    f" {controller} and {this}"
                )
                yield invalid_value(field, owners, text)
            controller = controller or this


def update_errors(meta: Object, old: Object) -> list[FieldError]:
    """What an update may not change in metadata."""
    found: list[FieldError] = []
    if "deletionTimestamp" in old:
        extra = sorted(set(meta.get("finalizers", ())) - set(old.get("finalizers", ())))
        if extra:
            listed = ", ".join(shown(one) for one in extra)
            text = (
                "no new finalizers can be added if the object is being deleted, found new finalizers"
                f" []string{{{listed}}}"
            )
            found.append(forbidden_value("metadata.finalizers", text))
    changed = [name for name in _IMMUTABLE if meta.get(name, "") != old.get(name, "")]
    found += [invalid_value(f"metadata.{name}", meta.get(name, ""), "field is immutable") for name in changed]
    return [*found, *_marks_errors(meta, old)]
