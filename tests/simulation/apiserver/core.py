"""The built-in kinds: what of them is stored, and which values they may have.

Source: kubernetes, pkg/apis/core/validation, pkg/apis/coordination/validation and the strategies in pkg/registry.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from . import names
from .kinds import ACCOUNTS, CONFIG_MAPS, EVENTS, LEASES, NAMESPACES, QUOTAS, SECRETS, Kind
from .messages import FieldError, Object, bad_request
from .metadata import forbidden_value, invalid_value, required

MOST_SECRET_BYTES = 1 << 20
DOCKER_CONFIG_KEYS = {
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/dockercfg": ".dockercfg",
}
ACCOUNT_TOKEN, ACCOUNT_NAME = "kubernetes.io/service-account-token", "kubernetes.io/service-account.name"
_REFERENCE = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
_MICRO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d)")
_JSON_TYPES = {list: "array", str: "string", bool: "bool", int: "number", float: "number"}
_IMMUTABLE = "field is immutable when `immutable` is set"
_STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")
_NEEDED_KEYS = {
    "kubernetes.io/ssh-auth": ("ssh-privatekey",),
    "kubernetes.io/tls": ("tls.crt", "tls.key"),
}


def _unreadable(kind: Kind, why: str) -> Exception:
    return bad_request(f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {why}')


def _secret(body: Object) -> Object:
    data = {key: value or "" for key, value in (body.get("data") or {}).items()}
    for value in data.values():
        try:
            b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise _unreadable(SECRETS, "illegal base64 data at input byte 0") from None
    texts = body.get("stringData") or {}
    data = {**data, **{key: b64encode(text.encode()).decode() for key, text in texts.items()}}
    immutable = body.get("immutable")
    return {
        **({"data": data} if data else {}),
        **({} if immutable is None else {"immutable": immutable}),
        "type": body.get("type") or "Opaque",
    }


def _account(body: Object) -> Object:
    pulls = [{"name": one["name"]} if one.get("name") else {} for one in body.get("imagePullSecrets") or ()]
    mounts = [{name: one[name] for name in _REFERENCE if one.get(name)} for one in body.get("secrets") or ()]
    mounted = body.get("automountServiceAccountToken")
    return {
        **({"secrets": mounts} if mounts else {}),
        **({"imagePullSecrets": pulls} if pulls else {}),
        **({} if mounted is None else {"automountServiceAccountToken": mounted}),
    }


def _namespace(body: Object) -> Object:
    return {"spec": body.get("spec") or {}, "status": body.get("status") or {}}


def _micro(text: Any) -> str:
    if not _MICRO.fullmatch(text):
        raise _unreadable(LEASES, f'parsing time "{text}" as "2006-01-02T15:04:05.000000Z07:00"')
    moment = datetime.fromisoformat(text)
    return str(text) if text.endswith("Z") else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _lease(body: Object) -> Object:
    raw = body.get("spec") or {}
    plain = ("holderIdentity", "leaseDurationSeconds", "leaseTransitions", "strategy", "preferredHolder")
    spec = {name: raw[name] for name in plain if raw.get(name) is not None}
    spec |= {name: _micro(raw[name]) for name in ("acquireTime", "renewTime") if raw.get(name)}
    return {"spec": spec}


def _event(body: Object) -> Object:
    return {
        "involvedObject": body.get("involvedObject") or {},
        "reason": body.get("reason", ""),
        "message": body.get("message", ""),
        "source": body.get("source") or {},
        "firstTimestamp": body.get("firstTimestamp"),
        "lastTimestamp": body.get("lastTimestamp"),
        "count": body.get("count", 0),
        "type": body.get("type", ""),
        "eventTime": body.get("eventTime"),
        **({"related": body["related"]} if body.get("related") else {}),
        "reportingComponent": body.get("reportingComponent", ""),
        "reportingInstance": body.get("reportingInstance", ""),
    }


def _quota(body: Object) -> Object:
    return {"spec": body.get("spec") or {}, "status": body.get("status") or {}}


def _config_map(body: Object) -> Object:
    return {name: body[name] for name in ("data", "binaryData", "immutable") if body.get(name)}


_READERS: Mapping[Kind, Callable[[Object], Object]] = {
    SECRETS: _secret,
    ACCOUNTS: _account,
    NAMESPACES: _namespace,
    LEASES: _lease,
    EVENTS: _event,
    QUOTAS: _quota,
    CONFIG_MAPS: _config_map,
}


def read_content(kind: Kind, body: Object) -> Object:
    """The known fields of an object of a built-in kind, without metadata. Raises Refused."""
    try:
        return _READERS[kind](body)
    except (AttributeError, TypeError):
        raise _unreadable(kind, "json: cannot unmarshal a value of another type") from None


def prepare(kind: Kind, new: Object, old: Object | None, *, subresource: str) -> Object:
    """An object as its strategy prepares it, before it is validated. The parts that may not change are the old ones."""
    if kind is NAMESPACES:
        return _prepared_namespace(new, old)
    if kind is QUOTAS:
        kept = "spec" if subresource else "status"
        return {**new, kept: old[kept] if old else {}}
    return new


def _prepared_namespace(new: Object, old: Object | None) -> Object:
    meta = new["metadata"]
    labels = {**meta.get("labels", {}), "kubernetes.io/metadata.name": meta["name"]}
    parts = {"spec": old["spec"], "status": old["status"]} if old else _fresh_namespace(new)
    return {**new, "metadata": {**meta, "labels": labels}, **parts}


def _fresh_namespace(new: Object) -> Object:
    finalizers = new["spec"].get("finalizers", [])
    added = finalizers if "kubernetes" in finalizers else [*finalizers, "kubernetes"]
    return {"spec": {"finalizers": added}, "status": {"phase": "Active"}}


def name_errors(kind: Kind) -> Callable[[str], Sequence[str]]:
    """What checks the names of a kind."""
    return {NAMESPACES: names.label_errors, EVENTS: names.segment_errors}.get(kind, names.subdomain_errors)


def content_errors(kind: Kind, new: Object, old: Object | None) -> list[FieldError]:
    """What is wrong with an object of a built-in kind, beyond its metadata."""
    if kind is LEASES:
        return _lease_errors(new["spec"])
    found = _finalizer_errors(new["metadata"].get("finalizers", ()))
    if kind is SECRETS:
        return [*(_secret_changes(new, old) if old else ()), *found, *_secret_errors(new)]
    return [*found, *_event_errors(new)] if kind is EVENTS else found


def _finalizer_errors(finalizers: Sequence[str]) -> list[FieldError]:
    text = "name is neither a standard finalizer name nor is it fully qualified"
    return [
        invalid_value(f"metadata.finalizers[{index}]", one, text)
        for index, one in enumerate(finalizers)
        if "/" not in one and one not in _STANDARD_FINALIZERS
    ]


def _secret_errors(secret: Object) -> list[FieldError]:
    data, kind, found, size = secret.get("data", {}), secret["type"], [], 0
    for key, value in data.items():
        found += [invalid_value(f"data[{key}]", key, one) for one in names.data_key_errors(key)]
        size += len(value) * 3 // 4 - value.count("=")
    if size > MOST_SECRET_BYTES:
        text = f"Too long: may not be more than {MOST_SECRET_BYTES} bytes"
        found.append(FieldError("FieldValueTooLong", "data", text))
    if kind in DOCKER_CONFIG_KEYS:
        found += _docker_errors(data, DOCKER_CONFIG_KEYS[kind])
    if kind == ACCOUNT_TOKEN and not secret["metadata"].get("annotations", {}).get(ACCOUNT_NAME):
        found.append(required(f"metadata.annotations[{ACCOUNT_NAME}]"))
    if kind == "kubernetes.io/basic-auth" and data.keys().isdisjoint({"username", "password"}):
        found += [required("data[username]"), required("data[password]")]
    found += [required(f"data[{key}]") for key in _NEEDED_KEYS.get(kind, ()) if key not in data]
    return found


def _docker_errors(data: Mapping[str, str], key: str) -> list[FieldError]:
    field = f"data[{key}]"
    if key not in data:
        return [required(field)]
    try:
        found = json.loads(b64decode(data[key]))
    except ValueError:
        return [invalid_value(field, "<secret contents redacted>", "invalid character")]
    if found is None or isinstance(found, dict):
        return []
    given = _JSON_TYPES[type(found)]
    text = f"json: cannot unmarshal {given} into Go value of type map[string]interface {{}}"
    return [invalid_value(field, "<secret contents redacted>", text)]


def _secret_changes(new: Object, old: Object) -> list[FieldError]:
    found = []
    if new["type"] != old["type"]:
        found.append(invalid_value("type", new["type"], "field is immutable"))
    if old.get("immutable"):
        if not new.get("immutable"):
            found.append(forbidden_value("immutable", _IMMUTABLE))
        if new.get("data", {}) != old.get("data", {}):
            found.append(forbidden_value("data", _IMMUTABLE))
    return found


def _lease_errors(spec: Object) -> list[FieldError]:
    found = []
    if spec.get("leaseDurationSeconds", 1) <= 0:
        text = "must be greater than 0"
        found.append(invalid_value("spec.leaseDurationSeconds", spec["leaseDurationSeconds"], text))
    if spec.get("leaseTransitions", 0) < 0:
        text = "must be greater than or equal to 0"
        found.append(invalid_value("spec.leaseTransitions", spec["leaseTransitions"], text))
    return found


def _event_errors(event: Object) -> list[FieldError]:
    about, where = event["involvedObject"].get("namespace", ""), event["metadata"].get("namespace", "")
    if about != where and not (not about and where == "default"):
        text = "does not match event.namespace"
        return [invalid_value("involvedObject.namespace", about, text)]
    return []
