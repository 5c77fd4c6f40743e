"""Other programs that work on the operator's objects: tools that undo what it writes, and policy engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from ecr_secret_operator_lab.cluster import Object

from .actors import a_foreign_secret
from .apiserver import Denied, Hook, HookFailed, Request, Review
from .apiserver.kinds import SECRETS
from .invariants.base import Change

if TYPE_CHECKING:
    from .world import World

WEBHOOK_SECONDS: Mapping[str, float] = {"slow": 4.0, "hang": 30.0}
"""How long the answer of a webhook takes. The API server waits for ten seconds."""


@dataclass(slots=True)
class _Fight:
    how: str
    until: float
    gap: float
    desired: Object | None


class Fights:
    """GitOps tools, each of which undoes every change of one Secret for some time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._fights: dict[tuple[str, str], _Fight] = {}

    def begin(self, namespace: str, name: str, *, how: str, seconds: float, gap: float) -> None:
        """Begins to undo changes; the present content is what the tool wants."""
        desired = self._world.cluster.read("secrets", namespace, name)
        fight = _Fight(how, self._world.loop.since_boot() + seconds, gap, desired)
        self._fights[namespace, name] = fight
        self._undo(namespace, name)

    def end(self) -> None:
        """Ends all of them."""
        self._fights.clear()

    @property
    def lasts_until(self) -> float:
        """When the last one is over."""
        return max((one.until for one in self._fights.values()), default=0.0)

    def on_change(self, change: Change) -> None:
        """Plans to undo a change of a replica."""
        fight = self._fights.get(change.key) if change.plural == "secrets" and change.by_operator else None
        if fight and change.after is not None and change.at < fight.until:
            self._world.later(fight.gap, lambda: self._undo(*change.key))

    def _undo(self, namespace: str, name: str) -> None:
        fight, cluster = self._fights.get((namespace, name)), self._world.cluster
        if fight is None:
            return
        if fight.how == "delete":
            cluster.delete("secrets", namespace, name, user="gitops")
        elif fight.how == "label":
            patch = {"metadata": {"labels": {"app.kubernetes.io/managed-by": "gitops"}}}
            cluster.patch("secrets", namespace, name, patch, user="gitops")
        elif fight.desired:
            meta = {key: fight.desired["metadata"].get(key) for key in ("labels", "annotations")}
            cluster.patch(
                "secrets", namespace, name, {"data": fight.desired.get("data"), "metadata": meta}, user="gitops"
            )


class PolicyEngine:
    """Admission webhooks that concern the Secrets of one namespace, for some time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._until: dict[str, float] = {}

    def begin(self, namespace: str, how: str, seconds: float) -> None:
        """Adds a webhook, and removes it later."""
        name = f"{how}.{namespace}.example.com"
        hook = Hook(
            name=name,
            decide=_DECISIONS[how],
            concerns=lambda review: (
                review.place.kind is SECRETS
                and review.place.namespace == namespace
                and (how != "hang" or review.user == "operator")
            ),
            seconds=WEBHOOK_SECONDS.get(how, 0.0),
        )
        hooks = self._world.server.hooks
        hooks[:] = [one for one in hooks if one.name != name]
        hooks.append(hook)
        self._until[namespace] = max(self._until.get(namespace, 0.0), self._world.loop.since_boot() + seconds)
        self._world.later(seconds, lambda: self._end(hook))

    def _end(self, hook: Hook) -> None:
        hooks = self._world.server.hooks
        hooks[:] = [one for one in hooks if one is not hook]

    def end(self) -> None:
        """Removes all webhooks."""
        self._world.server.hooks.clear()


def _deny(review: Review) -> Object | None:
    if review.user == "operator":
        raise Denied("no Secrets here")
    return None


def _mutate(review: Review) -> Object | None:
    if review.object is None:
        return None
    labels = {**(review.object["metadata"].get("labels") or {}), "policy.example.com/checked": "true"}
    return {**review.object, "metadata": {**review.object["metadata"], "labels": labels}}


def _fail(review: Review) -> Object | None:
    if review.user == "operator":
        raise HookFailed("connection refused")
    return None


def _pass(_review: Review) -> Object | None:
    return None


_DECISIONS = {"deny": _deny, "mutate": _mutate, "slow": _pass, "hang": _pass, "fail": _fail}


@dataclass(slots=True)
class _Intrusion:
    how: str
    left: int


class Intruders:
    """Clients that change or replace a Secret while a request of a replica for it is on its way."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._planned: dict[str, _Intrusion] = {}

    def begin(self, namespace: str, *, how: str, request: int) -> None:
        """Plans to intrude on one of the next requests for Secrets of a namespace."""
        self._planned[namespace] = _Intrusion(how, request)

    def end(self) -> None:
        """Plans nothing any more."""
        self._planned.clear()

    def on_request(self, request: Request) -> None:
        """Intrudes on a request of a replica, if that is planned."""
        parts = request.path.split("/")
        of_secret = parts[:4] == ["", "api", "v1", "namespaces"] and parts[5:6] == ["secrets"]
        planned = self._planned.get(parts[4]) if of_secret else None
        if planned is None or (len(parts) < 7 and request.method != "POST"):
            return
        name = parts[6] if len(parts) > 6 else msgspec.json.decode(request.body)["metadata"]["name"]
        planned.left -= 1
        if not planned.left:
            del self._planned[parts[4]]
            self._intrude(parts[4], name, planned.how)

    def _intrude(self, namespace: str, name: str, how: str) -> None:
        cluster = self._world.cluster
        self._world.disturbed(namespace)
        if how == "touch":
            patch = {"metadata": {"annotations": {"example.com/touched": str(self._world.loop.since_boot())}}}
            cluster.patch("secrets", namespace, name, patch, user="intruder")
            return
        cluster.delete("secrets", namespace, name, user="intruder")
        if how == "replace":
            cluster.create("secrets", a_foreign_secret(namespace, name), user="intruder")
