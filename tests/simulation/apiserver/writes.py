"""Creates, updates and deletes objects, as the generic registry of the API server does.

Source: k8s.io/apiserver, pkg/registry/generic/registry/store.go.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from .admission import Admission, Review
from .kinds import NAMESPACES, Place
from .managed import Manager, Ownership, entries, took
from .messages import (
    FieldError,
    Object,
    Refused,
    Request,
    already_exists,
    bad_request,
    conflict,
    invalid,
    not_found,
    success,
)
from .metadata import time_text
from .objects import changed_body, decoded_body, errors_of, fresh, read_object, renewed, same, without_copies
from .quoting import quoted
from .state import State
from .store import Stored

Answer = Object | Stored
"""What a request brings: an object as it is stored now, or one that is not stored."""

CHANGED = "the object has been modified; please apply your changes to the latest version and try again"
_POLICIES = {"Orphan": "orphan", "Foreground": "foregroundDeletion"}


class Writer:
    """Changes what is stored."""

    def __init__(self, state: State, admission: Admission) -> None:
        self._state = state
        self._admission = admission

    def create(self, place: Place, request: Request, now: datetime) -> tuple[int, Answer]:
        """Creates the object in the body of a request. Raises Refused."""
        return self._create(place, read_object(place.kind, decoded_body(request)), request, now)

    def _create(self, place: Place, new: Object, request: Request, now: datetime) -> tuple[int, Answer]:
        kind, meta = place.kind, new["metadata"]
        if not meta.get("name") and meta.get("generateName"):
            meta["name"] = meta["generateName"] + self._state.next_suffix()
        place = Place(kind, place.namespace, meta.get("name", ""), "")
        _check_namespace(place, meta)
        self._admission.check_namespace(place)
        new = self._admitted("CREATE", place, request, new, None)
        new = without_copies(fresh(kind, new, uid=self._state.next_uid(), time=time_text(now)))
        errors = errors_of(place, new, None)
        if errors:
            raise invalid(kind.group, kind.kind, place.name, errors)
        self._admission.validate(Review("CREATE", place, request.user, new, None, request.dry_run))
        self._admission.charge(kind, request, place)
        if new["metadata"].get("resourceVersion"):
            raise Refused(500, "", "resourceVersion should not be set on objects to be created")
        existing = self._state.collection(kind).get(place.key)
        if existing is not None:
            deleting = "deletionTimestamp" in existing.value["metadata"]
            raise already_exists(kind.group, kind.plural, place.name, deleting=deleting)
        owned = took(None, new, {}, _manager(place, request), time_text(now))
        return 201, self._stored(place, new, owned, dry_run=request.dry_run)

    def update(self, place: Place, request: Request, now: datetime) -> tuple[int, Answer]:
        """Replaces or patches an object. Raises Refused."""
        kind = place.kind
        stored = self._state.collection(kind).get(place.key)
        if stored is None:
            if kind.upsert and request.method == "PUT":
                return self._upserted(place, request, now)
            raise not_found(kind.group, kind.plural, place.name)
        old = stored.value
        new = self._changed(place, request, old)
        new = self._admitted("UPDATE", place, request, new, old)
        _check_version(place, new["metadata"], old["metadata"])
        new = without_copies(renewed(place, new, old))
        errors = errors_of(place, new, old)
        if errors:
            raise invalid(kind.group, kind.kind, place.name, errors)
        self._admission.validate(Review("UPDATE", place, request.user, new, old, request.dry_run))
        if same(new, old):
            return 200, stored
        owned = took(old, new, stored.owned, _manager(place, request), time_text(now))
        if _is_released(new, old):
            return 200, self._released(place, new, owned, request)
        return 200, self._stored(place, new, owned, dry_run=request.dry_run)

    def _upserted(self, place: Place, request: Request, now: datetime) -> tuple[int, Answer]:
        """Creates an object that is not there by a PUT. A version that it names does not count."""
        new = read_object(place.kind, decoded_body(request))
        _check_identity(place, new["metadata"])
        _check_same(place, new["metadata"], {"uid": ""})
        new["metadata"].pop("resourceVersion", None)
        return self._create(place, new, request, now)

    def _changed(self, place: Place, request: Request, old: Object) -> Object:
        """The object that a request asks for. Raises Refused."""
        body = changed_body(request, old)
        try:
            new = read_object(place.kind, body, old)
        except Refused as refused:
            if request.method == "PUT" or place.kind.schema is not None:
                raise
            text = f"Invalid value: {quoted(msgspec.json.encode(body).decode())}: {refused}"
            raise invalid("", "", "", [FieldError("FieldValueInvalid", "patch", text)]) from None
        _check_identity(place, new["metadata"])
        if request.method == "PUT":
            _check_same(place, new["metadata"], old["metadata"])
        return new

    def _released(self, place: Place, new: Object, owned: Ownership, request: Request) -> Object:
        """The last finalizer of an object that is being deleted is gone: so is the object."""
        if not request.dry_run and not (place.kind is NAMESPACES and new["spec"].get("finalizers")):
            self._state.collection(place.kind).remove(place.key, self._state.next_revision())
        return {**new, "metadata": {**new["metadata"], "managedFields": entries(owned)}}

    def _admitted(self, operation: str, place: Place, request: Request, new: Object, old: Object | None) -> Object:
        review = Review(operation, place, request.user, new, old, request.dry_run)
        changed = self._admission.mutate(review)
        return new if changed is None or changed is new else read_object(place.kind, changed)

    def _stored(self, place: Place, new: Object, owned: Ownership, *, dry_run: bool) -> Answer:
        meta = {name: value for name, value in new["metadata"].items() if name != "managedFields"}
        if dry_run:
            return {**new, "metadata": {**meta, "managedFields": entries(owned)}}
        revision = self._state.next_revision()
        value = {
            **new,
            "metadata": {**meta, "resourceVersion": str(revision), "managedFields": entries(owned)},
        }
        stored = Stored(place.key, revision, value, owned, place.kind.type_bytes)
        self._state.collection(place.kind).put(stored)
        return stored

    def delete(self, place: Place, request: Request, now: datetime) -> tuple[int, Answer]:
        """Deletes an object, or marks it as one that is being deleted. Raises Refused."""
        kind = place.kind
        options: Mapping[str, Any] = decoded_body(request) if request.body else request.query
        self._admission.check_deletion(place)
        stored = self._state.collection(kind).get(place.key)
        if stored is None:
            raise not_found(kind.group, kind.plural, place.name)
        old = stored.value
        _check_preconditions(place, options.get("preconditions") or {}, old["metadata"])
        policy, dry_run = options.get("propagationPolicy", ""), "All" in (options.get("dryRun") or ())
        review = Review("DELETE", place, request.user, None, old, dry_run)
        self._admission.mutate(review)
        self._admission.validate(review)
        finalizers = list(old["metadata"].get("finalizers", ()))
        if policy in _POLICIES and _POLICIES[policy] not in finalizers:
            finalizers.append(_POLICIES[policy])
        if finalizers or (kind is NAMESPACES and old["spec"].get("finalizers")):
            return 200, self._marked(place, stored, finalizers, now, dry_run=dry_run)
        if not dry_run:
            self._state.collection(kind).remove(place.key, self._state.next_revision())
        if kind.returns_deleted:
            return 200, {**old, "metadata": {**old["metadata"], "resourceVersion": str(self._state.revision)}}
        group = {"group": kind.group} if kind.group else {}
        return 200, success({"name": place.name, **group, "kind": kind.plural, "uid": stored.uid})

    def _marked(self, place: Place, stored: Stored, finalizers: list[str], now: datetime, *, dry_run: bool) -> Answer:
        old, meta = stored.value, stored.value["metadata"]
        if "deletionTimestamp" in meta and finalizers == meta.get("finalizers", []):
            return stored
        marked = {**meta, "deletionTimestamp": meta.get("deletionTimestamp", time_text(now))}
        if place.kind is not NAMESPACES:
            marked["deletionGracePeriodSeconds"] = 0
        if finalizers:
            marked["finalizers"] = finalizers
        if "generation" in meta and "deletionTimestamp" not in meta:
            marked["generation"] = meta["generation"] + 1
        status = {"status": {**old["status"], "phase": "Terminating"}} if place.kind is NAMESPACES else {}
        return self._stored(place, {**old, **status, "metadata": marked}, stored.owned, dry_run=dry_run)


def _manager(place: Place, request: Request) -> Manager:
    return Manager(request.manager, place.subresource, place.kind.api_version)


def _check_namespace(place: Place, meta: Object) -> None:
    given = meta.get("namespace", "")
    if place.namespace and not given:
        meta["namespace"] = place.namespace
    elif given != place.namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")


def _check_identity(place: Place, meta: Object) -> None:
    name = meta.get("name", "")
    if name and name != place.name:
        raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({place.name})")
    if not name:
        meta["name"] = place.name
    _check_namespace(place, meta)


def _check_version(place: Place, meta: Object, old: Object) -> None:
    kind, given = place.kind, meta.get("resourceVersion", "")
    if given in {"", "0"}:
        if kind.unconditional:
            return
        text = "Invalid value: 0: must be specified for an update"
        error = FieldError("FieldValueInvalid", "metadata.resourceVersion", text)
        raise invalid(kind.group, kind.plural, place.name, [error])
    if given != old["resourceVersion"]:
        raise conflict(kind.group, kind.plural, place.name, CHANGED)


def _check_preconditions(place: Place, wanted: Mapping[str, str], old: Object) -> None:
    for name, field, perhaps in (
        ("UID", "uid", "deleted and then recreated"),
        ("ResourceVersion", "resourceVersion", "modified"),
    ):
        given = wanted.get(field)
        if given and given != old[field]:
            why = (
                f"the {name} in the precondition ({given}) does not match the {name} in record ({old[field]}). The"
                f" object might have been {perhaps}"
            )
            raise conflict(place.kind.group, place.kind.kind, place.name, why)


def _check_same(place: Place, meta: Object, old: Object) -> None:
    """A PUT that names a uid replaces no other object."""
    given = meta.get("uid")
    if given and given != old["uid"]:
        kind = place.kind
        folder = f"{kind.group}/{kind.plural}" if kind.schema is not None else kind.plural
        why = (
            f"StorageError: invalid object, Code: 4, Key: /registry/{folder}/{place.key}, ResourceVersion: 0,"
            f" AdditionalErrorMsg: Precondition failed: UID in precondition: {given}, UID in object meta: {old['uid']}"
        )
        raise conflict(kind.group, kind.plural, place.name, why)


def _is_released(new: Object, old: Object) -> bool:
    """Whether an update removes the last finalizer of an object that is being deleted."""
    before, after = old["metadata"], new["metadata"]
    return "deletionTimestamp" in before and bool(before.get("finalizers")) and not after.get("finalizers")
