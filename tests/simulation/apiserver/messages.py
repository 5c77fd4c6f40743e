"""What goes in and comes out of the simulated API server: requests, responses, and refusals as `meta/v1.Status`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

Object = dict[str, Any]

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
JSON_PATCH = "application/json-patch+json"

ADMIN = "admin"
_HEADERS: Mapping[str, str] = {"Content-Type": JSON}
_NO_QUERY: Mapping[str, str] = {}


class Request(NamedTuple):
    """A request to the API server.

    Attributes:
        method: of HTTP.
        path: without a query.
        query: parameters, decoded.
        body: as it is sent; empty for none.
        content: the media type of the body.
        user: the name of the authenticated user.
        agent: the user agent. What precedes its first slash is the field manager.
    """

    method: str
    path: str
    query: Mapping[str, str] = _NO_QUERY
    body: bytes = b""
    content: str = JSON
    user: str = ADMIN
    agent: str = "simulation"

    @property
    def dry_run(self) -> bool:
        """Whether nothing is to be stored."""
        return self.query.get("dryRun") == "All"

    @property
    def manager(self) -> str:
        """The field manager (k8s.io/apiserver, endpoints/handlers/create.go, managerOrUserAgent)."""
        return self.query.get("fieldManager") or self.agent.partition("/")[0][:128]


class Response(NamedTuple):
    """An answer of the API server."""

    status: int
    body: bytes
    headers: Mapping[str, str] = _HEADERS


@dataclass(frozen=True, slots=True)
class FieldError:
    """An error of one field: a cause of a 422.

    Attributes:
        reason: such as FieldValueInvalid.
        field: path of the field; `<nil>` for the whole object.
        message: as a cause has it.
    """

    reason: str
    field: str
    message: str

    @property
    def blocks_rules(self) -> bool:
        """Whether CEL rules are not evaluated beside it (apiextensions-apiserver, customresource, hasBlockingErr)."""
        return self.reason in {
            "FieldValueNotSupported",
            "FieldValueRequired",
            "FieldValueTooLong",
            "FieldValueTooMany",
            "FieldValueTypeInvalid",
        }


class Refused(Exception):
    """The API server refuses a request.

    Attributes:
        status: the HTTP status.
        body: the `meta/v1.Status`.
        headers: of the response.
    """

    def __init__(
        self,
        status: int,
        reason: str,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = {**_HEADERS, **(headers or {})}
        self.body: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            **({"reason": reason} if reason else {}),
            **({"details": dict(details)} if details else {}),
            "code": status,
        }

    @property
    def response(self) -> Response:
        """The answer that carries it."""
        return Response(self.status, msgspec.json.encode(self.body), self.headers)


def bad_request(message: str) -> Refused:
    """The request cannot be understood."""
    return Refused(400, "BadRequest", message)


def not_found(group: str, plural: str, name: str) -> Refused:
    """There is no such object."""
    details = {"name": name, **({"group": group} if group else {}), "kind": plural}
    return Refused(404, "NotFound", f'{_qualified(plural, group)} "{name}" not found', details=details)


def already_exists(group: str, plural: str, name: str, *, deleting: bool) -> Refused:
    """The name is taken, perhaps by an object that is being deleted."""
    details = {"name": name, **({"group": group} if group else {}), "kind": plural}
    text = f'{"object is being deleted: " if deleting else ""}{_qualified(plural, group)} "{name}" already exists'
    return Refused(409, "AlreadyExists", text, details=details)


def conflict(group: str, kind: str, name: str, why: str) -> Refused:
    """Another version or another object of the name is stored."""
    details = {"name": name, **({"group": group} if group else {}), "kind": kind}
    text = f'Operation cannot be fulfilled on {_qualified(kind, group)} "{name}": {why}'
    return Refused(409, "Conflict", text, details=details)


def forbidden(
    group: str, plural: str, name: str, why: str, *, causes: Sequence[Mapping[str, str]] | None = None
) -> Refused:
    """The server understands the request, and does not allow it."""
    named = f' "{name}"' if name else ""
    details = {
        **({"name": name} if name else {}),
        **({"group": group} if group else {}),
        "kind": plural,
        **({"causes": list(causes)} if causes else {}),
    }
    return Refused(403, "Forbidden", f"{_qualified(plural, group)}{named} is forbidden: {why}", details=details)


def invalid(group: str, kind: str, name: str, errors: Sequence[FieldError]) -> Refused:
    """Fields have values that are not valid."""
    texts = [f"{one.field}: {one.message}" for one in errors]
    unique = list(dict.fromkeys(texts))
    joined = unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]"
    details = {
        **({"name": name} if name else {}),
        **({"group": group} if group else {}),
        "kind": kind,
        "causes": [{"reason": one.reason, "message": one.message, "field": one.field} for one in errors],
    }
    text = f'{_qualified(kind, group)} "{name}" is invalid: {joined}'
    return Refused(422, "Invalid", text, details=details)


def expired(message: str) -> Refused:
    """The resource version, or the continue token, is too old."""
    return Refused(410, "Expired", message)


def no_such_resource() -> Refused:
    """The group is served, and has no such resource."""
    return Refused(404, "NotFound", "the server could not find the requested resource")


def no_such_path() -> Response:
    """The answer to a path that the server does not serve."""
    return Response(404, b"404 page not found\n", {"Content-Type": "text/plain; charset=utf-8"})


def success(details: Mapping[str, Any]) -> Object:
    """The answer to a deletion that took effect."""
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": dict(details)}


def _qualified(name: str, group: str) -> str:
    return f"{name}.{group}" if group else name
