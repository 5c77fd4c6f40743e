"""Invariants of the end: when nothing has disturbed the operator for some time, everything is in order and quiet."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ecr_secret_operator_lab.cluster import Object

from ..actors import LINKS, ROLE_ANNOTATION
from ..expected import OPERATOR_NAMESPACE, Ask, Policies, asks, condition, is_managed, labels_of, selects
from ..plan import KINDS
from .base import Change, Invariant, data_of, named, passwords_of
from .others import OWNER
from .tokens import good_for

if TYPE_CHECKING:
    from ..world import World

CLUSTERED = "ClusterPullSecret"
QUIET_SECONDS = 300.0
FOUND_BY_AWS = frozenset(("AWSAccessDenied", "WrongKeys"))
DIGEST = "ecr.mobb.redhat.com/digest"


class Converged(Invariant):
    """Each resource is served, or says with the right reason why it is not."""

    def at_end(self) -> None:
        """Compares each resource with what is expected of it."""
        items = self.world.cluster.items
        specs = {one["metadata"]["name"]: one["spec"] for one in items("accesspolicies")}
        self._policies = Policies(specs, self.world.plan.required)
        self._labels = {one["metadata"]["name"]: labels_of(one) for one in items("namespaces") if not _is_deleted(one)}
        self._claims: dict[tuple[str, str], list[Object]] = {}
        watched = [one for one in self.world.cluster.resources() if self._is_watched(one)]
        for resource in watched:
            for place in self._places(resource):
                if not _is_deleted(resource) and not self._is_denied(resource, place):
                    self._claims.setdefault(place, []).append(resource)
        for resource in watched:
            for place in self._places(resource):
                self._check(resource, place)
            self._check_observed(resource)

    def _is_watched(self, resource: Object) -> bool:
        confined_to = self.world.plan.confined_to
        watched = not confined_to or resource["metadata"].get("namespace") in confined_to
        if not watched and resource.get("status"):
            self.fail(f"{_name(resource)} has a status, and the operator does not watch it")
        return watched

    def _is_denied(self, resource: Object, place: tuple[str, str]) -> bool:
        namespace, labels = place[0], self._labels.get(place[0], {})
        found = (self._resolved(ask, namespace, resource)[0] for ask in asks(resource["spec"]))
        return any(not self._policies.serves(ask, namespace, labels) for ask in found)

    def _elder(self, resource: Object, place: tuple[str, str]) -> Object | None:
        """The oldest other resource that names the same Secret, if it is older (docs/adr/0016)."""
        others = [one for one in self._claims.get(place, ()) if one is not resource]
        eldest = min(others, key=lambda one: _rank(one, place), default=None)
        return eldest if eldest and _rank(eldest, place) < _rank(resource, place) else None

    def _places(self, resource: Object) -> list[tuple[str, str]]:
        """Namespace and name of the Secrets that a resource generates."""
        spec, meta = resource["spec"], resource["metadata"]
        name = spec["generated_secret_name"]
        if resource["kind"] != CLUSTERED:
            return [(meta["namespace"], name)]
        return [(one, name) for one, labels in self._labels.items() if selects(spec.get("namespaces"), one, labels)]

    def _check_observed(self, resource: Object) -> None:
        observed, generation = (
            (resource.get("status") or {}).get("observedGeneration"),
            resource["metadata"]["generation"],
        )
        if observed != generation:
            self.fail(f"{_name(resource)} has generation {generation}, and its status is of {observed}")

    def _check(self, resource: Object, place: tuple[str, str]) -> None:
        if _is_deleted(resource):
            return
        secret = self.world.cluster.read("secrets", *place)
        ours = secret is not None and _is_owned_by(secret, resource)
        reasons = self._expected(resource, place, secret, ours=ours)
        if reasons:
            self._check_failing(resource, place, reasons)
        elif secret is None or not ours:
            self.fail(f"{_name(resource)} has no Secret {named(place)}: {_told(resource)}")
        elif not resource["spec"].get("suspend"):
            self._check_served(resource, place, secret)

    def _expected(self, resource: Object, place: tuple[str, str], secret: Object | None, *, ours: bool) -> set[str]:
        """The reasons of which one has to be reported; empty if the resource has to be served."""
        if self._is_denied(resource, place):
            return {"PolicyDenied"}
        found = [self._resolved(ask, place[0], resource) for ask in asks(resource["spec"])]
        failing = {reason for _, reason in found if reason}
        elder = self._elder(resource, place)
        if elder:
            return {"SecretConflict", *failing, *({"Suspended"} if resource["spec"].get("suspend") else ())}
        if resource["spec"].get("suspend"):
            return {"Suspended"}
        if secret is not None and not ours and self._is_foreign(secret, resource):
            return {"SecretConflict", *failing}
        return failing

    def _is_foreign(self, secret: Object, resource: Object) -> bool:
        """Whether a Secret is neither another resource's, which has to leave the name, nor the Go operator's.

        Without the operator's label, the owner of a Secret is unknown.
        """
        meta = secret["metadata"]
        owners = {one["uid"] for one in meta.get("ownerReferences") or ()}
        untouched = meta["uid"] in self.world.of_predecessor and not owners and not meta.get("labels")
        if untouched and resource["kind"] == "Secret":  # it wrote no Secrets of this type for other kinds
            return set(passwords_of(secret)) != {resource["spec"]["ecr_registry"]}
        return not is_managed(secret) or owners.isdisjoint(
            one["metadata"]["uid"] for one in self.world.cluster.resources()
        )

    def _resolved(self, ask: Ask, namespace: str, resource: Object) -> tuple[Ask, str]:
        """An ask with the role that it turns out to have, and why AWS gives no token; empty if it does."""
        home = OPERATOR_NAMESPACE if resource["kind"] == CLUSTERED else namespace
        aws, read = self.world.aws, self.world.cluster.read
        if ask.kind == "keys":
            secret = read("secrets", home, ask.name)
            data = data_of(secret) if secret else {}
            known = aws.keys.get(data.get("aws_access_key_id", ""), "")
            if not data.get("aws_access_key_id"):
                return ask, "IdentityUnavailable"
            return ask, "" if known and known == data.get("aws_secret_access_key") else "WrongKeys"
        if ask.kind == "account":
            account = read("serviceaccounts", home, ask.name)
            role = ((account or {}).get("metadata", {}).get("annotations") or {}).get(ROLE_ANNOTATION, "")
            trusted = f"{home}/{ask.name}" in aws.account_roles.get(role, ())
            return replace(ask, role=role), "" if trusted else "AWSAccessDenied" if role else "IdentityUnavailable"
        role = ask.role or self._policies.default_role(ask, namespace, self._labels.get(namespace, {}))
        return ask, "" if not role or role in aws.trusted else "AWSAccessDenied"

    def _check_served(self, resource: Object, place: tuple[str, str], secret: Object) -> None:
        passwords, labels = passwords_of(secret), self._labels.get(place[0], {})
        for ask in asks(resource["spec"]):
            token = self.world.aws.issued.get(passwords.get(ask.host, ""))
            if token is None or token.expires_at < self.world.aws.now():
                self.fail(f"{_name(resource)} has no valid token for {ask.host} in {named(place)}: {_told(resource)}")
                return
            good, limit = good_for(ask.host, token)
            if not self._policies.permits(good, limit, place[0], labels):
                self.fail(f"{_name(resource)} keeps a token for {ask.host} in {named(place)} that policy denies")
        told = {kind: condition(resource, kind).get("status") for kind in ("Ready", "Refreshing")}
        if resource["kind"] != CLUSTERED and set(told.values()) != {"True"}:
            self.fail(f"{_name(resource)} is served, and reports something else: {_told(resource)}")

    def _check_failing(self, resource: Object, place: tuple[str, str], reasons: set[str]) -> None:
        elder = self._elder(resource, place)
        if elder and self._may_serve_instead(elder, place):
            return
        if reasons == {"PolicyDenied"}:
            secret = self.world.cluster.read("secrets", *place)
            if secret is not None and _is_owned_by(secret, resource) and is_managed(secret):
                self.fail(f"{_name(resource)} is denied, and Secret {named(place)} is still there")
        if resource["kind"] == CLUSTERED:
            return
        if reasons & FOUND_BY_AWS and condition(resource, "Ready").get("status") == "True":
            return  # the stored token is valid, and AWS has not been asked for the next one
        told = {condition(resource, kind).get("reason") for kind in ("Ready", "Refreshing")}
        if "WrongKeys" in reasons:
            reasons = {*reasons, "IdentityUnavailable"}
        if told.isdisjoint(reasons):
            self.fail(f"{_name(resource)} has to report {' or '.join(sorted(reasons))}: {_told(resource)}")

    def _may_serve_instead(self, elder: Object, place: tuple[str, str]) -> bool:
        """Whether a younger resource may have the Secret, because the elder one has no token for it."""
        failing = any(reason for _, reason in (self._resolved(ask, place[0], elder) for ask in asks(elder["spec"])))
        return failing or bool(elder["spec"].get("suspend"))


def _is_deleted(found: Object) -> bool:
    return "deletionTimestamp" in found["metadata"]


def _rank(resource: Object, place: tuple[str, str]) -> tuple[str, str]:
    meta = resource["metadata"]
    return meta["creationTimestamp"], f"{resource['kind']}/{place[0]}/{meta['name']}"


def _name(resource: Object) -> str:
    meta = resource["metadata"]
    return f"{resource['kind']} {named((meta.get('namespace', ''), meta['name']))}"


def _told(resource: Object) -> str:
    shown = [condition(resource, kind) for kind in ("Ready", "Refreshing")]
    return "; ".join(
        f"{one.get('type')}={one.get('status')} {one.get('reason')}: {one.get('message')}" for one in shown
    )


def _is_owned_by(secret: Object, resource: Object) -> bool:
    """Whether a Secret was made for a resource: by its ownerReference or, without one, by its annotation."""
    meta, of = secret["metadata"], resource["metadata"]
    if any(one["uid"] == of["uid"] for one in meta.get("ownerReferences") or ()):
        return True
    annotations = meta.get("annotations") or {}
    named_owner = f"{resource['kind']}/{meta['namespace']}/{of['name']}"
    others = any(one["kind"] in KINDS for one in meta.get("ownerReferences") or ())
    return annotations.get(OWNER) == named_owner and not others and (is_managed(secret) or DIGEST in annotations)


class NothingLeftBehind(Invariant):
    """What should be gone is gone: Secrets without their resource, and links to them."""

    def at_end(self) -> None:
        """Looks for Secrets and links that no resource wants."""
        uids = {one["metadata"]["uid"] for one in self.world.cluster.resources()}
        for secret in self.world.cluster.items("secrets"):
            owners = {one["uid"] for one in secret["metadata"].get("ownerReferences") or ()}
            confined_to = self.world.plan.confined_to
            watched = not confined_to or secret["metadata"]["namespace"] in confined_to
            if watched and is_managed(secret) and owners and not owners & uids:
                self.fail(f"Secret {named(_key(secret))} is left of a resource that is gone")
        for account in self.world.cluster.items("serviceaccounts"):
            self._check_links(account)

    def _check_links(self, account: Object) -> None:
        namespace, _ = _key(account)
        entries = {one.get("name", "") for one in account.get("imagePullSecrets") or ()}
        record = (account["metadata"].get("annotations") or {}).get(LINKS, "")
        for name in sorted(entries):
            if name not in record:
                continue  # another client's, or nothing says any more that the operator added it
            if self._is_wanted(namespace, account["metadata"]["name"], name):
                continue
            if self.world.cluster.read("secrets", namespace, name) is None:
                self.fail(f"ServiceAccount {named(_key(account))} is linked to Secret {name}, which is gone")

    def _is_wanted(self, namespace: str, account: str, name: str) -> bool:
        """Whether a resource links an account to a Secret: an entry stays while it waits for its Secret."""
        for one in self.world.cluster.resources():
            spec = one["spec"]
            links = {link["service_account"] for link in spec.get("link") or ()}
            there = one["metadata"].get("namespace", namespace) == namespace
            if there and account in links and spec["generated_secret_name"] == name:
                return True
        return False


def _key(found: Object) -> tuple[str, str]:
    return found["metadata"].get("namespace", ""), found["metadata"]["name"]


class QuietAtLast(Invariant):
    """In the end, nothing is written but what is due: no object more than a few times in five minutes."""

    MOST = 4

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._writes: list[tuple[float, str, tuple[str, str]]] = []

    def on_change(self, change: Change) -> None:
        """Notes the writes of replicas."""
        if change.by_operator and change.plural != "events" and self.world.settling:
            self._writes.append((change.at, change.plural, change.key))

    def at_end(self) -> None:
        """Counts the last ones."""
        since = self.world.loop.since_boot() - QUIET_SECONDS
        counts = Counter((plural, key) for at, plural, key in self._writes if at >= since)
        for (plural, key), count in counts.items():
            if count > self.MOST:
                self.fail(f"{plural} {named(key)} was written {count} times in the last five minutes")


class BoundedMemory(Invariant):
    """What a replica remembers of keys is bounded by what there is."""

    def at_end(self) -> None:
        """Looks into each replica for keys of objects that are gone."""
        for replica in self.world.replicas.values():
            for place, keys in replica.remembered().items():
                for key in keys:
                    if not self._exists(key):
                        self.fail(f"{replica.name} remembers {key} in {place}, which is gone")

    def _exists(self, key: Any) -> bool:
        if key.kind == "ServiceAccount":
            return self.world.cluster.read("serviceaccounts", key.namespace, key.name) is not None
        namespace = "" if key.kind == CLUSTERED else key.namespace
        return self.world.cluster.read(KINDS[key.kind], namespace, key.name) is not None
