"""What the actors of a simulation do with the API server, and who changed what in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from ecr_secret_operator_lab.cluster import Object

from .apiserver import MERGE_PATCH, ApiServer, Request
from .apiserver.kinds import LEASES, Kind, key_of
from .apiserver.store import Collection
from .invariants.base import Change
from .loop import PROCESS, SimulatedLoop

OF_RESOURCES = ("secrets.ecr", "argohelmreposecrets", "clusterpullsecrets")
OK = 300


class Cluster:
    """The objects of the simulated API server, by short names of their kinds.

    Args:
        server: the API server.
        loop: gives the time.
        on_change: called with each change.
    """

    def __init__(self, server: ApiServer, loop: SimulatedLoop, on_change: Callable[[Change], None]) -> None:
        self.server = server
        self._loop = loop
        self._on_change = on_change
        self._kinds: dict[str, Kind] = {}
        self._collections: dict[str, Collection] = {}
        self._user = ""
        for kind in server.state.kinds.all():
            plural = "secrets.ecr" if kind.plural == "secrets" and kind.group else kind.plural
            self._kinds[plural] = kind
            collection = self._collections[plural] = server.state.collection(kind)
            if kind is not LEASES:  # no invariant looks at them, and they are half of all changes
                collection.subscribe("", lambda plural=plural: self._changed(plural))  # type: ignore[misc]

    def _changed(self, plural: str) -> None:
        change = self._collections[plural].log[-1]
        before, after = (one.value if one else None for one in (change.before, change.after))
        process = "" if self._user else PROCESS.get()
        self._on_change(Change(self._loop.since_boot(), process, self._user, plural, before, after))

    def read(self, plural: str, namespace: str, name: str) -> Object | None:
        """An object as it is stored; not to be changed."""
        found = self._collections[plural].get(key_of(namespace, name))
        return found.value if found else None

    def items(self, plural: str, namespace: str = "") -> list[Object]:
        """All objects of a kind in one namespace, or in all."""
        return [one.value for one in self._collections[plural].within(namespace)]

    def resources(self) -> Iterator[Object]:
        """All resources that generate Secrets."""
        for plural in OF_RESOURCES:
            yield from self.items(plural)

    def create(self, plural: str, body: Mapping[str, Any], *, user: str) -> bool:
        """Creates an object; returns whether it was created."""
        return self._send("POST", plural, body["metadata"].get("namespace", ""), "", body, user)

    def replace(self, plural: str, namespace: str, name: str, body: Mapping[str, Any], *, user: str) -> bool:
        """Replaces an object."""
        return self._send("PUT", plural, namespace, name, body, user)

    def patch(self, plural: str, namespace: str, name: str, body: Mapping[str, Any], *, user: str) -> bool:
        """Merges into an object."""
        return self._send("PATCH", plural, namespace, name, body, user)

    def delete(self, plural: str, namespace: str, name: str, *, user: str) -> bool:
        """Deletes an object."""
        return self._send("DELETE", plural, namespace, name, None, user)

    def _send(
        self, method: str, plural: str, namespace: str, name: str, body: Mapping[str, Any] | None, user: str
    ) -> bool:
        kind = self._kinds[plural]
        place = f"/namespaces/{namespace}" if namespace and kind.namespaced else ""
        request = Request(
            method=method,
            path=f"{kind.base}{place}/{kind.plural}" + (f"/{name}" if name else ""),
            body=b"" if body is None else msgspec.json.encode(body),
            content=MERGE_PATCH if method == "PATCH" else "application/json",
            user=user,
            agent=f"{user}/1.0",
        )
        self._user = user
        try:
            return self.server.handle(request, self._loop.utc()).status < OK
        finally:
            self._user = ""

    def compact(self) -> None:
        """Forgets past changes."""
        self.server.compact()

    def step(self) -> None:
        """One round of the controller manager."""
        controllers, now = self.server.controllers, self._loop.utc()
        self._user = "controller-manager"
        try:
            controllers.collect_garbage(now)
            controllers.finish_namespaces(now)
            controllers.provide_accounts(now)
            controllers.count_quotas()
            controllers.expire_events(now)
        finally:
            self._user = ""
