"""Compares the world with what the model foretells of it, and says where they differ."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ecr_secret_operator_lab.cluster import ECR, Cluster, Object, condition, secret_data
from ecr_secret_operator_lab.fakeaws import FakeAws
from ecr_secret_operator_lab.fakeaws.records import IssuedToken

from .accounts import FIELDS, PULL
from .expected import REFRESHED, SUSPENDED, Key, Model, Said, Scope, Stored, Wish
from .resources import PLURALS, docker_config

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/team"
ALL_PLURALS = {**PLURALS, "ClusterPullSecret": "clusterpullsecrets"}
MANAGED = {"app.kubernetes.io/managed-by": "ecr-secret-operator"}
ARGO_LABEL = {"argocd.argoproj.io/secret-type": "repository"}
TYPES = {"Secret": "kubernetes.io/dockerconfigjson", "ArgoHelmRepoSecret": "Opaque"}
PHASES = {REFRESHED: "Updated", SUSPENDED: "Suspended", "AWSUnavailable": "Pending"}
HOURS = {"1h": 1, "10h": 10, "24h": 10}
"""How long a token of twelve hours is kept with each frequency that the test uses: 5/6 of its life at most."""


def host(region: str) -> str:
    """The registry of a region."""
    return f"{ACCOUNT}.dkr.ecr.{region}.amazonaws.com"


def scope_of(token: IssuedToken) -> Scope:
    """What a token is good for, as AWS knows it."""
    return Scope(token.region, ROLE if ":assumed-role/team/" in token.principal else "")


@dataclass(frozen=True)
class Seen:
    """The world at a moment, as far as it is this test's."""

    resources: Mapping[Key, Object]
    secrets: Mapping[tuple[str, str], Object]
    accounts: Mapping[tuple[str, str], Object]
    tokens: Mapping[str, IssuedToken]

    @classmethod
    def now(cls, cluster: Cluster, aws: FakeAws, namespaces: Sequence[str]) -> Seen:
        """Looks."""
        resources = {
            Key(kind, one["metadata"].get("namespace", ""), one["metadata"]["name"]): one
            for kind, plural in ALL_PLURALS.items()
            for one in cluster.items(f"{ECR}/{plural}")
        }
        return cls(
            resources={key: one for key, one in resources.items() if key.namespace in ("", *namespaces)},
            secrets=_by_place(cluster.items("/api/v1/secrets"), namespaces),
            accounts=_by_place(cluster.items("/api/v1/serviceaccounts"), namespaces),
            tokens={one.password: one for one in aws.tokens()},
        )

    @property
    def versions(self) -> Mapping[str, str]:
        """The version of everything: equal when nobody wrote anything."""
        found = (*self.resources.values(), *self.secrets.values(), *self.accounts.values())
        return {one["metadata"]["uid"]: one["metadata"]["resourceVersion"] for one in found}


def _by_place(objects: Sequence[Object], namespaces: Sequence[str]) -> dict[tuple[str, str], Object]:
    return {
        (one["metadata"]["namespace"], one["metadata"]["name"]): one
        for one in objects
        if one["metadata"]["namespace"] in namespaces
    }


def differences(model: Model, said: Mapping[Key, Mapping[str, Said]], seen: Seen) -> list[str]:
    """Where the world is not as it was foretold; empty when it is."""
    return [*_secrets(model, seen), *_accounts(model, seen), *_resources(model, said, seen)]


def _differ(what: str, foretold: object, found: object) -> Iterator[str]:
    if foretold != found:
        yield f"{what}: foretold {foretold!r}, found {found!r}"


# Secrets


def _secrets(model: Model, seen: Seen) -> Iterator[str]:
    ours = {
        (where, name): (key, one) for (key, where), secrets in model.stored.items() for name, one in secrets.items()
    }
    yield from _differ("Secrets", sorted(ours.keys() | model.foreign.keys()), sorted(seen.secrets))
    for place, before in model.foreign.items():
        yield from _differ(f"foreign Secret {place}", before, seen.secrets.get(place))
    for place, (key, one) in ours.items():
        if place in seen.secrets:
            yield from (f"Secret {place}: {text}" for text in _secret(key, one, seen.secrets[place], seen.tokens))


def _secret(key: Key, one: Stored, found: Object, tokens: Mapping[str, IssuedToken]) -> Iterator[str]:
    metadata, data = found["metadata"], secret_data(found)
    argo = one.kind == "ArgoHelmRepoSecret"
    yield from _differ("labels", {**one.labels, **MANAGED, **(ARGO_LABEL if argo else {})}, metadata.get("labels"))
    yield from _differ("type", TYPES.get(one.kind, TYPES["Secret"]), found["type"])
    owners = [(owner["kind"], owner["name"], owner["uid"]) for owner in metadata.get("ownerReferences", [])]
    yield from _differ("owners", [(one.kind, key.name, one.owner)] if one.owner else [], owners)
    password = data.get("password", "") if argo else _password(data)
    whole = _argo(one, password, metadata["name"]) if argo else _docker(one, password)
    yield from _differ("data", sorted(whole), sorted(data))
    if whole != data:
        yield "data: not what the Go operator writes"
    token = tokens.get(password)
    if token is None:
        yield "its token was not issued by AWS"
        return
    yield from _differ("token", one.scope, scope_of(token))
    if token.expires_at <= token.issued_at or token.expires_at < datetime.now().astimezone().timestamp():
        yield "its token has expired"


def _password(data: Mapping[str, str]) -> str:
    try:
        (entry,) = json.loads(data[".dockerconfigjson"])["auths"].values()
        return str(entry["password"])
    except (KeyError, ValueError, TypeError):
        return ""


def _docker(one: Stored, password: str) -> Mapping[str, str]:
    return {".dockerconfigjson": docker_config(host(one.scope.region), password)}


def _argo(one: Stored, password: str, name: str) -> Mapping[str, str]:
    url = {"url": f"{host(one.scope.region)}/charts", "type": "helm", "enableOCI": "true", "name": name}
    return {"username": "AWS", "password": password, **url}


# ServiceAccounts


def _accounts(model: Model, seen: Seen) -> Iterator[str]:
    for place, people in model.accounts.items():
        account = seen.accounts.get(place)
        if account is None:
            yield f"ServiceAccount {place} is gone"
            continue
        for purpose, field in FIELDS.items():
            names = [entry["name"] for entry in account.get(field, [])]
            own = {name for one, name in model.entries.get(place, ()) if one == purpose}
            theirs = people if field == PULL else []
            yield from _differ(f"{field} of {place}", (theirs, sorted(own)), _parted(names, theirs))


def _parted(names: Sequence[str], theirs: Sequence[str]) -> tuple[list[str], list[str]]:
    return [name for name in names if name in theirs], sorted(name for name in names if name not in theirs)


# Resources


def _resources(model: Model, said: Mapping[Key, Mapping[str, Said]], seen: Seen) -> Iterator[str]:
    yield from _differ("resources", sorted(said), sorted(seen.resources))
    for key in said.keys() & seen.resources.keys():
        found, wish = seen.resources[key], model.wishes[key]
        status = found.get("status") or {}
        check = _one(wish, said[key][key.namespace], found, model, seen) if key.namespace else _whole(said[key], found)
        yield from (f"{'/'.join(key)}: {text}" for text in check)
        yield from _differ(f"{key} has looked at", found["metadata"]["generation"], status.get("observedGeneration"))


def _state(found: Object, kind: str) -> tuple[bool, str]:
    state = condition(found, kind)
    return state.get("status") == "True", state.get("reason", "")


def _one(wish: Wish, said: Said, found: Object, model: Model, seen: Seen) -> Iterator[str]:
    status = found.get("status") or {}
    yield from _differ("Ready", (said.ready, said.reason), _state(found, "Ready"))
    yield from _differ("phase", PHASES.get(said.reason, "Error"), status.get("phase"))
    yield from _differ("PolicyAllowed", {False} if said.audited else set(), _statuses(found, "PolicyAllowed"))
    if said.linked:
        yield from _differ("Linked", (said.linked == "Linked", said.linked), _state(found, "Linked"))
    if not wish.link:
        yield from _differ("Linked", set(), _statuses(found, "Linked"))
    if said.reason == REFRESHED and not model.fault:
        yield from _differ("lastHandledRefresh", wish.refresh, status.get("lastHandledRefresh", ""))
        secret = seen.secrets.get((found["metadata"]["namespace"], wish.target))
        data = secret_data(secret) if secret else {}
        token = seen.tokens.get(data.get("password") or _password(data))
        if token:
            yield from _times(wish, status, token)


def _statuses(found: Object, kind: str) -> set[bool]:
    state = condition(found, kind)
    return {state["status"] == "True"} if state else set()


def _times(wish: Wish, status: Object, token: IssuedToken) -> Iterator[str]:
    yield from _differ("expiresAt", int(token.expires_at), int(_epoch(status.get("expiresAt"))))
    interval, due = HOURS[wish.frequency] * 3600, _epoch(status.get("nextRefreshTime")) - token.issued_at
    if not 0.9 * interval - 60 <= due <= interval + 60:
        yield f"next refresh after {due:.0f} s, with frequency {wish.frequency}"


def _epoch(text: str | None) -> float:
    return datetime.fromisoformat(text).timestamp() if text else 0.0


def _whole(shares: Mapping[str, Said], found: Object) -> Iterator[str]:
    status, (ready, reason) = found.get("status") or {}, _state(found, "Ready")
    broken = {said.reason for said in shares.values() if not said.ready}
    fine = {said.reason for said in shares.values() if said.ready} or {REFRESHED, SUSPENDED}
    yield from _differ("Ready", not broken, ready)
    if reason not in (broken or fine):
        yield f"Ready: foretold {broken or fine}, found {reason}"
    served = sum(said.ready for said in shares.values())
    counts = {"selected": len(shares), "served": served, "failing": len(shares) - served}
    yield from _differ("namespaces", counts, status.get("namespaces"))
    failing = {where: said.reason for where, said in shares.items() if not said.ready}
    listed = {one["namespace"]: one["reason"] for one in status.get("failingNamespaces", [])}
    yield from _differ("failing", failing, listed)
    audited = any(said.audited for said in shares.values())
    yield from _differ("PolicyAllowed", {False} if audited else set(), _statuses(found, "PolicyAllowed"))
    linked = {said.linked for said in shares.values() if said.linked}
    if linked and "" not in {said.linked for said in shares.values()}:
        yield from _differ("Linked", linked == {"Linked"}, _state(found, "Linked")[0])
