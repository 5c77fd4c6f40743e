"""The answers of an API server to lists, watches and writes, without one: for tests of what is done with them.

What a real API server answers is tested on a real one (tests/cluster). This one holds objects in memory, has no rules,
and answers at once.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import msgspec

from ecr_secret_operator.errors import AlreadyExists, ApiError, Conflict, Forbidden, Invalid, NotFound

T = TypeVar("T")
Object = dict[str, Any]

_PATH = re.compile(
    r"(?P<api>/api/v1|/apis/[^/]+/[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?/(?P<plural>[a-z]+)"
    r"(?:/(?P<name>[^/]+))?(?:/status)?"
)


class Place(NamedTuple):
    """Where an object is, or a collection: then the namespace or the name is None."""

    api: str
    namespace: str | None
    plural: str
    name: str | None


def place(path: str) -> Place:
    """Reads the path of an object or a collection."""
    if path.startswith("/api/v1/namespaces") and path.count("/") < 5:
        return Place("/api/v1", None, "namespaces", path.removeprefix("/api/v1/namespaces").strip("/") or None)
    match = _PATH.fullmatch(path)
    assert match, path
    return Place(match["api"], match["namespace"], match["plural"], match["name"])


def _selected(found: Object, query: Mapping[str, str]) -> bool:
    label, _, value = query.get("labelSelector", "").partition("=")
    name = query.get("fieldSelector", "").removeprefix("metadata.name=")
    metadata = found["metadata"]
    return (not label or metadata.get("labels", {}).get(label) == value) and (not name or metadata["name"] == name)


@dataclass
class _Watch:
    collection: Place
    query: Mapping[str, str]
    events: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)

    def covers(self, where: Place) -> bool:
        mine = self.collection
        return (mine.api, mine.plural) == (where.api, where.plural) and mine.namespace in (None, where.namespace)


class Wire:
    """Stands in for kube.Client.

    Attributes:
        refused: collections that may not be listed: paths.
        errors: what requests end with: method, plural and error; each for one request, in order.
        writes: the requests that changed something: method and path.
        pages: taken by each list while it reads a page.
    """

    def __init__(self) -> None:
        self.refused: set[str] = set()
        self.errors: list[tuple[str, str, ApiError]] = []
        self.writes: list[str] = []
        self.pages: AbstractAsyncContextManager[None] = nullcontext()
        self._objects: dict[Place, Object] = {}
        self._watches: list[_Watch] = []
        self._versions = itertools.count(1_000)

    # What others do in the cluster

    def put(self, path: str, found: Mapping[str, Any]) -> Object:
        """Stores an object, and tells those who watch it."""
        where, new = place(path), copy.deepcopy(dict(found))
        old = self._objects.get(where)
        new["metadata"] = {
            "uid": f"uid-of-{where.name}",
            **new["metadata"],
            "resourceVersion": str(next(self._versions)),
        }
        self._objects[where] = new
        for watch in self._watches:
            if watch.covers(where):
                before, after = old is not None and _selected(old, watch.query), _selected(new, watch.query)
                if after or before:
                    watch.events.put_nowait(
                        _event("MODIFIED" if before and after else "ADDED" if after else "DELETED", new)
                    )
        return new

    def remove(self, path: str) -> None:
        """Deletes an object, and tells those who watch it."""
        where = place(path)
        old = self._objects.pop(where)
        old["metadata"]["resourceVersion"] = str(next(self._versions))
        for watch in self._watches:
            if watch.covers(where) and _selected(old, watch.query):
                watch.events.put_nowait(_event("DELETED", old))

    def watched(self) -> set[str]:
        """The collections that are watched now, each with its selector."""
        return {
            "/".join(filter(None, (watch.collection.namespace, watch.collection.plural, *watch.query.values())))
            for watch in self._watches
        }

    # What kube.Client does

    async def page(self, path: str, query: Mapping[str, str]) -> bytes:
        """All objects of a collection."""
        if path in self.refused:
            raise Forbidden(f"{path} may not be listed")
        watch = _Watch(place(path), query)
        items = [one for where, one in self._objects.items() if watch.covers(where) and _selected(one, query)]
        return json.dumps({"metadata": {"resourceVersion": str(next(self._versions))}, "items": items}).encode()

    async def stream(self, path: str, query: Mapping[str, str]) -> AsyncIterator[bytes]:
        """Changes of a collection, from now on."""
        watch = _Watch(place(path), query)
        self._watches.append(watch)
        try:
            while True:
                yield await watch.events.get()
        finally:
            self._watches.remove(watch)

    async def get(self, path: str, reply: type[T], query: Mapping[str, str] | None = None) -> T:
        """One object. Raises ApiError."""
        del query
        self._check("GET", path)
        return _as(reply, self._found(path))

    async def post(self, path: str, body: Mapping[str, Any], reply: type[T]) -> T:
        """Creates an object. Raises ApiError."""
        await self.check_post(path, body)
        self.writes.append(f"POST {path}")
        return _as(reply, self.put(f"{path}/{body['metadata']['name']}", body))

    async def check_post(self, path: str, body: Mapping[str, Any]) -> None:
        """Says whether an object would be created. Raises ApiError."""
        self._check("POST", path)
        if place(f"{path}/{body['metadata']['name']}") in self._objects:
            raise AlreadyExists(path)

    async def patch(self, path: str, body: Mapping[str, Any], reply: type[T]) -> T:
        """Merges into an object. Raises ApiError."""
        self._check("PATCH", path)
        found = self._found(path)
        _check_same(found, body.get("metadata", {}))
        self.writes.append(f"PATCH {path}")
        merged = _merged(found, body)
        merged["metadata"]["generation"] = found["metadata"].get("generation", 0)
        return _as(reply, self.put(path.removesuffix("/status"), merged))

    async def json_patch(self, path: str, operations: Sequence[Mapping[str, Any]], reply: type[T]) -> T:
        """Tests, replaces or adds fields, as far as the operator's patches do. Raises ApiError."""
        self._check("PATCH", path)
        found = copy.deepcopy(self._found(path))
        self.writes.append(f"PATCH {path}")
        for operation in operations:
            *parents, last = (part.replace("~1", "/") for part in operation["path"].strip("/").split("/"))
            target: Any = found
            for part in parents:
                target = target[part]
            if operation["op"] == "test":
                if target[last] != operation["value"]:
                    raise Invalid("a test of the patch failed", status=422)
            elif last == "resourceVersion":
                _check_same(found, {"resourceVersion": operation["value"]})
            elif last == "-":
                target.append(operation["value"])
            else:
                target[last] = operation["value"]
        return _as(reply, self.put(path.removesuffix("/status"), found))

    async def delete(self, path: str, *, uid: str, resource_version: str) -> None:
        """Deletes an object. Raises ApiError."""
        self._check("DELETE", path)
        _check_same(self._found(path), {"uid": uid, "resourceVersion": resource_version})
        self.writes.append(f"DELETE {path}")
        self.remove(path)

    def _found(self, path: str) -> Object:
        found = self._objects.get(place(path))
        if found is None:
            raise NotFound(path)
        return found

    def _check(self, method: str, path: str) -> None:
        for entry in self.errors:
            if entry[:2] == (method, f"{place(path).plural}{'/status' if path.endswith('/status') else ''}"):
                self.errors.remove(entry)
                raise entry[2]


def _check_same(found: Object, expected: Mapping[str, Any]) -> None:
    for key in ("uid", "resourceVersion"):
        if expected.get(key) not in (None, found["metadata"][key]):
            raise Conflict(f"{key} is another one")


def _merged(found: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7386)."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(found) if isinstance(found, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merged(merged.get(key), value)
    return merged


def _event(change: str, found: Object) -> bytes:
    return json.dumps({"type": change, "object": found}).encode()


def _as(reply: type[T], found: Object) -> T:
    return msgspec.json.decode(json.dumps(found).encode(), type=reply)
