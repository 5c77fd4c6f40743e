"""Objects as requests bring them, made into objects as they are stored."""

from __future__ import annotations

from typing import Any

import msgspec

from . import core, names
from .kinds import Kind, Place
from .messages import FieldError, Object, Refused, Request, bad_request
from .metadata import metadata_errors, read_metadata, update_errors
from .patches import merged, patched
from .schema import ABSENT

_OWN = ("apiVersion", "kind", "metadata")
_CREATED = ("creationTimestamp", "uid", "generation", "deletionTimestamp", "deletionGracePeriodSeconds")


def decoded_body(request: Request) -> Any:
    """The body of a request. Raises Refused."""
    try:
        return msgspec.json.decode(request.body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise bad_request(f"error decoding the request: {error}") from None


def read_object(kind: Kind, body: Any, known: Object | None = None) -> Object:
    """The known fields of an object, with defaults. Raises Refused.

    Args:
        kind: of the object.
        body: as a request brings it, or a patch makes it.
        known: the stored object. Parts that are the same Python object are not read once more.
    """
    if not isinstance(body, dict):
        raise bad_request(f"the request is no {kind.kind}")
    _check_type(kind, body)
    known = known or {}
    meta = read_metadata(body, kind, known.get("metadata", {}))
    if kind.schema is None:
        content = core.read_content(kind, body)
    else:
        complete = kind.schema.complete(body, known)
        content = {name: value for name, value in complete.items() if name not in _OWN}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta, **content}


def _check_type(kind: Kind, body: Object) -> None:
    """Raises Refused if the body is an object of another kind. Built-in kinds may leave out what they are."""
    given_kind, given_version = body.get("kind") or "", body.get("apiVersion") or ""
    if kind.schema is not None and not given_kind:
        text = msgspec.json.encode(body).decode()
        raise bad_request(
            f"the object provided is unrecognized (must be of type {kind.kind}): Object 'Kind' is missing in '{text}'"
            f" ({text})"
        )
    if (given_version or kind.api_version) != kind.api_version:
        raise bad_request(
            f"the API version in the data ({given_version}) does not match the expected API version"
            f" ({kind.api_version})"
        )
    if (given_kind or kind.kind) != kind.kind:
        raise bad_request(f'{given_kind} in version "{kind.version}" cannot be handled as a {kind.kind}')


def changed_body(request: Request, found: Object) -> Any:
    """What a PUT or PATCH makes of an object. Raises Refused."""
    body = decoded_body(request)
    if request.method == "PUT":
        return body
    if request.content.endswith("json-patch+json"):
        if not isinstance(body, list):
            raise bad_request("a JSON patch is a list of operations")
        return patched(found, body)
    if request.content.endswith("merge-patch+json") and isinstance(body, dict):
        return merged(found, body)
    raise Refused(415, "UnsupportedMediaType", f"the body of the request was in an unknown format: {request.content}")


def fresh(kind: Kind, new: Object, *, uid: str, time: str) -> Object:
    """A new object with what the server sets."""
    meta = {name: value for name, value in new["metadata"].items() if name not in _CREATED}
    given = new["metadata"].get("generation")
    generation = given if kind.schema is None else 1
    numbered = {} if generation is None else {"generation": generation}
    made = {**new, "metadata": {**meta, "uid": uid, "creationTimestamp": time, **numbered}}
    if kind.schema is not None and kind.status:
        made.pop("status", None)
    return core.prepare(kind, made, None, subresource="") if kind.schema is None else made


def renewed(place: Place, new: Object, old: Object) -> Object:
    """An updated object, with those parts of the old one that this request may not change."""
    kind, before, meta = place.kind, old["metadata"], new["metadata"]
    if place.subresource and kind.schema is not None:
        kept = {name: value for name, value in old.items() if name != "status"}
        status = {"status": new["status"]} if "status" in new else {}
        return {**kept, **status, "metadata": {**before}}
    kept = {name: before[name] for name in _CREATED if name in before and name != "uid"}
    dropped = {name: value for name, value in meta.items() if name not in _CREATED or name == "uid"}
    made = {**new, "metadata": {**dropped, "uid": meta.get("uid") or before["uid"], **kept}}
    if kind.schema is None:
        return core.prepare(kind, made, old, subresource=place.subresource)
    if kind.status:
        made.pop("status", None)
        if "status" in old:
            made["status"] = old["status"]
    if _content(made) != _content(old):
        made["metadata"]["generation"] = before["generation"] + 1
    return made


def _content(found: Object) -> Object:
    return {name: value for name, value in found.items() if name != "metadata"}


def errors_of(place: Place, new: Object, old: Object | None) -> list[FieldError]:
    """What is wrong with an object that is to be stored."""
    kind, meta = place.kind, new["metadata"]
    before = old["metadata"] if old else {}
    changes = update_errors(meta, before) if old else []
    if kind.schema is None:
        own = metadata_errors(meta, before, core.name_errors(kind))
        found = [*changes, *own, *core.content_errors(kind, new, old)]
    else:
        schema, check = kind.schema, names.segment_errors if old else names.subdomain_errors
        content = schema.errors(new, old or ABSENT, status=bool(place.subresource))
        found = [*metadata_errors(meta, before, check), *changes, *content]
    return list(dict.fromkeys(found))


def same(new: Object, old: Object) -> bool:
    """Whether two objects are equal except for managedFields and the version."""
    if new.keys() != old.keys() or any(new[name] != old[name] for name in new if name != "metadata"):
        return False
    skipped = {"managedFields", "resourceVersion"}
    one = {name: value for name, value in new["metadata"].items() if name not in skipped}
    other = {name: value for name, value in old["metadata"].items() if name not in skipped}
    return one == other


def without_copies(new: Object) -> Object:
    """An object without ownerReferences that it has already."""
    owners = new["metadata"].get("ownerReferences")
    if not owners:
        return new
    unique = [one for index, one in enumerate(owners) if one not in owners[:index]]
    return new if len(unique) == len(owners) else {**new, "metadata": {**new["metadata"], "ownerReferences": unique}}
