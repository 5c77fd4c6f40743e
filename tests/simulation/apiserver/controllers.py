"""What the controller manager and the API server do by themselves, one step at a time: the world says when.

Source: kubernetes, pkg/controller/garbagecollector, pkg/controller/namespace/deletion, pkg/controller/serviceaccount,
pkg/controller/resourcequota; the time that events live is that of `--event-ttl`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from .admission import Admission, counted_names
from .kinds import ACCOUNTS, EVENTS, NAMESPACES, QUOTAS, Kind, Place, key_of
from .messages import JSON_PATCH, Object, Refused, Request
from .metadata import time_text
from .state import State
from .store import Stored
from .writes import Writer

EVENT_SECONDS = 3600
CONTROLLER = "system:kube-controller-manager"
ORPHAN, FOREGROUND = "orphan", "foregroundDeletion"


def _request(method: str, body: object = None, *, content: str = "application/json") -> Request:
    return Request(
        method=method,
        path="",
        body=b"" if body is None else msgspec.json.encode(body),
        content=content,
        user=CONTROLLER,
        agent="kube-controller-manager",
    )


class Controllers:
    """The controllers that matter to the operator."""

    def __init__(self, state: State, writer: Writer, admission: Admission) -> None:
        self._state = state
        self._writer = writer
        self._admission = admission
        self._clean: dict[str, int] = {}

    def _nothing_new(self, step: str) -> bool:
        """Whether nothing was written since a step ended that had nothing to do."""
        return self._clean.get(step) == self._state.revision

    def _done(self, step: str, *, clean: bool) -> None:
        self._clean[step] = self._state.revision if clean else -1

    def _everything(self) -> Iterator[tuple[Kind, Stored]]:
        for kind in self._state.kinds.all():
            for stored in tuple(self._state.collection(kind).within("")):
                yield kind, stored

    def collect_garbage(self, now: datetime) -> int:
        """Deletes objects whose owners are all gone, and finishes deletions in foreground. Returns how many."""
        count, clean = 0, True
        if self._nothing_new("garbage"):
            return 0
        for kind, stored in self._everything():
            meta = stored.value["metadata"]
            owners = meta.get("ownerReferences")
            if owners and "deletionTimestamp" not in meta:
                alive = [one for one in owners if self._lives(one, stored.namespace)]
                if not alive:
                    count, clean = count + self._delete(kind, stored, now), False
                elif len(alive) < len(owners):
                    self._keep_owners(kind, stored, alive, now)
            if "deletionTimestamp" in meta and not {ORPHAN, FOREGROUND}.isdisjoint(meta.get("finalizers", ())):
                self._finish(kind, stored, now)
                clean = False
        self._done("garbage", clean=clean)
        return count

    def _lives(self, owner: Object, namespace: str) -> bool:
        """Whether an owner exists: of this uid, in the namespace of the object or cluster-wide."""
        kind = self._state.kinds.of_owner(owner["apiVersion"], owner["kind"])
        if kind is None:
            return True  # the collector waits for a kind that it does not know
        if kind.namespaced and not namespace:
            return False
        found = self._state.collection(kind).get(key_of(namespace if kind.namespaced else "", owner["name"]))
        return found is not None and found.uid == owner["uid"] and not _goes_in_foreground(found)

    def _place(self, kind: Kind, stored: Stored) -> Place:
        return Place(kind, stored.namespace, stored.value["metadata"]["name"], "")

    def _delete(self, kind: Kind, stored: Stored, now: datetime) -> int:
        try:
            options = {"preconditions": {"uid": stored.uid}}
            self._writer.delete(self._place(kind, stored), _request("DELETE", options), now)
        except Refused:
            return 0
        return 1

    def _patch(self, kind: Kind, stored: Stored, path: str, value: object, now: datetime) -> None:
        operation = {"op": "add", "path": path, "value": value}
        try:
            self._writer.update(self._place(kind, stored), _request("PATCH", [operation], content=JSON_PATCH), now)
        except Refused:
            return

    def _keep_owners(self, kind: Kind, stored: Stored, alive: list[Object], now: datetime) -> None:
        self._patch(kind, stored, "/metadata/ownerReferences", alive, now)

    def _finish(self, kind: Kind, stored: Stored, now: datetime) -> None:
        """Orphans the dependents of an object, or removes its finalizer when those that block it are gone."""
        meta, blocked = stored.value["metadata"], False
        for other, dependent in self._everything():
            owners = dependent.value["metadata"].get("ownerReferences", ())
            mine = [one for one in owners if one["uid"] == stored.uid]
            if mine and ORPHAN in meta["finalizers"]:
                self._keep_owners(other, dependent, [one for one in owners if one["uid"] != stored.uid], now)
            blocked = blocked or any(one.get("blockOwnerDeletion") for one in mine)
        if blocked and FOREGROUND in meta["finalizers"]:
            return
        left = [one for one in meta["finalizers"] if one not in {ORPHAN, FOREGROUND}]
        self._patch(kind, stored, "/metadata/finalizers", left, now)

    def finish_namespaces(self, now: datetime) -> list[str]:
        """Deletes what is in namespaces that terminate. Returns those that are gone."""
        gone: list[str] = []
        if self._nothing_new("namespaces"):
            return gone
        clean = True
        for namespace in tuple(self._state.collection(NAMESPACES).within("")):
            if "deletionTimestamp" not in namespace.value["metadata"]:
                continue
            name, left, clean = namespace.key, 0, False
            for kind in self._state.kinds.all():
                if kind.namespaced:
                    for stored in tuple(self._state.collection(kind).within(name)):
                        self._delete(kind, stored, now)
                    left += sum(1 for _ in self._state.collection(kind).within(name))
            if not left and not namespace.value["metadata"].get("finalizers"):
                self._state.collection(NAMESPACES).remove(name, self._state.next_revision())
                gone.append(name)
        self._done("namespaces", clean=clean)
        return gone

    def provide_accounts(self, now: datetime) -> None:
        """Creates ServiceAccount default in each namespace that lacks it."""
        if self._nothing_new("accounts"):
            return
        for namespace in tuple(self._state.collection(NAMESPACES).within("")):
            name = namespace.key
            found = self._state.collection(ACCOUNTS).get(key_of(name, "default"))
            if found is None and "deletionTimestamp" not in namespace.value["metadata"]:
                place = Place(ACCOUNTS, name, "", "")
                self._writer.create(place, _request("POST", {"metadata": {"name": "default"}}), now)
        self._done("accounts", clean=True)

    def count_quotas(self) -> None:
        """Sets the limits of quotas, and counts what is used. Deletions have no effect on a quota before that."""
        for stored in tuple(self._state.collection(QUOTAS).within("")):
            hard = stored.value["spec"].get("hard", {})
            used = {
                name: str(sum(1 for _ in self._state.collection(kind).within(stored.namespace)))
                for kind in self._state.kinds.all()
                if kind.namespaced
                for name in counted_names(kind)
                if name in hard
            }
            status = {"hard": {name: str(hard[name]) for name in used}, "used": used}
            if status != stored.value["status"]:
                one = Stored(stored.key, stored.revision, {**stored.value, "status": status}, stored.owned)
                self._admission.store_usage(one, used)

    def expire_events(self, now: datetime) -> int:
        """Removes Events that were not updated for an hour. Returns how many."""
        limit, count = time_text(now - timedelta(seconds=EVENT_SECONDS)), 0
        collection = self._state.collection(EVENTS)
        for stored in tuple(collection.within("")):
            last = stored.value.get("lastTimestamp") or stored.value["metadata"]["creationTimestamp"]
            if last <= limit:
                collection.remove(stored.key, self._state.next_revision())
                count += 1
        return count


def _goes_in_foreground(owner: Stored) -> bool:
    """Whether an owner waits for the deletion of its dependents."""
    meta = owner.value["metadata"]
    return "deletionTimestamp" in meta and FOREGROUND in meta.get("finalizers", ())
