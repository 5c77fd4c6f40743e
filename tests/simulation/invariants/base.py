"""The base of invariants, and what several of them need."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from ecr_secret_operator_lab.cluster import Object

from ..aws import Call

if TYPE_CHECKING:
    from ..world import World

DOCKER_KEY = ".dockerconfigjson"
LAG_SECONDS = 15.0
"""How much later than a change an undisturbed replica may still act on what was before: a request and a reconcile."""

DISTURBED_SECONDS = 200.0
"""The same for a replica whose requests were disturbed: a dead watch is noticed after 75 s, and back-off follows."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold.

    Attributes:
        at: seconds since the beginning.
    """

    at: float
    invariant: str
    text: str

    def __str__(self) -> str:
        return f"{self.at:10.3f}  {self.invariant}: {self.text}"


class Change(NamedTuple):
    """A change of an object in the cluster, other than a Lease.

    Attributes:
        at: seconds since the beginning.
        process: the replica that made it; empty for an actor.
        user: the user that made it.
        before: None for a creation.
        after: None for a removal.
    """

    at: float
    process: str
    user: str
    plural: str
    before: Object | None
    after: Object | None

    @property
    def subject(self) -> Object:
        """The object, as it is afterwards, or was before its removal."""
        found = self.after or self.before
        assert found is not None
        return found

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        meta = self.subject["metadata"]
        return meta.get("namespace", ""), meta["name"]

    @property
    def uid(self) -> str:
        """The uid of the object."""
        return str(self.subject["metadata"]["uid"])

    @property
    def by_operator(self) -> bool:
        """Whether a replica made it."""
        return bool(self.process)


class Invariant:
    """Something that has to hold. By default nothing is checked."""

    def __init__(self, world: World) -> None:
        self.world = world

    def fail(self, text: str) -> None:
        """Reports a violation."""
        self.world.violated(Violation(self.world.loop.since_boot(), type(self).__name__, text))

    def on_action(self) -> None:
        """Called after each action."""

    def on_change(self, change: Change) -> None:
        """Called with each change of the cluster."""

    def on_call(self, call: Call) -> None:
        """Called with each call to AWS."""

    def on_step(self) -> None:
        """Called every ten seconds."""

    def at_end(self) -> None:
        """Called once, when the operator had time to bring everything in order."""


def data_of(secret: Object) -> dict[str, str]:
    """The data of a Secret, decoded; what cannot be decoded is empty."""
    found = {}
    for key, value in (secret.get("data") or {}).items():
        try:
            found[key] = b64decode(value).decode()
        except ValueError:
            found[key] = ""
    return found


def passwords_of(secret: Object) -> Mapping[str, str]:
    """Registry host to password, of a Secret for Docker or for Argo CD."""
    data = data_of(secret)
    if "url" in data and data.get("password"):
        return {data["url"].removeprefix("oci://").split("/")[0]: data["password"]}
    try:
        auths: Any = json.loads(data[DOCKER_KEY])["auths"]
        return {host: entry["password"] for host, entry in auths.items() if entry.get("password")}
    except (KeyError, TypeError, ValueError, AttributeError):
        return {}


def named(key: tuple[str, str]) -> str:
    """An object in a message."""
    return "/".join(filter(None, key))
