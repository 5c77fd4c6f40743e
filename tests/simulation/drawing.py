"""Draws the plan of a simulation from its seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from .drawing_faults import FAULTS
from .expected import OPERATOR_NAMESPACE, PUBLIC
from .plan import (
    ACCOUNTS,
    BYSTANDER,
    HOSTS,
    KEY_IDS,
    KEYS,
    KINDS,
    NAMES,
    NAMESPACES,
    POLICIES,
    REPLICAS,
    ROLES,
    SECRETS,
    Action,
    Plan,
)

Draw = Callable[[Random], dict[str, Any]]


def _some(random: Random, share: float) -> bool:
    return random.random() < share


def _aws(random: Random) -> dict[str, Any]:
    kind = random.choices(("", "role_arn", "service_account", "credentials_secret"), (5, 3, 2, 2))[0]
    named = {
        "role_arn": random.choice(ROLES),
        "service_account": random.choice(ACCOUNTS),
        "credentials_secret": random.choice(KEYS),
    }
    return {kind: named[kind]} if kind else {}


def _limited(random: Random, aws: dict[str, Any], host: str) -> dict[str, Any]:
    if _some(random, 0.15):
        aws = {**aws, "access": random.choice(("pull", "push", "full"))}
    if _some(random, 0.15) and host != PUBLIC:
        aws = {**aws, "repositories": [random.choice(("team-a/*", "team-a/web*", "team-b/*"))]}
    return aws


def _spec(random: Random, kind: str) -> dict[str, Any]:
    host = random.choice(HOSTS)
    spec: dict[str, Any] = {
        "generated_secret_name": random.choice(SECRETS),
        "frequency": random.choice(("6h", "1h", "10m", "12h")),
        "aws": _limited(random, _aws(random), host),
    }
    if host == PUBLIC:
        spec["aws"].pop("repositories", None)
    if kind == "ArgoHelmRepoSecret":
        return {**spec, "url": f"{random.choice([one for one in HOSTS if one != PUBLIC])}/charts"}
    spec["ecr_registry"] = host
    if _some(random, 0.25):
        other = random.choice([one for one in HOSTS if one not in (host, PUBLIC)])
        spec["additional_registries"] = [{"ecr_registry": other, "aws": _aws(random)}]
    if kind == "Secret" and _some(random, 0.3):
        spec["link"] = [
            {"service_account": random.choice(ACCOUNTS), "for": random.choice((["pull"], ["pull", "mount"]))}
        ]
    if kind == "ClusterPullSecret":
        spec["namespaces"] = _selection(random)
    if _some(random, 0.1):
        spec["deletion_policy"] = "Retain"
    return spec


def _selection(random: Random) -> dict[str, Any]:
    chosen = random.choice(("include", "labels", "exclude"))
    if chosen == "include":
        return {"include": random.sample(NAMESPACES, random.randint(1, 3))}
    if chosen == "labels":
        return {"selector": {"matchLabels": {"tier": random.choice(("gold", "iron"))}}}
    return {"include": ["team-*"], "exclude": [random.choice(NAMESPACES)]}


def _resource(random: Random) -> dict[str, Any]:
    kind = random.choices(tuple(KINDS), (6, 2, 2))[0]
    namespace = "" if kind == "ClusterPullSecret" else random.choice(NAMESPACES)
    return {"kind": kind, "namespace": namespace, "name": random.choice(NAMES)}


def _create(random: Random) -> dict[str, Any]:
    found = _resource(random)
    return {**found, "spec": _spec(random, found["kind"])}


def _refresh(random: Random) -> dict[str, Any]:
    return {**_resource(random), "value": str(random.randrange(1_000_000))}


def _suspend(random: Random) -> dict[str, Any]:
    return {**_resource(random), "suspend": _some(random, 0.5)}


def _secret(random: Random) -> dict[str, Any]:
    return {"namespace": random.choice(NAMESPACES), "name": random.choice(SECRETS)}


def _damage(random: Random) -> dict[str, Any]:
    hows = ("delete", "data", "labels", "unlabel", "annotations", "owner", "old")
    return {**_secret(random), "how": random.choice(hows)}


def _policy(random: Random) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    if _some(random, 0.6):
        spec["namespaces"] = _selection(random)
    if _some(random, 0.4):
        spec["registries"] = [random.choice(("*", "123456789012.*", "*us-east-2*"))]
    if _some(random, 0.6):
        spec["role_arns"] = [random.choice(("*", *ROLES))]
    spec["ambient_identity"] = _some(random, 0.6)
    if _some(random, 0.2):
        spec["default_role_arn"] = random.choice(ROLES)
    if _some(random, 0.3):
        spec["limit"] = random.choice(({"access": "pull"}, {"access": "push", "repositories": ["{namespace}/*"]}))
    if _some(random, 0.15):
        spec["mode"] = "Audit"
    return {"name": random.choice(POLICIES), "spec": spec}


def _label(random: Random) -> dict[str, Any]:
    return {"namespace": random.choice(NAMESPACES), "tier": random.choice(("gold", "iron", None))}


def _account(random: Random) -> dict[str, Any]:
    namespace = random.choice((*NAMESPACES, OPERATOR_NAMESPACE))
    return {"namespace": namespace, "name": random.choice(ACCOUNTS), "role": random.choice((*ROLES, ""))}


def _keys(random: Random) -> dict[str, Any]:
    namespace = random.choice((*NAMESPACES, OPERATOR_NAMESPACE))
    return {"namespace": namespace, "name": random.choice(KEYS), "key": random.choice(KEY_IDS)}


def _trust(random: Random) -> dict[str, Any]:
    return {"role": random.choice(ROLES), "trusted": _some(random, 0.7)}


def _key(random: Random) -> dict[str, Any]:
    return {"key": random.choice(KEY_IDS), "valid": _some(random, 0.6)}


def _fight(random: Random) -> dict[str, Any]:
    how = random.choice(("delete", "revert", "label"))
    return {
        **_secret(random),
        "how": how,
        "seconds": random.choice((20.0, 120.0, 900.0)),
        "gap": random.uniform(0.0, 3.0),
    }


def _hold(random: Random) -> dict[str, Any]:
    of = random.choice(({"plural": "secrets", **_secret(random)}, {"plural": "", **_resource(random)}))
    return {**of, "seconds": random.choice((5.0, 60.0, 600.0))}


def _webhook(random: Random) -> dict[str, Any]:
    how = random.choice(("deny", "mutate", "slow", "slow", "hang", "fail"))
    return {"namespace": random.choice(NAMESPACES), "how": how, "seconds": random.choice((10.0, 120.0, 900.0))}


def _quota(random: Random) -> dict[str, Any]:
    return {"namespace": random.choice(NAMESPACES), "seconds": random.choice((30.0, 300.0))}


def _namespace(random: Random) -> dict[str, Any]:
    return {"namespace": random.choice(NAMESPACES)}


def _copy(random: Random) -> dict[str, Any]:
    to = _secret(random)
    return {**_secret(random), "to_namespace": to["namespace"], "to_name": to["name"]}


def _forge(random: Random) -> dict[str, Any]:
    return {**_secret(random), "victim": random.choice(NAMESPACES), "owner": random.choice(NAMES)}


def _link(random: Random) -> dict[str, Any]:
    namespace, account = random.choice(NAMESPACES), random.choice(ACCOUNTS)
    return {"namespace": namespace, "account": account, "how": random.choice(("remove", "add", "record"))}


def _remove_namespace(random: Random) -> dict[str, Any]:
    return {**_namespace(random), "seconds": random.choice((1.0, 30.0, 300.0))}


def _flood(random: Random) -> dict[str, Any]:
    count, seconds = random.choice((20, 60)), random.choice((100.0, 900.0))
    return {**_namespace(random), "count": count, "seconds": seconds, "how": random.choice(("", "slow", "hang"))}


def _intrude(random: Random) -> dict[str, Any]:
    how = random.choice(("touch", "delete", "replace"))
    return {**_namespace(random), "how": how, "request": random.choice((1, 1, 2, 4))}


def _predecessor(random: Random) -> dict[str, Any]:
    return {**_secret(random), "host": random.choice([one for one in HOSTS if one != PUBLIC])}


DRAWS: Mapping[str, tuple[float, Draw]] = {
    "create": (16, _create),
    "edit": (8, _create),
    "delete": (6, _resource),
    "refresh": (5, _refresh),
    "suspend": (3, _suspend),
    "damage": (10, _damage),
    "foreign": (2, _secret),
    "policy": (5, _policy),
    "remove_policy": (3, lambda random: {"name": random.choice(POLICIES)}),
    "label": (4, _label),
    "account": (4, _account),
    "remove_account": (1, _account),
    "keys": (4, _keys),
    "remove_keys": (1, _keys),
    "trust": (3, _trust),
    "key": (2, _key),
    "fight": (5, _fight),
    "hold": (3, _hold),
    "webhook": (3, _webhook),
    "quota": (1, _quota),
    "snapshot": (2, _namespace),
    "restore": (2, _namespace),
    "copy_secret": (3, _copy),
    "forge": (2, _forge),
    "link": (3, _link),
    "remove_namespace": (1, _remove_namespace),
    "flood": (1, _flood),
    "intrude": (4, _intrude),
    "predecessor": (2, _predecessor),
    **FAULTS,
}
"""How often each action is drawn, and what draws its arguments."""

DAY_SECONDS = 86_400.0
CALM = 50
"""So many resources are in a long, calm simulation."""

FIRST = 12
"""So many resources are created at the beginning."""


def draw(seed: int) -> Plan:
    """The plan of a seed."""
    random = Random(seed)
    days = _some(random, 0.03)
    hours = 12.0 if days else random.choice((0.25, 0.5, 1.0))
    replicas = REPLICAS[:1] if days or _some(random, 0.3) else REPLICAS
    return Plan(
        seed=seed,
        duration=hours * 3_600,
        settle=1_200.0,
        lifetime=43_200.0 if days else random.choice((900.0, 3_600.0, 43_200.0)),
        role_lifetime=43_200.0 if days else random.choice((900.0, 3_600.0, 43_200.0)),
        replicas=replicas,
        skews={name: random.choice((0.0, 0.0, random.uniform(-60, 60))) for name in (*REPLICAS, "aws")},
        required=_some(random, 0.1),
        confined_to=(*random.sample(NAMESPACES, 2), BYSTANDER) if _some(random, 0.08) else (),
        actions=_actions(random, hours * 3_600, replicas),
    )


def calm(seed: int, days: float) -> Plan:
    """A plan with 50 resources and one action every six hours on average, for a long time."""
    random, duration = Random(seed), days * DAY_SECONDS
    actions = [Action(random.uniform(0.0, 60.0), "create", _numbered(random, number)) for number in range(CALM)]
    at = random.expovariate(4 / DAY_SECONDS)
    while at < duration:
        name = random.choice(("refresh", "damage", "label", "aws", "crash"))
        actions.append(
            Action(at, name, {**DRAWS[name][1](random), **({"replica": REPLICAS[0]} if name == "crash" else {})})
        )
        at += random.expovariate(4 / DAY_SECONDS)
    twelve_hours = DAY_SECONDS / 2
    return Plan(
        seed=seed,
        duration=duration,
        settle=1_200.0,
        lifetime=twelve_hours,
        role_lifetime=twelve_hours,
        replicas=REPLICAS[:1],
        skews=dict.fromkeys((*REPLICAS, "aws"), 0.0),
        required=False,
        confined_to=(),
        actions=tuple(sorted(actions, key=lambda action: action.at)),
    )


def _numbered(random: Random, number: int) -> dict[str, Any]:
    spec = {"generated_secret_name": f"pull-{number}", "frequency": "6h", "aws": {}, "ecr_registry": HOSTS[number % 3]}
    return {"kind": "Secret", "namespace": random.choice(NAMESPACES), "name": f"of-{number}", "spec": spec}


def _actions(random: Random, duration: float, replicas: tuple[str, ...]) -> tuple[Action, ...]:
    """Actions in bursts: what happens at nearly the same time finds races."""
    actions = [Action(random.uniform(0.0, 5.0), "create", _create(random)) for _ in range(FIRST)]
    names, weights = tuple(DRAWS), [weight for weight, _ in DRAWS.values()]
    left = random.randint(10, 60)
    while left > 0:
        at, size = random.uniform(5.0, duration), random.choice((1, 2, 3, 5, 8))
        for _ in range(min(size, left)):
            name = random.choices(names, weights)[0]
            arguments = DRAWS[name][1](random)
            if arguments.get("replica", replicas[0]) not in replicas:
                arguments = {**arguments, "replica": replicas[0]}
            actions.append(Action(at, name, arguments))
            at += random.expovariate(1 / random.choice((0.01, 0.3, 5.0, 20.0)))
        left -= size
    return tuple(sorted(actions, key=lambda action: action.at))
