"""What the world comes to, foretold from what people did to it: a small model, from the documents and not the code.

It knows what people want (`Wish`, `Policy`), what they put there themselves, and what stood at the last quiet moment.
`foretell` makes of that what stands at the next one. What is written down is what the documents promise: README.md,
docs/access-policy.md, docs/reference/reasons.md, docs/guides. Two resources never want the same name here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

REFRESHED, SUSPENDED, DENIED, CONFLICT = "Refreshed", "Suspended", "PolicyDenied", "SecretConflict"
LINKED, NO_ACCOUNT = "Linked", "ServiceAccountMissing"
FAULTS = {"AccessDenied": "AWSAccessDenied", "InternalError": "AWSUnavailable"}
"""What AWS can be made to answer, and the reason that a resource which needs a token then gives."""


class Key(NamedTuple):
    """A resource; a cluster resource has no namespace."""

    kind: str
    namespace: str
    name: str


class Scope(NamedTuple):
    """What a token is good for: a region, and as whom it was had; no role stands for the operator's own identity."""

    region: str
    role: str = ""


@dataclass
class Wish:
    """A resource, as its user last wrote it."""

    uid: str
    target: str
    scope: Scope
    labels: Mapping[str, str] = field(default_factory=dict)
    frequency: str = "10h"
    suspend: bool = False
    retain: bool = False
    link: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    refresh: str = ""
    team: str = ""
    """Of a cluster resource: the label of the namespaces that it selects; empty for all."""


@dataclass(frozen=True)
class Stored:
    """A generated Secret, as it was last written."""

    kind: str
    scope: Scope
    labels: Mapping[str, str]
    owner: str
    """uid in its ownerReference; empty for one that outlives its resource."""


@dataclass(frozen=True)
class Policy:
    """An AccessPolicy. Empty fields mean what they mean there: any team, any region, but no role."""

    team: str
    regions: tuple[str, ...]
    ambient: bool
    roles: tuple[str, ...]
    audit: bool

    def selects(self, team: str) -> bool:
        """Whether it is for a namespace with this label."""
        return self.team in ("", team)

    def allows(self, scope: Scope) -> bool:
        """Whether it alone allows all of this."""
        return (not self.regions or scope.region in self.regions) and (
            scope.role in self.roles if scope.role else self.ambient
        )


class Said(NamedTuple):
    """What a resource says of itself, or of one of its namespaces."""

    ready: bool
    reason: str
    audited: bool = False
    linked: str = ""
    """Reason of the condition Linked; empty when that is not foretold."""


@dataclass
class Model:
    """All that people did, and what came of it so far.

    Attributes:
        teams: label of each namespace.
        accounts: ServiceAccounts, with the entries that people put in their lists for pulling.
        foreign: Secrets that people made, as the API server answered.
        fault: what AWS answers instead of tokens; empty while it is well.
        cached: what this process of the operator has had a token for, as AWS's own record says.
        stored: by resource and namespace, by name, what the operator wrote and nobody removed.
        remembered: which token this process knows to be (or to have been) stored, by resource and namespace.
        entries: what the operator put into a ServiceAccount's lists: (purpose, Secret).
    """

    teams: dict[str, str]
    wishes: dict[Key, Wish] = field(default_factory=dict)
    policies: dict[str, Policy] = field(default_factory=dict)
    accounts: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    foreign: dict[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    fault: str = ""
    cached: set[Scope] = field(default_factory=set)
    stored: dict[tuple[Key, str], dict[str, Stored]] = field(default_factory=dict)
    remembered: dict[tuple[Key, str], Scope] = field(default_factory=dict)
    entries: dict[tuple[str, str], set[tuple[str, str]]] = field(default_factory=dict)

    # What people do, where that has consequences of its own

    def deleted(self, key: Key) -> None:
        """A resource is deleted: what it owns goes with it."""
        del self.wishes[key]
        for place in [place for place in self.stored if place[0] == key]:
            self.remembered.pop(place, None)
            self.stored[place] = {name: one for name, one in self.stored[place].items() if not one.owner}

    def taken(self, namespace: str, name: str) -> None:
        """Somebody deletes a Secret, or puts another one in its place."""
        for (_, where), secrets in self.stored.items():
            if where == namespace:
                secrets.pop(name, None)

    def restarted(self) -> None:
        """A new process knows what is stored, and nothing else."""
        self.cached.clear()
        self.remembered = {place: scope for place, scope in self.remembered.items() if self.stored.get(place)}

    # What comes of it

    def places(self, key: Key) -> list[str]:
        """The namespaces in which a resource wants a Secret. One that rests wants it where it has it, too."""
        wish = self.wishes[key]
        if key.namespace:
            return [key.namespace]
        resting = {where for (one, where), secrets in self.stored.items() if one == key and secrets and wish.suspend}
        return [where for where, team in self.teams.items() if wish.team in ("", team) or where in resting]

    def refused(self, namespace: str, scope: Scope) -> bool:
        """Whether no policy allows this; with no policy at all, everything is allowed."""
        selecting = [one for one in self.policies.values() if one.selects(self.teams[namespace])]
        return bool(self.policies) and not any(one.allows(scope) for one in selecting)

    def audited(self, namespace: str) -> bool:
        """Whether what is refused there is served all the same."""
        policies = self.policies.values()
        here = any(one.audit and one.selects(self.teams[namespace]) for one in policies)
        return here or all(one.audit for one in policies)

    def foretell(self) -> dict[Key, dict[str, Said]]:
        """Goes on to the next quiet moment. Gives what each resource then says of each of its namespaces."""
        said: dict[Key, dict[str, Said]] = {}
        for key, wish in self.wishes.items():
            places = self.places(key)
            for one, where in list(self.stored):
                if one == key and where not in places:
                    self.stored[one, where] = {}  # selected no longer, also with Retain
                    self.remembered.pop((one, where), None)
            said[key] = {where: self._share(key, wish, where) for where in places}
        self._link(said)
        return {
            key: {where: one._replace(linked=self._linked(key, where, one)) for where, one in shares.items()}
            for key, shares in said.items()
        }

    def _share(self, key: Key, wish: Wish, where: str) -> Said:
        mine = self.stored.setdefault((key, where), {})
        refused, audits = self.refused(where, wish.scope), self.audited(where)
        if refused and not audits:
            mine.clear()
            self.remembered.pop((key, where), None)
            return Said(ready=False, reason=DENIED)
        for name in [name for name, one in mine.items() if self.refused(where, one.scope) and not audits]:
            del mine[name]
        reported = refused or any(self.refused(where, one.scope) for one in mine.values())
        if wish.suspend:
            good = wish.target in mine and mine[wish.target].scope == wish.scope
            return Said(good, SUSPENDED, audited=reported)
        if (where, wish.target) in self.foreign:
            return Said(ready=False, reason=CONFLICT, audited=reported)
        at_hand = {*self.cached, *(one.scope for one in mine.values())} | {self.remembered.get((key, where))}
        if self.fault and wish.scope not in at_hand:
            return Said(ready=False, reason=FAULTS[self.fault], audited=reported)
        mine.clear()
        mine[wish.target] = Stored(key.kind, wish.scope, dict(wish.labels), "" if wish.retain else wish.uid)
        self.remembered[key, where] = wish.scope
        return Said(ready=True, reason=REFRESHED, audited=refused)

    # Links

    def _link(self, said: Mapping[Key, Mapping[str, Said]]) -> None:
        for account in self.accounts:
            before = self.entries.get(account, set())
            self.entries[account] = {
                (purpose, name)
                for key, wish, secrets in self._around(account[0])
                for purpose, name in self._entries(
                    wish, secrets, account[1], before, (said.get(key) or {}).get(account[0])
                )
            }

    def _around(self, where: str) -> Iterator[tuple[Key, Wish | None, Mapping[str, Stored]]]:
        wanted = {key for key in self.wishes if where in self.places(key)}
        for key in wanted | {key for key, place in self.stored if place == where}:
            yield key, self.wishes.get(key), self.stored.get((key, where), {})

    def _entries(
        self,
        wish: Wish | None,
        secrets: Mapping[str, Stored],
        account: str,
        before: set[tuple[str, str]],
        said: Said | None,
    ) -> Iterator[tuple[str, str]]:
        """What one resource, or what it left behind, has in a ServiceAccount."""
        if wish is None:
            yield from ((purpose, name) for purpose, name in before if name in secrets)
            return
        if said is None or said.reason in (DENIED, CONFLICT):
            return
        for purpose in wish.link.get(account, ()):
            for name in {wish.target, *secrets}:
                new = name == wish.target and name in secrets and not wish.suspend
                if new or (purpose, name) in before:
                    yield purpose, name

    def _linked(self, key: Key, where: str, said: Said) -> str:
        wish = self.wishes[key]
        if not wish.link or said.reason == SUSPENDED:
            return ""
        if said.reason in (DENIED, CONFLICT):
            return said.reason
        if said.reason != REFRESHED:
            return ""
        return NO_ACCOUNT if any((where, name) not in self.accounts for name in wish.link) else LINKED
