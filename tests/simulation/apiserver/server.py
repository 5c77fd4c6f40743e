"""The simulated API server: requests in, responses out, at the time that the caller gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from .access import REVIEWS, Access, Rule
from .admission import Admission, Hook, Review
from .controllers import Controllers
from .kinds import ACCOUNTS, BUILT_IN, NAMESPACES, Kind, Place, custom, of_operator
from .messages import Object, Refused, Request, Response, no_such_path, no_such_resource, not_found
from .objects import read_object
from .reads import Reader
from .state import State
from .store import Stored
from .watches import Watch
from .writes import Answer, Writer

HISTORY = 4096
"""How many changes of each kind watches can look back, at least."""

VERSION = {"major": "1", "minor": "36", "gitVersion": "v1.36.2"}
_OPERATIONS = {"POST": "CREATE", "PUT": "UPDATE", "PATCH": "UPDATE", "DELETE": "DELETE"}


class ApiServer:
    """A state machine that answers as kube-apiserver does, as far as the operator and its users can see it.

    It has no clock, starts no task, and draws nothing at random. The same requests give the same responses.

    Args:
        now: the time at which its first namespaces are created.
        crds: CustomResourceDefinitions that are installed; by default those of the operator.
        namespaces: that exist at first.
        history: how many changes of each kind are kept at least, for watches.

    Attributes:
        state: all that is stored.
        controllers: what the controller manager does, for the caller to call.
    """

    def __init__(
        self,
        now: datetime,
        *,
        crds: Iterable[Mapping[str, Any]] | None = None,
        namespaces: Iterable[str] = ("default", "kube-system"),
        history: int = HISTORY,
    ) -> None:
        found = of_operator() if crds is None else map(custom, crds)
        self.state = State([*BUILT_IN, *found], history)
        self._admission = Admission(self.state)
        self._writer = Writer(self.state, self._admission)
        self._reader = Reader(self.state)
        self._access = Access(self.state)
        self.controllers = Controllers(self.state, self._writer, self._admission)
        for name in namespaces:
            self._writer.create(Place(NAMESPACES, "", "", ""), _creation(name), now)

    @property
    def hooks(self) -> list[Hook]:
        """The admission webhooks and policies, in the order in which they are asked. The list may be changed."""
        return self._admission.hooks

    def restrict(self, user: str, rule: Rule | None) -> None:
        """Sets what a user may do; None for everything."""
        if rule is None:
            self._access.rules.pop(user, None)
        else:
            self._access.rules[user] = rule

    def install(self, crd: Mapping[str, Any]) -> None:
        """Installs a CustomResourceDefinition, or another version of it.

        Stored objects are read by it from now on: unknown fields are gone, and new defaults are there.
        """
        kind = custom(crd)
        self.state.kinds.add(kind)
        for stored in self.state.collection(kind).within(""):
            stored.replace({**read_object(kind, stored.value), "metadata": stored.value["metadata"]})

    def uninstall(self, group: str, plural: str) -> None:
        """Removes a CustomResourceDefinition, and all objects of its kind."""
        kind = self.state.kinds.named(group, plural)
        if kind is not None:
            self.state.forget(kind)

    def collect_garbage(self, now: datetime) -> int:
        """One round of the garbage collector. Returns how many objects it deleted."""
        return self.controllers.collect_garbage(now)

    def compact(self, revision: int | None = None) -> None:
        """Forgets changes up to a revision, by default all: older watches and pages of lists get 410."""
        for kind in self.state.kinds.all():
            self.state.collection(kind).compact(self.state.revision if revision is None else revision)

    def handle(self, request: Request, now: datetime, *, seen: int | None = None) -> Response:
        """Answers a request that is no watch.

        Args:
            request: what is asked for.
            now: the time.
            seen: the revision that the answering replica has reached; None for the latest. See `Reader.list`.
        """
        place = self.state.kinds.place(request.path)
        try:
            if place is None:
                return self._elsewhere(request, now)
            self._access.check(request, place)
            if request.method == "GET":
                return Response(200, self._read(place, request, seen))
            status, found = self._write(place, request, now)
        except Refused as refused:
            return refused.response
        return Response(status, found.raw if isinstance(found, Stored) else msgspec.json.encode(found))

    def _read(self, place: Place, request: Request, seen: int | None) -> bytes:
        if place.name:
            return self._reader.get(place).raw
        return self._reader.list(place, request.query, seen=seen)

    def _write(self, place: Place, request: Request, now: datetime) -> tuple[int, Answer]:
        if place.kind is ACCOUNTS and place.subresource == "token":
            return self._access.token(place, request, now)
        if place.subresource and not (place.subresource == "status" and place.kind.status):
            raise _no_subresource(place)
        if request.method == "POST" and not place.name:
            return self._writer.create(place, request, now)
        if request.method in {"PUT", "PATCH"} and place.name:
            return self._writer.update(place, request, now)
        if request.method == "DELETE" and place.name:
            return self._writer.delete(place, request, now)
        raise Refused(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")

    def _elsewhere(self, request: Request, now: datetime) -> Response:
        """Reviews, discovery, and paths that are not served."""
        if request.method == "POST" and request.path in REVIEWS:
            status, found = self._access.review(REVIEWS[request.path], request, now)
            return Response(status, msgspec.json.encode(found))
        if request.path == "/version":
            return Response(200, msgspec.json.encode(VERSION))
        kinds = [kind for kind in self.state.kinds.all() if kind.base == request.path]
        if kinds and request.method == "GET":
            return Response(200, msgspec.json.encode(_discovered(kinds)))
        if any(kind.schema is None and request.path.startswith(f"{kind.base}/") for kind in self.state.kinds.all()):
            raise no_such_resource()
        return no_such_path()

    def watch(self, request: Request, now: datetime) -> Watch | Response:
        """Opens a watch; a Response says why it cannot be opened."""
        place = self.state.kinds.place(request.path)
        if place is None:
            return no_such_path()
        try:
            self._access.check(request, place)
            return Watch(self.state, place, request.query, now)
        except Refused as refused:
            return refused.response

    def admission_seconds(self, request: Request) -> float:
        """How long admission webhooks take before a write can be carried out."""
        if not self.hooks or request.method not in _OPERATIONS:
            return 0.0
        place = self.state.kinds.place(request.path)
        if place is None:
            return 0.0
        stored = self.state.collection(place.kind).get(place.key) if place.name else None
        old = stored.value if stored else None
        review = Review(_OPERATIONS[request.method], place, request.user, None, old, request.dry_run)
        return self._admission.seconds(review)


def _no_subresource(place: Place) -> Refused:
    kind = place.kind
    return no_such_resource() if kind.schema is None else not_found(kind.group, kind.plural, place.name)


def _creation(name: str) -> Request:
    return Request(method="POST", path="", body=msgspec.json.encode({"metadata": {"name": name}}))


def _discovered(kinds: list[Kind]) -> Object:
    resources = []
    for kind in kinds:
        one = {"name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind}
        resources.append(one)
        if kind.status:
            resources.append({**one, "name": f"{kind.plural}/status", "singularName": ""})
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": kinds[0].api_version,
        "resources": resources,
    }
