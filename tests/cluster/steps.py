"""What people, tenants and the weather can do to the world, and to the model of it, one after the other."""

from __future__ import annotations

import functools
import itertools
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from ecr_secret_operator_lab.cluster import ECR, Object, Refused, resource_path, secret_path
from ecr_secret_operator_lab.operator import OperatorProcess
from ecr_secret_operator_lab.waiting import NotReached, wait_for

from .accounts import PULL, account_path, entries
from .comparing import ALL_PLURALS, HOURS, ROLE, Seen, differences, host, scope_of
from .expected import Key, Model, Policy, Scope, Wish
from .private import POLICIES, World

QUIET_WITHIN = 90.0
"""Far more than anything takes: a conflict that has lasted is looked at every 30 s, as is an AWS that fails."""
STAYS_FOR = 1.0

WORDS = ("alpha", "beta", "gamma")
SLOTS = (
    ("Secret", "alpha", "pull"),
    ("Secret", "beta", "pull"),
    ("Secret", "alpha", "push"),
    ("ArgoHelmRepoSecret", "alpha", "charts"),
    ("ClusterPullSecret", "", "everywhere"),
)
REGIONS = ("us-east-2", "eu-west-1")
TEAMS = ("a", "b")
ACCOUNTS = ("default", "builder")

Change = Callable[[Wish], None]
CHANGES: Mapping[str, Change] = {
    "name": lambda wish: setattr(wish, "target", wish.target[:-1] + ("y" if wish.target.endswith("x") else "x")),
    "region": lambda wish: setattr(wish, "scope", wish.scope._replace(region=REGIONS[wish.scope.region == REGIONS[0]])),
    "role": lambda wish: setattr(wish, "scope", wish.scope._replace(role="" if wish.scope.role else ROLE)),
    "labels": lambda wish: setattr(wish, "labels", {} if wish.labels else {"tier": "web"}),
    "frequency": lambda wish: setattr(
        wish, "frequency", dict(zip(HOURS, [*list(HOURS)[1:], "1h"], strict=True))[wish.frequency]
    ),
    "retain": lambda wish: setattr(wish, "retain", not wish.retain),
    "suspend": lambda wish: setattr(wish, "suspend", not wish.suspend),
    "team": lambda wish: setattr(wish, "team", {"": "a", "a": "b", "b": ""}[wish.team]),
    "link": lambda wish: setattr(wish, "link", {} if wish.link else {"builder": ("pull", "mount")}),
    "link default": lambda wish: setattr(wish, "link", {**wish.link, "default": ("pull",)}),
}
UNHURRIED = frozenset(("name", "role", "region", "retain", "suspend", "team"))
"""Changes whose outcome hangs on what was there before: they are made at a quiet moment, or after a short one."""

DAMAGES: Mapping[str, Object] = {
    "data": {"data": {".dockerconfigjson": "e30=", "password": "eA=="}},
    "a key": {"data": {"more": "eA=="}},
    "label": {"metadata": {"labels": {"app.kubernetes.io/managed-by": None}}},
    "annotations": {"metadata": {"annotations": None}},
    "owner": {"metadata": {"ownerReferences": None}},
}

_numbers = itertools.count()

Step = TypeVar("Step", bound=Callable[..., None])


@dataclass
class Life:
    """One process of the operator, and what was on AWS's record when it began."""

    operator: OperatorProcess
    tokens_before: int
    calls_before: int
    refreshes: int = 0
    began: float = field(default_factory=time.monotonic)

    @classmethod
    def begin(cls, world: World, refreshes: int = 0) -> Life:
        """Starts one."""
        tokens, calls = len(world.aws.tokens()), len(world.aws.calls())
        return cls(world.start(), tokens, calls, refreshes)


def told(step: Step) -> Step:
    """Keeps what is done, as Python that does it again."""

    @functools.wraps(step)
    def kept(self: Sequence, *args: Any, **kwargs: Any) -> None:
        given = [*map(repr, args), *(f"{name}={value!r}" for name, value in kwargs.items())]
        self.story.append(f"it.{step.__name__}({', '.join(given)})")
        step(self, *args, **kwargs)

    return cast("Step", kept)


class Sequence:
    """One sequence, in namespaces of its own: what can be done to the world, and to the model of it."""

    PLURALS = (*ALL_PLURALS.values(), "accesspolicies")

    def __init__(self, world: World, lives: list[Life]) -> None:
        self.world, self.cluster, self.aws = world, world.cluster, world.aws
        self.lives = lives
        self.number = next(_numbers)
        self.story: list[str] = []
        self.model = Model({f"{word}-{self.number}": team for word, team in zip(WORDS, "aba", strict=True)})
        self.hurry = False  # whether something was done whose outcome hangs on what is not quiet yet
        for name, team in self.model.teams.items():
            self.cluster.namespace(name, team=team)
            self.model.accounts[name, "default"] = []
        for name in self.model.teams:
            wait_for(
                functools.partial(self.cluster.get, account_path(name, "default")), "its ServiceAccount", within=60
            )

    @property
    def life(self) -> Life:
        """The operator that runs now."""
        return self.lives[-1]

    def _in(self, word: str) -> str:
        return f"{word}-{self.number}" if word else ""

    def _key(self, slot: tuple[str, str, str]) -> Key:
        kind, word, name = slot
        return Key(kind, self._in(word), name if word else f"{name}-{self.number}")

    def _path(self, key: Key) -> str:
        plural = ALL_PLURALS[key.kind]
        return resource_path(plural, key.namespace, key.name) if key.namespace else f"{ECR}/{plural}/{key.name}"

    def _spec(self, key: Key, wish: Wish) -> Object:
        registry = host(wish.scope.region)
        by_kind: dict[str, Object] = {
            "Secret": {"ecr_registry": registry},
            "ArgoHelmRepoSecret": {"url": f"{registry}/charts"},
            "ClusterPullSecret": {
                "ecr_registry": registry,
                "namespaces": {
                    "include": [f"*-{self.number}"],
                    "selector": {"matchLabels": {"team": wish.team}} if wish.team else None,
                },
            },
        }
        links = [{"service_account": name, "for": list(purposes)} for name, purposes in sorted(wish.link.items())]
        return {
            "generated_secret_name": wish.target,
            "frequency": wish.frequency,
            "aws": {"role_arn": wish.scope.role or None},
            "suspend": wish.suspend,
            "deletion_policy": "Retain" if wish.retain else "Delete",
            "metadata": {"labels": {"tier": None, **wish.labels}},
            **({} if key.kind == "ArgoHelmRepoSecret" else {"link": links or None}),
            **by_kind[key.kind],
        }

    # What users do with resources

    @told
    def make(self, slot: tuple[str, str, str], region: str, *, retain: bool = False, link: bool = False) -> None:
        """A user makes a resource."""
        self._careful()
        key = self._key(slot)
        wish = Wish("", f"{slot[0].lower()}-{slot[2]}-x", Scope(region), retain=retain)
        if link and key.kind != "ArgoHelmRepoSecret":
            wish.link = {"builder": ("pull",)}
        body = {
            "apiVersion": "ecr.mobb.redhat.com/v1alpha1",
            "kind": key.kind,
            "metadata": {"name": key.name},
            "spec": _without_nothing(self._spec(key, wish)),
        }
        wait_for(lambda: self.cluster.get(self._path(key)) is None, "an earlier one is gone", within=30)
        wish.uid = self.cluster.create(self._path(key).rpartition("/")[0], body)["metadata"]["uid"]
        self.model.wishes[key] = wish

    @told
    def edit(self, slot: tuple[str, str, str], what: str) -> None:
        """A user edits one."""
        self._careful(quietly=what in UNHURRIED, always=what == "suspend")  # what rests is what was there
        key = self._key(slot)
        wish = self.model.wishes[key]
        CHANGES[what](wish)
        self.cluster.patch(self._path(key), {"spec": self._spec(key, wish)})
        self.hurry = self.hurry or what == "retain"

    @told
    def refresh(self, slot: tuple[str, str, str]) -> None:
        """A user asks for a refresh."""
        self._careful()
        key = self._key(slot)
        self.life.refreshes += 1
        self.model.wishes[key].refresh = f"{len(self.story)}"
        annotation = {"ecr.mobb.redhat.com/refresh": f"{len(self.story)}"}
        self.cluster.patch(self._path(key), {"metadata": {"annotations": annotation}})

    @told
    def delete(self, slot: tuple[str, str, str]) -> None:
        """A user deletes one."""
        key = self._key(slot)
        self._careful(quietly=True, always=self.model.wishes[key].retain)  # what stays is what was there
        self.cluster.delete(self._path(key))
        self.model.deleted(key)

    # What people do to Secrets

    @told
    def damage(self, slot: tuple[str, str, str], how: str) -> None:
        """Somebody edits, or deletes, the Secrets of a resource that is served."""
        self._careful(quietly=how != "delete")
        key = self._key(slot)
        for where in self.model.places(key):
            target = self.model.wishes[key].target
            if target not in self.model.stored.get((key, where), {}):
                continue
            path = secret_path(where, target)
            if how == "delete":
                _if_there(functools.partial(self.cluster.delete, path))
                if self.model.wishes[key].suspend:
                    self.model.taken(where, target)
            elif how != "annotations" or not self.model.wishes[key].retain:
                # Of one that is to outlive its resource they are all that tells whose it is.
                _if_there(functools.partial(self.cluster.patch, path, DAMAGES[how]))
                self.hurry = True

    @told
    def remove_what_is_left(self, slot: tuple[str, str, str]) -> None:
        """Somebody deletes what a deleted resource left behind."""
        self._careful()
        for (key, where), secrets in self.model.stored.items():
            if key == self._key(slot):
                for name in list(secrets):
                    self.cluster.delete(secret_path(where, name))
                    self.model.taken(where, name)

    @told
    def put(self, word: str, slot: tuple[str, str, str], end: str) -> None:
        """Somebody puts a Secret of their own where a resource wants one, or will."""
        self._careful(quietly=True)
        where, name = self._in(word), f"{slot[0].lower()}-{slot[2]}-{end}"
        if (where, name) in self.model.foreign:
            return
        _if_there(lambda: self.cluster.delete(secret_path(where, name)))
        body = {"metadata": {"name": name, "labels": {"whose": "mine"}}, "data": {"precious": "eWVz"}}
        try:
            answer = self.cluster.create(secret_path(where), body)
        except Refused as refusal:
            assert refusal.status == 409, "the operator was quicker"  # noqa: PT017 - any other one is a failure
            return
        self.model.taken(where, name)
        self.model.foreign[where, name] = _listed(answer)

    @told
    def take(self, place: int) -> None:
        """They take one of them away again."""
        self._careful()
        where, name = sorted(self.model.foreign)[place % len(self.model.foreign)]
        self.cluster.delete(secret_path(where, name))
        del self.model.foreign[where, name]

    # What people do to ServiceAccounts, namespaces and policies

    @told
    def account(self, word: str) -> None:
        """Somebody makes the ServiceAccount `builder` in a namespace, or deletes it."""
        self._careful()
        place = (self._in(word), "builder")
        if place in self.model.accounts:
            self.cluster.delete(account_path(*place))
            del self.model.accounts[place]
            self.model.entries.pop(place, None)
        else:
            self.cluster.create(account_path(place[0]), {"metadata": {"name": "builder"}, PULL: entries("mine")})
            self.model.accounts[place] = ["mine"]

    @told
    def list_own(self, word: str, name: str, names: tuple[str, ...]) -> None:
        """Somebody sets what a ServiceAccount pulls with, to what they know of."""
        self._careful(quietly=True)
        place = (self._in(word), name)
        if place not in self.model.accounts:
            return
        self.cluster.patch(account_path(*place), {PULL: entries(*names)})
        self.model.accounts[place] = list(names)
        kept = self.model.entries.get(place, set())
        self.model.entries[place] = {(purpose, one) for purpose, one in kept if purpose != "pull"}

    @told
    def relabel(self, word: str, team: str) -> None:
        """A namespace goes over to another team."""
        self._careful(quietly=True)
        where = self._in(word)
        self.cluster.patch(f"/api/v1/namespaces/{where}", {"metadata": {"labels": {"team": team}}})
        self.model.teams[where] = team

    @told
    def policy(self, name: str, policy: Policy | None) -> None:
        """An administrator makes, edits or deletes an AccessPolicy."""
        self._careful(quietly=True)
        known = self.model.policies.pop(name, None)
        if policy is None:
            if known:
                self.cluster.delete(f"{POLICIES}/{name}")
            return
        self.model.policies[name] = policy
        spec = {
            "namespaces": {"selector": {"matchLabels": {"team": policy.team}} if policy.team else None},
            "regions": list(policy.regions),
            "ambient_identity": policy.ambient,
            "role_arns": list(policy.roles),
            "mode": "Audit" if policy.audit else "Enforce",
        }
        if known:
            self.cluster.patch(f"{POLICIES}/{name}", {"spec": spec})
        else:
            self.world.policy(name, **_without_nothing(spec))

    # What the weather does

    @told
    def fail(self, how: str) -> None:
        """AWS gives no tokens any more."""
        self.settle()
        self.model.cached = {scope_of(one) for one in self.aws.tokens()[self.life.tokens_before :]}
        self.model.fault = how
        self.aws.fail(how, action="GetAuthorizationToken")

    @told
    def fix(self) -> None:
        """It does again."""
        self.settle()
        self.model.fault = ""
        self.aws.fix()

    @told
    def restart(self, *, kill: bool) -> None:
        """The operator ends, or is killed, and another one starts. When all was quiet, it has nothing to do."""
        self._careful()
        if kill:
            self.life.operator.kill()
        else:
            assert self.life.operator.stop(signal.SIGTERM) == 0
        self.model.restarted()
        asked = sum(bool(wish.refresh) for wish in self.model.wishes.values())
        self.lives.append(Life.begin(self.world, asked))

    @told
    def restart_for_nothing(self) -> None:
        """The operator is restarted while all is quiet: it asks nothing of AWS, and writes nothing."""
        self.settle()
        before = self._seen().versions
        self.restart(kill=False)
        self.story.pop()
        self.settle()
        if not self.model.fault:
            waiting = [wish for wish in self.model.wishes.values() if wish.refresh]
            assert waiting or self.aws.calls()[self.life.calls_before :] == [], "a restart asked AWS"
            after = self._seen().versions
            assert waiting or after == before, f"a restart wrote: {_named(before, after, self._seen())}"

    @told
    def restart_api_server(self) -> None:
        """The API server crashes, and comes back."""
        self._careful()
        self.cluster.close()
        self.world.plane.restart_api_server()
        wait_for(self._answers, "it serves the operator's kinds too", within=60)

    def _answers(self) -> bool:
        try:
            return all(self.cluster.items(f"{ECR}/{plural}") is not None for plural in self.PLURALS)
        except Refused:
            return False

    # What comes of it

    def _careful(self, *, quietly: bool = False, always: bool = False) -> None:
        """Lets the world come to rest where else two outcomes would be right."""
        if always or self.model.fault or (quietly and self.hurry):
            self.settle()

    def _seen(self) -> Seen:
        return Seen.now(self.cluster, self.aws, list(self.model.teams))

    def settle(self) -> None:
        """Waits until the world is as the model foretells, and sees it stay so."""
        said = self.model.foretell()
        found = ["nothing yet"]

        def reached() -> bool:
            found[:] = differences(self.model, said, self._seen())
            return not found

        try:
            wait_for(reached, "the world is as foretold", within=QUIET_WITHIN)
        except NotReached:
            raise AssertionError(self._report(found)) from None
        time.sleep(STAYS_FOR)
        if not reached():
            raise AssertionError(self._report(["and then it changed:", *found]))
        self.hurry = False
        self._judge_calls()

    def _judge_calls(self) -> None:
        """AWS is asked once for each region and identity, and once more when somebody asks; failures back off."""
        asked = [scope_of(one) for one in self.aws.tokens()[self.life.tokens_before :]]
        often = {scope: asked.count(scope) for scope in asked if asked.count(scope) > 1 + 2 * self.life.refreshes}
        assert not often, self._report([f"AWS gave too many tokens: {often}"])
        failed = [one for one in self.aws.calls()[self.life.calls_before :] if one.result != "ok"]
        most = 2 * len(REGIONS) * 2 * (3 + (time.monotonic() - self.life.began))
        assert len(failed) <= most, self._report([f"{len(failed)} calls failed"])
        assert self.life.operator.process.poll() is None, self._report(["the operator has ended"])

    def _report(self, found: list[str]) -> str:
        steps = "\n".join(self.story)
        return "\n".join(["the world is not as foretold:", *found, f"operator: {self.life.operator.log}", "", steps])

    def end(self) -> None:
        """Waits once more, and clears what is the cluster's."""
        try:
            self.settle()
            log = self.life.operator.output()
            assert "Traceback" not in log, self._report(["a traceback in the operator's log"])
        finally:
            self.aws.fix()
            for key in list(self.model.wishes):
                _if_there(functools.partial(self.cluster.delete, self._path(key)))
            for name in self.model.policies:
                _if_there(functools.partial(self.cluster.delete, f"{POLICIES}/{name}"))
            for name in self.model.teams:
                self.cluster.delete(f"/api/v1/namespaces/{name}")


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nothing(one) for key, one in value.items() if one is not None}
    return value


def _listed(answer: Object) -> Object:
    """An object as it stands in a list."""
    return {key: value for key, value in answer.items() if key not in ("kind", "apiVersion")}


def _if_there(act: Callable[[], object]) -> None:
    try:
        act()
    except Refused as refusal:
        if refusal.status != 404:
            raise


def _named(before: Mapping[str, str], after: Mapping[str, str], seen: Seen) -> list[str]:
    objects = [*seen.resources.values(), *seen.secrets.values(), *seen.accounts.values()]
    names = {one["metadata"]["uid"]: one["metadata"]["name"] for one in objects}
    return [names.get(uid, uid) for uid, version in after.items() if before.get(uid) != version]
