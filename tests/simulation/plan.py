"""What happens in a simulation, drawn from its seed before it starts: actions, of which any part can be left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .expected import PUBLIC

NAMESPACES = ("team-a", "team-b", "team-c", "argocd")
BYSTANDER = "bystander"
"""A namespace to which no action does anything: it is to be served as ever."""

NAMES = ("one", "two", "three", "four")
SECRETS = ("pull", "push", "charts")
ACCOUNTS = ("default", "builder")
KEYS = ("keys", "more-keys")
POLICIES = ("a-first", "b-second", "c-third")
REPLICAS = ("left", "right")
HOSTS = (
    "123456789012.dkr.ecr.us-east-2.amazonaws.com",
    "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
    "210987654321.dkr.ecr.us-east-2.amazonaws.com",
    PUBLIC,
)
ROLES = tuple(f"arn:aws:iam::123456789012:role/{name}" for name in ("puller", "pusher", "team"))
KINDS = {
    "Secret": "secrets.ecr",
    "ArgoHelmRepoSecret": "argohelmreposecrets",
    "ClusterPullSecret": "clusterpullsecrets",
}
KEY_IDS = ("AKIAONE", "AKIATWO")


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that an actor does, or one fault.

    Attributes:
        at: seconds since the beginning.
        name: of the function in `actors` that does it.
        arguments: of that function.
    """

    at: float
    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        arguments = ", ".join(f"{key}={value!r}" for key, value in self.arguments.items())
        return f"{self.at:10.3f}  {self.name}({arguments})"


@dataclass(frozen=True, slots=True)
class Plan:
    """A simulation.

    Attributes:
        seed: of everything that is drawn while it runs.
        duration: seconds in which actions happen.
        settle: seconds that the operator then has to bring everything in order.
        lifetime, role_lifetime: of tokens, in seconds.
        replicas: names; with one, there is no leader election.
        skews: what the clocks of the replicas and of AWS are ahead, in seconds.
        required: whether the operator runs with --require-access-policy.
        confined_to: the namespaces that the operator watches; empty for all.
        actions: in order.
    """

    seed: int
    duration: float
    settle: float
    lifetime: float
    role_lifetime: float
    replicas: tuple[str, ...]
    skews: Mapping[str, float]
    required: bool
    confined_to: tuple[str, ...]
    actions: tuple[Action, ...]

    def with_actions(self, actions: tuple[Action, ...]) -> Plan:
        """The same simulation with other actions."""
        return replace(self, actions=actions)
