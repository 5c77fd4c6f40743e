"""Watches: each reads the changes of its collection from the log, from the place that it has reached."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import msgspec

from .kinds import Kind, Place
from .messages import Object, bad_request, expired
from .selectors import Matcher, everything, matcher
from .state import State
from .store import Change, Collection, Stored

LONGEST_SECONDS = 2700
"""How long a watch lasts that does not ask for a time; a real API server draws between 30 and 60 minutes."""


def line(change: str, raw: bytes) -> bytes:
    """A line of a watch."""
    return b'{"type":"' + change.encode() + b'","object":' + raw + b"}"


def error_line(message: str) -> bytes:
    """The line that ends a watch whose resource version is too old."""
    return line("ERROR", msgspec.json.encode(expired(message).body))


class Watch:
    """One open watch.

    Attributes:
        until: when the server ends it.
        wake: called after each change that may concern it.
        ended: whether the server has ended it with an error.
    """

    def __init__(self, state: State, place: Place, query: Mapping[str, str], now: datetime) -> None:
        self._state = state
        self._kind: Kind = place.kind
        self._matches: Matcher = matcher(query)
        if place.name:
            self._matches = _and_named(self._matches, place.name)
        self._all = self._matches is everything
        self._namespace = place.namespace
        self._collection: Collection = state.collection(place.kind)
        self._first: list[bytes] = []
        seconds = query.get("timeoutSeconds", "")
        self.until = now + timedelta(seconds=int(seconds) if seconds.isdecimal() else LONGEST_SECONDS)
        self.bookmarks = query.get("allowWatchBookmarks") == "true"
        self.wake: Callable[[], None] = lambda: None
        self.ended = False
        self._reached = self._told = 0
        self._position = self._start(query.get("resourceVersion", ""))
        self._unsubscribe = self._collection.subscribe(self._namespace, self._changed)

    def _start(self, version: str) -> int:
        if version in {"", "0"}:
            self._told = self._state.revision
            found = (one for one in self._collection.within(self._namespace) if self._matches(one.value))
            self._first = [line("ADDED", one.raw) for one in found]
            return self._collection.after(self._state.revision)
        if not version.isdecimal():
            raise bad_request(f'invalid resource version "{version}"')
        revision = self._told = int(version)
        if revision < self._collection.compacted:
            self._first = [self._end(f"too old resource version: {revision} ({self._collection.compacted})")]
        return self._collection.after(revision)

    def _changed(self) -> None:
        self.wake()

    def _end(self, message: str) -> bytes:
        self.ended = True
        return error_line(message)

    def close(self) -> None:
        """Ends the watch."""
        self._unsubscribe()

    def read(self) -> list[bytes]:
        """The lines since the last call."""
        lines, self._first = self._first, []
        if self.ended:
            return lines
        changes = self._collection.since(self._position)
        if changes is None:
            return [*lines, self._end("too old resource version")]
        self._position += len(changes)
        for change in changes:
            found = self._event(change)
            if found is not None:
                lines.append(found)
        self._reached = self._collection.progress
        if changes:
            self._told = changes[-1].revision
        return lines

    def _event(self, change: Change) -> bytes | None:
        before, after = change.before, change.after
        if self._namespace and change.touched.namespace != self._namespace:
            return None
        was = before is not None and (self._all or self._matches(before.value))
        is_now = after is not None and (self._all or self._matches(after.value))
        if is_now and after is not None:
            return line("MODIFIED" if was else "ADDED", after.raw)
        if was and before is not None:
            return line("DELETED", msgspec.json.encode(_at(before, change.revision)))
        return None

    def bookmark(self, now: datetime) -> bytes | None:
        """A line that brings a newer resource version alone; None if the client knows the latest one."""
        self._collection.notify(self._state.revision, now)
        if self._reached <= self._told:
            return None
        kind, self._told = self._kind, self._reached
        found = {
            "kind": kind.kind,
            "apiVersion": kind.api_version,
            "metadata": {"resourceVersion": str(self._reached), "creationTimestamp": None},
        }
        return line("BOOKMARK", msgspec.json.encode(found))


def _at(stored: Stored, revision: int) -> Object:
    """A deleted object with the resource version of its deletion."""
    return {**stored.value, "metadata": {**stored.value["metadata"], "resourceVersion": str(revision)}}


def _and_named(matches: Matcher, name: str) -> Matcher:
    return lambda found: found["metadata"]["name"] == name and matches(found)
