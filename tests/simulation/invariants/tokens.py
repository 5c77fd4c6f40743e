"""Invariants of tokens: policy holds for each that is written, none gets older, and none expires while it is Ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecr_secret_operator.domain.identity.identity import AccountRole, StoredKeys
from ecr_secret_operator_lab.cluster import Object

from ..aws import Issued
from ..expected import OPERATOR_NAMESPACE, Ask, Limit, Policies, condition, labels_of
from .base import DISTURBED_SECONDS, LAG_SECONDS, Change, Invariant, named, passwords_of

if TYPE_CHECKING:
    from ..world import World


def good_for(host: str, token: Issued) -> tuple[Ask, Limit]:
    """What a token is good for, by the record of AWS."""
    identity, limit = token.scope.identity, token.scope.limit
    kind = "keys" if isinstance(identity, StoredKeys) else "role" if identity.role_arn else "ambient"
    return Ask(host, kind, identity.role_arn), Limit(limit.access, limit.repositories)


class PolicyHolds(Invariant):
    """No token is written where policy denies it, and no tenant gets a token of another tenant's identity."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._since: list[tuple[float, Policies, dict[str, dict[str, str]]]] = []
        self._note()

    def on_change(self, change: Change) -> None:
        """Judges each token that a replica writes."""
        if change.plural in {"accesspolicies", "namespaces"}:
            self._note()
        if change.plural != "secrets" or not change.by_operator or change.after is None:
            return
        before = passwords_of(change.before) if change.before else {}
        for host, password in passwords_of(change.after).items():
            if before.get(host) != password:
                self._judge(change, host, password)

    def _note(self) -> None:
        """Keeps what policies and labels say from now on."""
        items = self.world.cluster.items
        specs = {one["metadata"]["name"]: one["spec"] for one in items("accesspolicies")}
        labels = {one["metadata"]["name"]: dict(labels_of(one)) for one in items("namespaces")}
        now = self.world.loop.since_boot()
        self._since.append((now, Policies(specs, self.world.plan.required), labels))
        while len(self._since) > 1 and self._since[1][0] < now - 7_200.0:
            del self._since[0]

    def _judge(self, change: Change, host: str, password: str) -> None:
        namespace = change.key[0]
        token = self.world.aws.issued.get(password)
        if token is None:
            self.fail(f"Secret {named(change.key)} gets a token for {host} that AWS never issued")
            return
        identity = token.scope.identity
        if isinstance(identity, AccountRole | StoredKeys) and identity.namespace not in {namespace, OPERATOR_NAMESPACE}:
            self.fail(f"Secret {named(change.key)} gets a token of {identity}")
        ask, limit = good_for(host, token)
        if ask.region != token.scope.region:
            self.fail(f"Secret {named(change.key)} gets a token of {token.scope.region} for {host}")
        lag = self.world.lag(change.process, LAG_SECONDS, DISTURBED_SECONDS)
        since = [one for at, one in self._valid_after(change.at - lag)]
        if not any(policies.permits(ask, limit, namespace, labels.get(namespace, {})) for policies, labels in since):
            self.fail(f"Secret {named(change.key)} gets a token for {host} ({ask.kind} {ask.role}, {limit}): denied")

    def _valid_after(self, moment: float) -> list[tuple[float, tuple[Policies, dict[str, dict[str, str]]]]]:
        """What was in force at a moment or later."""
        later = [(at, (policies, labels)) for at, policies, labels in self._since]
        first = max((number for number, (at, _) in enumerate(later) if at <= moment), default=0)
        return later[first:]


class NeverOlder(Invariant):
    """A replica never replaces a token of a resource by one that AWS issued earlier for the same purpose."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._newest: dict[tuple[str, str, str], Issued] = {}

    def on_change(self, change: Change) -> None:
        """Compares each token that a replica writes with those that it wrote before."""
        if change.plural != "secrets" or not change.by_operator or change.after is None:
            return
        owner = _owner(change.after)
        for host, password in passwords_of(change.after).items():
            token = self.world.aws.issued.get(password)
            if token is None:
                continue
            place = owner, named(change.key), f"{host} {token.scope.mark}"
            newest = self._newest.get(place)
            if newest and token.number < newest.number and not self.world.clocks_jumped:
                self.fail(f"Secret {place[1]} gets token {token.number} for {host} after token {newest.number}")
            if newest is None or token.number > newest.number:
                self._newest[place] = token


def _owner(secret: Object) -> str:
    return next((str(one["uid"]) for one in secret["metadata"].get("ownerReferences") or ()), "")


class NoExpiredTokenReady(Invariant):
    """No resource is Ready with an expired token after its status had time to be written."""

    WRITTEN_SECONDS = 90.0

    def on_step(self) -> None:
        """Looks at all resources, unless the operator could not work lately."""
        if not self.world.worked_for(DISTURBED_SECONDS):
            return
        for resource in self.world.cluster.resources():
            namespace = resource["metadata"].get("namespace")
            ready = condition(resource, "Ready")
            if not namespace or ready.get("status") != "True" or "deletionTimestamp" in resource["metadata"]:
                continue
            if ready.get("observedGeneration") == resource["metadata"].get("generation"):
                self._check(resource, namespace)

    def _check(self, resource: Object, namespace: str) -> None:
        name = resource["spec"]["generated_secret_name"]
        secret = self.world.cluster.read("secrets", namespace, name)
        if secret is None or _owner(secret) != resource["metadata"]["uid"]:
            return
        for host, password in passwords_of(secret).items():
            token = self.world.aws.issued.get(password)
            if token is None:
                continue
            over = (self.world.aws.now() - token.expires_at).total_seconds() - self.world.largest_skew
            if over > self.WRITTEN_SECONDS:
                text = f"the token for {host} in Secret {namespace}/{name} expired {over:.0f} s ago"
                self.fail(f"{resource['kind']} {named((namespace, resource['metadata']['name']))} is Ready, but {text}")
