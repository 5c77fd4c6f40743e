"""Invariants of others: foreign objects, other replicas, other tenants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecr_secret_operator_lab.cluster import Object

from ..expected import condition, is_managed
from ..plan import BYSTANDER, KINDS
from .base import DISTURBED_SECONDS, Change, Invariant, named

if TYPE_CHECKING:
    from ..world import World

OWNER, DIGEST = "ecr.mobb.redhat.com/owner", "ecr.mobb.redhat.com/digest"
RESOURCES = frozenset(("secrets.ecr", "argohelmreposecrets", "clusterpullsecrets"))


class ForeignObjectsUntouched(Invariant):
    """A replica changes and deletes only Secrets that it made, its own entries of ServiceAccounts, and statuses."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._made: set[str] = set()
        self._linked: dict[str, set[str]] = {}

    def on_change(self, change: Change) -> None:
        """Judges each change of a replica."""
        if not change.by_operator or change.plural == "events":
            return
        confined_to = self.world.plan.confined_to
        if confined_to and change.key[0] not in confined_to:
            self.fail(f"a replica changed {change.plural} {named(change.key)}, which it does not watch")
        if change.plural == "secrets":
            self._secret(change)
        elif change.plural == "serviceaccounts":
            self._account(change)
        elif change.plural not in RESOURCES or change.before is None or change.after is None:
            self.fail(f"a replica changed {change.plural} {named(change.key)}")
        elif change.before["spec"] != change.after["spec"]:
            self.fail(f"a replica changed the spec of {change.plural} {named(change.key)}")

    def _secret(self, change: Change) -> None:
        if change.before is None:
            self._made.add(change.uid)
            return
        meta = change.before["metadata"]
        annotations, owners = meta.get("annotations") or {}, meta.get("ownerReferences") or ()
        marked = (is_managed(change.before) or DIGEST in annotations) and OWNER in annotations
        marked = marked or change.uid in self.world.of_predecessor
        if change.uid not in self._made and not marked and not any(one["kind"] in KINDS for one in owners):
            self.fail(f"a replica changed or deleted Secret {named(change.key)}, which it did not make")

    def _account(self, change: Change) -> None:
        if change.before is None or change.after is None:
            self.fail(f"a replica created or deleted ServiceAccount {named(change.key)}")
            return
        linked = self._linked.setdefault(change.uid, set())
        for entries in ("imagePullSecrets", "secrets"):
            before, after = _names(change.before, entries), _names(change.after, entries)
            linked |= after - before
            for gone in before - after - linked:
                self.fail(f"a replica removed {gone} from {entries} of {named(change.key)}, which it did not add")


def _names(account: Object, entries: str) -> set[str]:
    return {one.get("name", "") for one in account.get(entries) or ()}


class LeaderWrites(Invariant):
    """Only the leader writes: no request that changes an object begins later than its Lease may be renewed."""

    LEASE_SECONDS = 15.0

    def begun(self, process: str, plural: str, renewed_at: float | None) -> None:
        """A replica begins a request that changes something.

        Args:
            process: the replica.
            plural: of the object.
            renewed_at: when it began the request that last renewed its Lease; None if it never held it.
        """
        if plural in {"events", "leases"} or len(self.world.plan.replicas) < 2:
            return
        now = self.world.loop.since_boot()
        if renewed_at is None or now > renewed_at + self.LEASE_SECONDS:
            since = "never" if renewed_at is None else f"{now - renewed_at:.1f} s ago"
            self.fail(f"{process} writes {plural}, and has renewed its Lease {since}")


class BystanderServed(Invariant):
    """A resource in a namespace without trouble is served at once, whatever happens in other namespaces."""

    SECONDS = 5.0
    """It takes less than a second, unless other namespaces have the turns."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._created: dict[str, float] = {}

    def created(self, name: str) -> None:
        """A resource was created in the namespace of the bystander."""
        self._created[name] = self.world.loop.since_boot()

    def on_change(self, change: Change) -> None:
        """Notes which resources are served."""
        if change.key[0] != BYSTANDER or change.plural != "secrets.ecr" or change.after is None:
            return
        if condition(change.after, "Ready").get("status") == "True":
            since = self._created.pop(change.key[1], None)
            if since is not None and self.world.worked_for(DISTURBED_SECONDS):
                self._check(change.key[1], change.at - since, "")

    def on_step(self) -> None:
        """Looks for resources that wait for too long, unless there is trouble that concerns all namespaces."""
        now = self.world.loop.since_boot()
        for name, since in list(self._created.items()):
            if self._reason(name) in {"PolicyDenied", None}:
                del self._created[name]
            elif not self.world.worked_for(DISTURBED_SECONDS):
                self._created[name] = now
            else:
                self._check(name, now - since, self._reason(name))

    def _check(self, name: str, seconds: float, reason: str | None) -> None:
        if seconds > self.SECONDS:
            self.fail(f"Secret {BYSTANDER}/{name} is not served after {seconds:.1f} s: {reason}")

    def _reason(self, name: str) -> str | None:
        """The reason of its condition, empty before there is one; None if it is gone."""
        found = self.world.cluster.read("secrets.ecr", BYSTANDER, name)
        return str(condition(found, "Ready").get("reason", "")) if found else None
